"""Joint test of three or more arms."""

import numpy as np
import polars as pl

from hilum.evaluation.columns import schema
from hilum.evaluation.estimation import BootstrappedArms
from hilum.evaluation.inference import ADJUSTMENTS, Adjustment, JointTest, Look, number_or_null

JOINT_SCHEMA = schema("finding metric arms statistic df df_error p p_adjusted", df=pl.Int64)


def joint_table(
    measured: BootstrappedArms, *, adjustment: Adjustment = "Benjamini-Hochberg", look: Look | None = None
) -> pl.DataFrame:
    """Test several arms jointly (`hilum.evaluation.inference.joint_test_of_seeds`), one row a metric and finding.

    Args:
        measured: Three or more arms; the table of two arms is empty, since their pair is the test.
        adjustment: Adjustment of p-values over the single findings of a metric; each average is its own family.
        look: Number of the planned look; None for a single look.

    Returns:
        finding (or average; with enough patients), metric, arms, statistic (Wald; divided by df and compared with F
        where df_error is known, with chi-squared otherwise), df, df_error (null for infinity), p, p_adjusted.
    """
    rows: list[dict[str, object]] = []
    for metric in measured.metrics:
        overall = [(name, len(measured.findings) + at) for at, name in enumerate(measured.averages)]
        single = [(measured.findings[at], int(at)) for at in np.flatnonzero(measured.included)]
        for family in (*([each] for each in overall), single):
            found = [(name, test) for name, at in family if (test := measured.joint_test(metric, at)) is not None]
            adjusted = ADJUSTMENTS[adjustment](np.array([test.p for _, test in found]))
            adjusted = (look or Look()).stretched(adjusted)
            rows += [
                _row(name, metric, len(measured.arms), test, float(p))
                for (name, test), p in zip(found, adjusted, strict=True)
            ]
    return pl.DataFrame(rows, schema=JOINT_SCHEMA)


def _row(finding: str, metric: str, arms: int, test: JointTest, adjusted: float) -> dict[str, object]:
    return {
        "finding": finding, "metric": metric, "arms": arms, "statistic": test.statistic, "df": test.df,
        "df_error": number_or_null(test.df_error), "p": test.p, "p_adjusted": adjusted,
    }  # fmt: skip
