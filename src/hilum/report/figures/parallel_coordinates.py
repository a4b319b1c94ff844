"""Parallel coordinates of the trials of a sweep (Inselberg, "The plane with parallel coordinates", 1985)."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from hilum.report.figures import canvas
from hilum.report.render import Figure, file_stem
from hilum.report.sweep_summary import SweepSummary

GAP, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 118, 250, 62, 34, 78, 34
MOST_TICKS = 7


def parallel_coordinates(sweep: SweepSummary) -> Figure:
    """Draw one line per trial through its value of each setting to its validation result.

    The selected trial is drawn thick, pruned trials are faint, diverged trials are excluded. The last axis has the
    better value at its top.

    Args:
        sweep: Sweep with at least one setting of several values.
    """
    names = sweep.varied
    better = sweep.select
    rows = [
        (row, sample)
        for row, sample in zip(sweep.trials.to_dicts(), sweep.settings, strict=True)
        if row["state"] != "diverged" and row[better] is not None and math.isfinite(row[better])
    ]
    drawing = canvas.sheet(LEFT + GAP * len(names) + RIGHT, HEIGHT)
    axes = canvas.panel(drawing, LEFT, TOP, GAP * len(names), HEIGHT - TOP - BOTTOM)
    axes.set_xlim(0, len(names))
    axes.set_ylim(-0.04, 1.04)
    axes.set_axis_off()
    scales = [_Scale([sample.get(name) for sample in sweep.settings]) for name in names]
    outcome = _Scale([row[better] for row, _ in rows], descending=better == "val_loss")
    order = sorted(rows, key=lambda each: (each[0]["trial"] == sweep.selected, each[0]["state"] == "complete"))
    hover = {}
    for row, sample in order:
        places = [scale.place(sample.get(name)) for scale, name in zip(scales, names, strict=True)]
        chosen, pruned = row["trial"] == sweep.selected, row["state"] == "pruned"
        colour = canvas.ARM_COLOURS[1] if chosen else canvas.RULE if pruned else canvas.ARM_COLOURS[0]
        gid = f"trial{row['trial']}"
        heights = [*places, outcome.place(row[better])]
        width = 2.6 if chosen else 0.8
        axes.plot(range(len(heights)), heights, color=colour, linewidth=width, gid=gid, solid_joinstyle="round")
        message = ", ".join(f"{name} {sample.get(name)}" for name in names)
        hover[gid] = f"Trial {row['trial']} ({row['state']}): {message}; {better} {row[better]:.4f}"
    for place, (name, scale) in enumerate(zip(names, scales, strict=True)):
        _draw_axis(axes, place, name, scale.ticks())
    _draw_axis(axes, len(names), better, outcome.ticks())
    description = (
        f"{len(rows)} trials of {sweep.arm}: values of {', '.join(names)}, and {better}; the selected trial is thick."
    )
    return canvas.as_figure(drawing, file_stem("sweep", sweep.arm), description, hover)


def _draw_axis(axes: Axes, place: int, title: str, ticks: Sequence[tuple[float, str]]) -> None:
    axes.plot([place, place], [0, 1], color=canvas.FAINT, linewidth=0.8)
    axes.text(place, 1.08, canvas.shortened(title, 16), ha="center", va="bottom", fontsize=11, fontweight="bold")
    for height, label in ticks:
        axes.plot([place - 0.02, place + 0.02], [height, height], color=canvas.FAINT, linewidth=0.8)
        axes.text(place + 0.04, height, label, ha="left", va="center", fontsize=10, bbox=_BEHIND)


_BEHIND = {"boxstyle": "square,pad=0.1", "facecolor": canvas.PAPER, "edgecolor": "none"}


class _Scale:
    """Positions of values on an axis, 0 to 1: few values by rank, many numbers on a linear or logarithmic scale."""

    def __init__(self, values: Sequence[Any], *, descending: bool = False) -> None:
        self.descending = descending
        distinct = {repr(value): value for value in values}
        self.numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in distinct.values())
        self.continuous = self.numbers and len(distinct) > MOST_TICKS
        ordered = sorted(distinct, key=lambda key: (float(distinct[key]) if self.numbers else 0.0, key))
        self.order = {key: place for place, key in enumerate(ordered)}
        self.values = [distinct[key] for key in ordered]
        if self.continuous:
            self.low, self.high = float(self.values[0]), float(self.values[-1])
            self.log = self.low > 0 and self.high / self.low >= 20

    def place(self, value: Any) -> float:
        """Return the position of one of the values."""
        if not self.continuous:
            place = self.order[repr(value)] / max(1, len(self.order) - 1)
        else:
            low, high, at = (self._scaled(each) for each in (self.low, self.high, float(value)))
            place = (at - low) / (high - low)
        return 1 - place if self.descending else place

    def ticks(self) -> list[tuple[float, str]]:
        """Return heights and labels of the ticks."""
        if not self.continuous:
            return [(self.place(value), canvas.shortened(_label(value), 14)) for value in self.values]
        ends = [self.low, self.high]
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        return [(self.place(value), f"{value:.3g}") for value in (*ends, middle)]

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.log else value


def _label(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
