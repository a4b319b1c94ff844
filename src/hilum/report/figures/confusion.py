"""Confusion matrices of multiclass tasks, one panel per arm."""

from collections.abc import Sequence

import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from hilum.evaluation.metrics import overall_finding
from hilum.evaluation.tables import mean_confusion
from hilum.report.content import ReportContent
from hilum.report.figures import canvas
from hilum.report.render import Figure, file_stem

CELL, TOP, BOTTOM, RIGHT = 46, 62, 12, 12
LETTER = 6.0


FEW_ARMS = 4
"""Most arms of which a report draws every matrix; of more arms it draws those of the best two."""


def confusion_arms(content: ReportContent) -> list[str]:
    """Return the arms whose matrices a report draws: all of a few, else the two with the highest first metric."""
    if len(content.arms) <= FEW_ARMS or content.metrics.is_empty():
        return [arm.name for arm in content.arms]
    rows = content.metrics.filter(content.metrics["metric"] == content.metrics["metric"][0])
    rows = rows.filter(rows["finding"] == overall_finding(rows["finding"].to_list())).drop_nulls("estimate")
    best = set(rows.sort("estimate", descending=True, maintain_order=True)["arm"].head(2))
    return [arm.name for arm in content.arms if arm.name in best]


def confusion_figures(content: ReportContent, arms: Sequence[str] | None = None) -> list[Figure]:
    """Draw the confusion matrix of each arm of a multiclass task; none for multilabel tasks.

    Args:
        content: Report content with predictions.
        arms: Arms to draw; default: those of `confusion_arms`.
    """
    figures = []
    chosen = confusion_arms(content) if arms is None else arms
    for arm in (each for each in content.arms if each.name in chosen):
        seeds = content.predictions.get(arm.name, ())
        counts = mean_confusion(seeds)
        if counts is not None:
            figures.append(_matrix(file_stem("confusion", arm.name), arm.title, seeds[0].findings, counts))
    return figures


def _matrix(name: str, title: str, classes: Sequence[str], counts: NDArray[np.float64]) -> Figure:
    size = len(classes)
    names = [canvas.shortened(one, 18) for one in classes]
    left = 16 + LETTER * max(len(one) for one in names)
    slanted = 0.6 * LETTER * max(len(one) for one in names)
    top = TOP + slanted
    drawing = canvas.sheet(max(left + CELL * size + RIGHT + slanted, 200), top + CELL * size + BOTTOM)
    axes = canvas.panel(drawing, left, top, CELL * size, CELL * size)
    axes.set(xlim=(0, size), ylim=(size, 0))
    totals = counts.sum(axis=1, keepdims=True)
    fractions = counts / np.maximum(totals, 1)
    hover = {}
    for row, column in np.ndindex(size, size):
        fraction, gid = fractions[row, column], f"cell{row * size + column}"
        share = f"{counts[row, column]:g} images, {100 * fraction:.0f} % of the class"
        hover[gid] = f"{classes[row]} predicted as {classes[column]}: {share}"
        shade = Rectangle(
            (column + 0.02, row + 0.02), 0.96, 0.96, color=canvas.ARM_COLOURS[0], alpha=0.04 + 0.66 * fraction,
            linewidth=0, gid=gid,
        )  # fmt: skip
        axes.add_patch(shade)
        weight = "bold" if row == column else "normal"
        axes.text(
            column + 0.5,
            row + 0.43,
            f"{100 * fraction:.0f} %",
            ha="center",
            va="center",
            fontsize=11,
            fontweight=weight,
        )
        axes.text(
            column + 0.5, row + 0.75, f"{counts[row, column]:,.0f}", ha="center", va="center", fontsize=8,
            color=canvas.FAINT,
        )  # fmt: skip
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(size) + 0.5, names, rotation=35, ha="left", rotation_mode="anchor")
    axes.set_yticks(np.arange(size) + 0.5, names)
    drawing.text(4 / (drawing.get_size_inches()[0] * 72), 1 - 16 / (drawing.get_size_inches()[1] * 72), title,
                 fontsize=12, fontweight="bold")  # fmt: skip
    right = counts.trace() / max(counts.sum(), 1)
    description = (
        f"Confusion matrix of {title}: {100 * right:.0f} % of images are classified correctly. Rows: true class."
    )
    return canvas.as_figure(drawing, name, description, hover)
