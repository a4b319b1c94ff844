"""Bar chart of the positive images of each finding, grouped by split."""

from collections.abc import Sequence

import polars as pl

from hilum.report.figures import canvas
from hilum.report.render import Figure, formats
from hilum.wording import counted

WIDTH, BAR, GAP, TOP, BOTTOM, RIGHT, LETTER = 560, 14, 8, 34, 40, 74, 6.3


def class_bars_figure(name: str, title: str, counts: pl.DataFrame, splits: Sequence[str]) -> Figure | None:
    """Draw one bar per finding and split with its count; None without counts.

    Args:
        name: Name of the `Figure`.
        title: Title above the bars.
        counts: Columns `split, finding, positives`.
        splits: Splits to show, such as train.
    """
    shown = counts.filter(pl.col("split").is_in(list(splits)) & pl.col("finding").is_not_null())
    findings = shown["finding"].unique(maintain_order=True).to_list()
    parts = [split for split in splits if split in set(shown["split"])]
    if not findings or not parts:
        return None
    numbers = {(row["finding"], row["split"]): int(row["positives"]) for row in shown.to_dicts()}
    left = min(14 + LETTER * max(len(finding) for finding in findings), 220)
    rows = BAR * len(parts) + GAP
    drawing = canvas.sheet(WIDTH, TOP + rows * len(findings) + BOTTOM)
    axes = canvas.panel(drawing, left, TOP, WIDTH - left - RIGHT, rows * len(findings))
    axes.grid(visible=True, axis="x")
    hover: dict[str, str] = {}
    for place, finding in enumerate(findings):
        for at, split in enumerate(parts):
            number, y = numbers.get((finding, split), 0), place * rows + GAP / 2 + BAR * (at + 0.5)
            gid = f"bar{len(hover)}"
            hover[gid] = f"{finding}, {split}: {counted(number, 'positive image')}"
            axes.barh([y], [number], height=BAR - 3, color=canvas.ARM_COLOURS[at % len(canvas.ARM_COLOURS)], gid=gid)
            axes.annotate(f"{number:,}", (number, y), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_ylim(rows * len(findings), 0)
    axes.set_yticks([rows * (place + 0.5) for place in range(len(findings))], findings)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Positive images")
    axes.xaxis.set_major_formatter(lambda value, _: formats.count(value))
    above = " · ".join(parts) if len(parts) > 1 else ""
    axes.set_title(f"{title}  {above}".strip(), loc="left", fontsize=12, fontweight="bold", pad=8)
    described = "; ".join(f"{finding} {numbers.get((finding, parts[0]), 0):,}" for finding in findings)
    return canvas.as_figure(drawing, name, f"Positive images of {parts[0]}: {described}.", hover)
