"""Ranks of arms over findings and data sets, and counts of wins, ties and losses."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from hilum.errors import HilumError
from hilum.evaluation.columns import schema
from hilum.evaluation.estimation import BootstrappedArms
from hilum.evaluation.inference import estimate_columns, percentile_interval
from hilum.evaluation.metrics import AUROC, lower_is_better

RANKS_SCHEMA = schema("arm metric mean_rank ci_low ci_high prob_best n_findings_ranked")
WINS_SCHEMA = schema("arm reference metric wins ties losses")


def ranks_table(data_sets: Sequence[BootstrappedArms], *, metric: str = AUROC) -> pl.DataFrame:
    """Compute mean ranks of arms over all findings of all data sets, with intervals over resampled patients.

    Rank 1 is the best; tied arms share the mean of their ranks. Findings with too few patients are excluded. Data sets
    are resampled independently; all findings of all data sets have equal weight.

    Args:
        data_sets: The same bootstrapped arms on one or more test sets, with equal numbers of resamples.
        metric: A computed metric.

    Returns:
        From the best: arm, metric, mean_rank, ci_low, ci_high (95 %), prob_best (fraction of resamples in which the arm
        has the best mean rank; split between ties), n_findings_ranked (findings x data sets).

    Raises:
        HilumError: Other arms or another number of resamples in a data set, or no finding with enough patients.
    """
    arms = list(data_sets[0].arms)
    estimates, resampled = [], []
    for measured in data_sets:
        if list(measured.arms) != arms:
            found = f"{', '.join(measured.arms)} beside {', '.join(arms)}"
            raise HilumError("ranks", expected="the same arms in every data set", found=found, fix="Rank common arms.")
        sign = 1 if lower_is_better(metric) else -1
        included = np.flatnonzero(measured.included)
        each = [measured.arms[arm].metrics[metric] for arm in arms]
        estimates.append(sign * np.stack([one.estimate[included] for one in each]))
        resampled.append(sign * np.stack([one.resampled[included] for one in each]))
    if len({part.shape[-1] for part in resampled}) > 1:
        fix = "Evaluate all data sets with the same number of resamples."
        raise HilumError(
            "ranks", expected="equal numbers of resamples in all data sets", found="different ones", fix=fix
        )
    values, drawn = np.concatenate(estimates, axis=1), np.concatenate(resampled, axis=1)
    if not values.shape[1]:
        fix = "Lower min_positive_patients, or use a larger test set."
        raise HilumError("ranks", expected="a finding with enough patients", found="none", fix=fix)
    mean_rank = rankdata(values, axis=0).mean(axis=1)
    mean_drawn = _mean_ranks(drawn)
    best = mean_drawn == np.nanmin(mean_drawn, axis=0)
    share = (best / best.sum(axis=0)).mean(axis=1)
    rows = [
        {
            "arm": arms[at],
            "metric": metric,
            **estimate_columns(mean_rank[at], percentile_interval(mean_drawn[at]), name="mean_rank"),
            "prob_best": float(share[at]),
            "n_findings_ranked": values.shape[1],
        }
        for at in np.argsort(mean_rank, kind="stable")
    ]
    return pl.DataFrame(rows, schema=RANKS_SCHEMA)


def wins_table(comparisons: pl.DataFrame, *, averages: Sequence[str], level: float = 0.05) -> pl.DataFrame:
    """Count single findings that an arm wins, ties and loses after adjustment.

    Args:
        comparisons: Rows of `comparisons_table` of one or several data sets.
        averages: Averages over findings, which are not counted.
        level: Significance level of adjusted p-values.

    Returns:
        arm, reference, metric, wins, ties, losses. Findings that were not tested are not counted.
    """
    tested = comparisons.filter(~pl.col("finding").is_in(list(averages)) & pl.col("p_adjusted").is_not_null())
    shown = pl.col("p_adjusted") < level
    lower = [metric for metric in tested["metric"].unique().to_list() if lower_is_better(metric)]
    better = (pl.col("difference") > 0) != pl.col("metric").is_in(lower)
    return (
        tested.group_by("arm", "reference", "metric", maintain_order=True)
        .agg(
            (shown & better).sum().alias("wins"), (~shown).sum().alias("ties"), (shown & ~better).sum().alias("losses")
        )
        .cast({"wins": pl.Int64, "ties": pl.Int64, "losses": pl.Int64})
        .select(*WINS_SCHEMA)
    )


def _mean_ranks(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average ranks over findings, (A, C, B) to (A, B), without findings that are undefined in a resample."""
    defined = np.isfinite(drawn).all(axis=0)
    ranks = rankdata(np.where(defined, drawn, 0.0), axis=0)
    mean: NDArray[np.float64] = (ranks * defined).sum(axis=1) / np.maximum(defined.sum(axis=0), 1)
    return mean
