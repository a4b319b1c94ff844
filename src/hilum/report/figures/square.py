"""Square panels of curves: one panel per finding, one line per arm, the legend with numbers below."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from hilum.report.content import ReportContent
from hilum.report.figures import canvas
from hilum.report.render import Figure, formats

WIDTH, SIDE, LEFT, TOP, LINE = 290, 234, 42, 34, 16
_UNIT = (-0.01, 1.01)

Points = tuple[Sequence[float] | NDArray[np.float64], Sequence[float] | NDArray[np.float64]]
Pairs = list[tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Labels and scores of each seed."""


@dataclass(frozen=True)
class Drawn:
    """Line of one arm.

    Args:
        points: Coordinates x and y.
        label: Text beside the arm's name: estimate with interval.
        dots: Whether to draw markers at the points.
        steps: Whether to draw the line as steps ("steps-post").
    """

    points: Points
    label: str
    dots: bool = False
    steps: bool = False


@dataclass(frozen=True)
class Frame:
    """Axes of the panels of one kind.

    Args:
        kind: Name for screen readers, for example "ROC curves".
        across, up: Axis labels.
        x, y: Axis limits.
    """

    kind: str
    across: str
    up: str
    x: tuple[float, float] = _UNIT
    y: tuple[float, float] = _UNIT


def square_panel(
    name: str,
    title: str,
    subtitle: str,
    frame: Frame,
    lines: Mapping[str, Drawn],
    colours: Mapping[str, str],
    references: Sequence[Points] = (),
    dashes: Mapping[str, Any] | None = None,
) -> Figure:
    """Draw the panel of one finding.

    Args:
        name: Name of the `Figure`.
        title: Title of the panel: the finding.
        subtitle: Number of positives and images.
        frame: Axes.
        lines: Lines by the titles of the arms.
        colours: Colours of the arms.
        references: Dashed reference lines: chance, or treating all.
        dashes: Line styles of the arms; default: `canvas.arm_dashes`.
    """
    dashes = dashes or canvas.arm_dashes(colours)
    drawing = canvas.sheet(WIDTH, TOP + SIDE + 46 + LINE * len(lines))
    axes = canvas.panel(drawing, LEFT, TOP, SIDE, SIDE)
    axes.grid(visible=True)
    for x, y in references:
        axes.plot(x, y, color=canvas.FAINT, linewidth=0.8, linestyle=(0, (3, 3)))
    for i, (arm, line) in enumerate(lines.items()):
        style = "steps-post" if line.steps else "default"
        marker = canvas.ARM_MARKERS[list(colours).index(arm) % len(canvas.ARM_MARKERS)] if line.dots else None
        axes.plot(
            *line.points, color=colours[arm], linewidth=1.7, linestyle=dashes[arm], drawstyle=style, marker=marker,
            markersize=4, gid=f"curve{i}",
        )  # fmt: skip
    axes.set(xlim=frame.x, ylim=frame.y)
    for axis, limits in ((axes.xaxis, frame.x), (axes.yaxis, frame.y)):
        if limits == _UNIT:
            axis.set_ticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
        else:
            axis.set_major_locator(MaxNLocator(5, steps=canvas.STEPS))
    axes.set_xlabel(frame.across)
    axes.set_ylabel(frame.up)
    axes.text(0, 1 + 19 / SIDE, title, transform=axes.transAxes, fontsize=12, fontweight="bold")
    axes.text(0, 1 + 5 / SIDE, subtitle, transform=axes.transAxes, fontsize=10, color=canvas.FAINT)
    left = 4 - LEFT
    for i, (arm, line) in enumerate(lines.items()):
        at = -(48 + LINE * i) / SIDE
        ends = [left / SIDE, (left + 16) / SIDE]
        axes.plot(
            ends, [at, at], color=colours[arm], linewidth=2, linestyle=dashes[arm], transform=axes.transAxes,
            clip_on=False,
        )  # fmt: skip
        shown = canvas.shortened(arm, max(8, 42 - len(line.label)))
        axes.text((left + 22) / SIDE, at, shown, transform=axes.transAxes, va="center", fontsize=10)
        axes.text(1, at, line.label, transform=axes.transAxes, va="center", ha="right", fontsize=10)
    hover = {f"curve{i}": f"{arm}: {line.label}" for i, (arm, line) in enumerate(lines.items())}
    return canvas.as_figure(drawing, name, f"{frame.kind} for {title}. {'; '.join(hover.values())}", hover)


def scored(content: ReportContent, arm: str, finding: str) -> Pairs:
    """Return known labels (0, 1) and scores of each seed of an arm; empty if a seed has no positives or negatives."""
    pairs = []
    for run in content.predictions.get(arm, ()):
        if finding not in run.findings:
            return []
        place = run.findings.index(finding)
        label, score = run.labels[:, place], run.scores[:, place]
        known = ~np.isnan(label)
        if len(np.unique(label[known])) != 2:
            return []
        pairs.append((label[known], score[known]))
    return pairs


def estimate_label(content: ReportContent, metric: str, arm: str, finding: str) -> str:
    """Format the metric's estimate with its interval as in the tables; empty where they have none."""
    if content.metrics.is_empty():
        return ""
    rows = content.metrics
    rows = rows.filter((rows["metric"] == metric) & (rows["arm"] == arm) & (rows["finding"] == finding))
    if rows.is_empty() or not formats.known(rows["estimate"][0]):
        return ""
    return formats.estimate(rows["estimate"][0], rows["ci_low"][0], rows["ci_high"][0])
