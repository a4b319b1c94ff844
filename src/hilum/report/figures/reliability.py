"""Reliability curves: observed fraction of positives by predicted probability."""

import numpy as np

from hilum.evaluation.metrics import brier, expected_calibration_error, reliability_curve
from hilum.report.content import ReportContent
from hilum.report.figures import canvas
from hilum.report.figures.square import Drawn, Frame, findings_of, positives_of, scored, square_panel
from hilum.report.render import Figure, file_stem

BINS = 8
"""Maximum number of bins. Bins hold equal numbers of images: of equal width, most would be empty for a rare finding."""


def reliability_figures(content: ReportContent) -> list[Figure]:
    """Draw one panel per finding with positives and negatives; the images of all seeds are pooled."""
    colours = canvas.arm_colours(content.arms, content.reference)
    figures = []
    for finding in findings_of(content):
        lines, first, highest = {}, None, 0.0
        for arm in content.arms:
            pairs = scored(content, arm.name, finding)
            if not pairs:
                continue
            first = first or pairs
            label, score = (np.concatenate(side) for side in zip(*pairs, strict=True))
            curve = reliability_curve(label, score, bins=BINS, equal="images")
            error = np.mean([expected_calibration_error(*pair) for pair in pairs])
            squared = np.mean([brier(*pair) for pair in pairs])
            points = curve["predicted"].to_numpy(), curve["observed"].to_numpy()
            highest = max(highest, points[0].max(), points[1].max())
            lines[arm.title] = Drawn(points, f"ECE {error:.3f} · Brier {squared:.3f}", dots=True)
        if first:
            end = min(1.0, 1.05 * highest)
            limits = (-0.01 * end, 1.01 * end)
            frame = Frame("Reliability curves", "Predicted probability", "Observed fraction", limits, limits)
            name, ideal = file_stem("reliability", finding), [([0, end], [0, end])]
            figures.append(square_panel(name, finding, positives_of(first), frame, lines, colours, ideal))
    return figures
