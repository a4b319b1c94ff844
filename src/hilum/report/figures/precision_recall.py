"""Precision-recall curves, one panel per finding, one line per arm."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.metrics import auprc, cumulative_calls
from hilum.report.content import ReportContent
from hilum.report.figures import canvas
from hilum.report.figures.square import Drawn, Frame, estimate_label, findings_of, positives_of, scored, square_panel
from hilum.report.render import Figure, file_stem, formats

POINTS = 200
_FRAME = Frame("Precision-recall curves", "Sensitivity (recall)", "Precision (PPV)")


def precision_at(
    labels: NDArray[np.float64], scores: NDArray[np.float64], recalls: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the precision at the highest threshold that reaches each recall, as in average precision.

    Args:
        labels: Labels, (N,), 0 or 1, both present.
        scores: Scores, (N,).
        recalls: Recalls, (R,), 0 to 1.

    Returns:
        Precisions, (R,), above 0.
    """
    true, false = cumulative_calls(labels == 1, scores)
    reached = np.searchsorted(true, np.ceil(recalls * true[-1] - 1e-9).clip(1), side="left")
    return np.asarray(true[reached] / (true[reached] + false[reached]))


def precision_recall_figures(content: ReportContent) -> list[Figure]:
    """Draw one panel per finding with positives and negatives; seeds are averaged at equal recalls."""
    colours = canvas.arm_colours(content.arms, content.reference)
    recalls = np.linspace(0, 1, POINTS)
    figures = []
    for finding in findings_of(content):
        lines, first = {}, None
        for arm in content.arms:
            pairs = scored(content, arm.name, finding)
            if pairs:
                first = first or pairs
                mean = np.mean([precision_at(label, score, recalls) for label, score in pairs], axis=0)
                label = estimate_label(content, "auprc", arm.name, finding) or formats.decimal(_mean_auprc(pairs))
                lines[arm.title] = Drawn((recalls, mean), label)
        if first:
            prevalence = float(first[0][0].mean())
            chance = [([0, 1], [prevalence, prevalence])]
            name = file_stem("pr", finding)
            figures.append(square_panel(name, finding, positives_of(first), _FRAME, lines, colours, chance))
    return figures


def _mean_auprc(pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> float:
    return float(np.mean([auprc(label, score) for label, score in pairs]))
