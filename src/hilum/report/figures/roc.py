"""Receiver operating characteristic curves, one panel per finding, one line per arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.metrics import auc, roc_curve

from hilum.report.content import ReportContent
from hilum.report.figures import canvas
from hilum.report.figures.square import Drawn, Frame, square_panel
from hilum.report.render import Figure, file_stem, formats

POINTS = 200
_FRAME = Frame("ROC curves", "1 − specificity", "Sensitivity")


@dataclass(frozen=True)
class Roc:
    """ROC curve of one arm for one finding.

    Args:
        rate: False positive rates, (200,), closer together near 0, where curves are steep.
        sensitivity: Mean sensitivity over seeds at each rate, (200,).
        areas: AUROC of each seed.
    """

    rate: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    areas: list[float]


def roc(labels: Sequence[NDArray[np.float64]], scores: Sequence[NDArray[np.float64]]) -> Roc | None:
    """Average the ROC curves of several seeds at equal false positive rates.

    Vertical averaging of Fawcett, "An introduction to ROC analysis" (Pattern Recognition Letters 2006), §8.1.

    Args:
        labels: Labels of each seed, 0, 1 or NaN (ignored), (N,).
        scores: Scores of each seed, (N,).

    Returns:
        The averaged curve; None where a seed has no positives or no negatives.
    """
    rate = np.linspace(0, 1, POINTS) ** 2
    curves, areas = [], []
    for y, p in zip(labels, scores, strict=True):
        stated = ~np.isnan(y)
        if len(np.unique(y[stated])) != 2:
            return None
        false_positive, true_positive, _ = roc_curve(y[stated], p[stated])
        curves.append(np.interp(rate, false_positive, true_positive))
        areas.append(float(auc(false_positive, true_positive)))
    return Roc(rate, np.mean(curves, axis=0), areas) if curves else None


def roc_curves(content: ReportContent) -> dict[tuple[str, str], Roc]:
    """Average the ROC curves of each arm and finding with positives and negatives."""
    curves = {}
    for arm, runs in content.predictions.items():
        for finding in runs[0].findings if runs else []:
            places = [list(run.findings).index(finding) for run in runs]
            found = roc(
                [run.labels[:, place] for run, place in zip(runs, places, strict=True)],
                [run.scores[:, place] for run, place in zip(runs, places, strict=True)],
            )
            if found is not None:
                curves[arm, finding] = found
    return curves


def roc_figures(
    content: ReportContent, rocs: Mapping[tuple[str, str], Roc], dashes: Mapping[str, Any] | None = None
) -> list[Figure]:
    """Draw one panel per finding of the metrics that has a curve.

    Args:
        content: Report content: arms and metrics.
        rocs: Curves of `roc_curves`.
        dashes: Line styles by the titles of the arms; default: `canvas.arm_dashes`.
    """
    rows = {(row["arm"], row["finding"]): row for row in content.metrics.filter(pl.col("metric") == "auroc").to_dicts()}
    titles = {arm.name: arm.title for arm in content.arms}
    colours = canvas.arm_colours(content.arms, content.reference)
    figures = []
    for finding in dict.fromkeys(finding for _, finding in rows):
        drawn = [arm for arm in titles if (arm, finding) in rocs and (arm, finding) in rows]
        if not drawn:
            continue
        row = rows[drawn[0], finding]
        subtitle = f"{formats.count(row['positives'])} positive of {formats.count(row['n'])} images"
        lines = {
            titles[arm]: Drawn(
                (np.append(0.0, rocs[arm, finding].rate), np.append(0.0, rocs[arm, finding].sensitivity)),
                formats.estimate(*(rows[arm, finding][name] for name in ("estimate", "ci_low", "ci_high"))),
            )
            for arm in drawn
        }
        name = file_stem("roc", finding)
        figures.append(square_panel(name, finding, subtitle, _FRAME, lines, colours, [([0, 1], [0, 1])], dashes))
    return figures
