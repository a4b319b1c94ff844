"""Curves of the test scores, one panel per finding, one line per arm: precision-recall, reliability, net benefit."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.metrics import auprc, brier, cumulative_calls, expected_calibration_error, reliability_curve
from hilum.evaluation.metrics.decision_curve import decision_curve
from hilum.report.content import ArmSummary, ReportContent
from hilum.report.figures import canvas
from hilum.report.figures.square import Drawn, Frame, Pairs, Points, estimate_label, scored, square_panel
from hilum.report.render import Figure, file_stem, formats

POINTS = 200
BINS = 8
"""Maximum number of bins. Bins hold equal numbers of images: of equal width, most would be empty for a rare finding."""
THRESHOLDS = tuple(np.arange(1, 250) / 250)
_WORTH = 0.1
"""A panel ends where no arm reaches this fraction of the net benefit of a perfect model."""


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
    frame = Frame("Precision-recall curves", "Sensitivity (recall)", "Precision (PPV)")
    recalls = np.linspace(0, 1, POINTS)
    figures = []
    for finding, arms in _scored_arms(content):
        lines = {}
        for arm, pairs in arms:
            mean = np.mean([precision_at(*pair, recalls) for pair in pairs], axis=0)
            average = formats.decimal(float(np.mean([auprc(*pair) for pair in pairs])))
            lines[arm.title] = Drawn((recalls, mean), estimate_label(content, "auprc", arm.name, finding) or average)
        prevalence = _prevalence(arms)
        figures.append(_panel("pr", content, finding, arms, frame, lines, [([0, 1], [prevalence, prevalence])]))
    return figures


def reliability_figures(content: ReportContent) -> list[Figure]:
    """Draw one panel per finding with positives and negatives; the images of all seeds are pooled."""
    figures = []
    for finding, arms in _scored_arms(content):
        lines, highest = {}, 0.0
        for arm, pairs in arms:
            label, score = (np.concatenate(side) for side in zip(*pairs, strict=True))
            curve = reliability_curve(label, score, bins=BINS, equal="images")
            error = np.mean([expected_calibration_error(*pair) for pair in pairs])
            squared = np.mean([brier(*pair) for pair in pairs])
            points = curve["predicted"].to_numpy(), curve["observed"].to_numpy()
            highest = max(highest, points[0].max(), points[1].max())
            lines[arm.title] = Drawn(points, f"ECE {error:.3f} · Brier {squared:.3f}", dots=True)
        end = min(1.0, 1.05 * highest)
        limits = (-0.01 * end, 1.01 * end)
        frame = Frame("Reliability curves", "Predicted probability", "Observed fraction", limits, limits)
        figures.append(_panel("reliability", content, finding, arms, frame, lines, [([0, end], [0, end])]))
    return figures


def decision_figures(content: ReportContent) -> list[Figure]:
    """Draw decision curves: net benefit beside treating all or no patients (Vickers & Elkin 2006).

    One panel per finding with positives and negatives: the mean over seeds at each threshold probability.
    """
    figures = []
    at = np.array(THRESHOLDS)
    for finding, arms in _scored_arms(content):
        curves = {
            arm.title: np.mean([decision_curve(*pair, THRESHOLDS)["model"].to_numpy() for pair in pairs], axis=0)
            for arm, pairs in arms
        }
        prevalence = _prevalence(arms)
        worth = np.flatnonzero(np.max(list(curves.values()), axis=0) > _WORTH * prevalence)
        end = min(1.0, max(2 * prevalence, 1.1 * at[worth[-1]] if len(worth) else 0.0))
        frame = Frame(
            "Decision curves", "Threshold probability", "Net benefit", (0, end), (-0.25 * prevalence, 1.05 * prevalence)
        )
        lines = {
            title: Drawn(
                (at[at <= end], benefit[at <= end]), formats.decimal(np.interp(prevalence, at, benefit), signed=True)
            )
            for title, benefit in curves.items()
        }
        everybody = decision_curve(*arms[0][1][0], THRESHOLDS)["treat_all"].to_numpy()[at <= end]
        references: list[Points] = [(at[at <= end], everybody), ([0, end], [0, 0])]
        figures.append(_panel("decision", content, finding, arms, frame, lines, references))
    return figures


_Arms = list[tuple[ArmSummary, Pairs]]


def _scored_arms(content: ReportContent) -> Iterator[tuple[str, _Arms]]:
    """Yield the findings, in the order of the predictions, with the arms whose seeds have positives and negatives."""
    runs = [run for seeds in content.predictions.values() for run in seeds]
    for finding in dict.fromkeys(name for run in runs for name in run.findings):
        if arms := [(arm, pairs) for arm in content.arms if (pairs := scored(content, arm.name, finding))]:
            yield finding, arms


def _prevalence(arms: _Arms) -> float:
    return float(arms[0][1][0][0].mean())


def _panel(
    kind: str,
    content: ReportContent,
    finding: str,
    arms: _Arms,
    frame: Frame,
    lines: dict[str, Drawn],
    references: list[Points],
) -> Figure:
    label = arms[0][1][0][0]
    positives = f"{formats.count(label.sum())} positive of {formats.count(len(label))} images"
    colours = canvas.arm_colours(content.arms, content.reference)
    return square_panel(file_stem(kind, finding), finding, positives, frame, lines, colours, references)
