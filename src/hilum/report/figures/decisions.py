"""Decision curves: net benefit of a model beside treating all or no patients (Vickers & Elkin 2006)."""

import numpy as np

from hilum.evaluation.metrics.decision_curve import decision_curve
from hilum.report.content import ReportContent
from hilum.report.figures import canvas
from hilum.report.figures.square import Drawn, Frame, Points, findings_of, positives_of, scored, square_panel
from hilum.report.render import Figure, file_stem, formats

THRESHOLDS = tuple(np.arange(1, 250) / 250)
_WORTH = 0.1
"""A panel ends where no arm reaches this fraction of the net benefit of a perfect model."""


def decision_figures(content: ReportContent) -> list[Figure]:
    """Draw one panel per finding with positives and negatives: the mean over seeds at each threshold probability."""
    colours = canvas.arm_colours(content.arms, content.reference)
    figures = []
    for finding in findings_of(content):
        curves, first = {}, None
        for arm in content.arms:
            pairs = scored(content, arm.name, finding)
            if pairs:
                first = first or pairs
                benefits = [decision_curve(*pair, THRESHOLDS)["model"].to_numpy() for pair in pairs]
                curves[arm.title] = np.mean(benefits, axis=0)
        if not first:
            continue
        at = np.array(THRESHOLDS)
        prevalence = float(first[0][0].mean())
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
        everybody = decision_curve(*first[0], THRESHOLDS)["treat_all"].to_numpy()[at <= end]
        references: list[Points] = [(at[at <= end], everybody), ([0, end], [0, 0])]
        name = file_stem("decision", finding)
        figures.append(square_panel(name, finding, positives_of(first), frame, lines, colours, references))
    return figures
