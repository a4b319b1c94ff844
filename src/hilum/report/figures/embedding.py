"""Scatter plots of embeddings, coloured by class, with class separation beside them."""

import io
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

from hilum.artifacts import whole_file, write_text
from hilum.explanation.embedding import ALL, NO_FINDING, TITLES
from hilum.report.figures.canvas import (
    ARM_COLOURS,
    ARM_MARKERS,
    FAINT,
    REFERENCE,
    RULE,
    as_figure,
    panel,
    sheet,
    shortened,
    style,
)
from hilum.report.render import Figure
from hilum.wording import counted

METHODS = {"tsne": "t-SNE", "umap": "UMAP"}
_SIDE, _MARGIN, _TOP, _LINE, _CAPTION = 420, 16, 40, 16, 60  # CSS px
_AS_PIXELS = 1500
"""Number of points from which they are rasterised."""


def embedding_figure(points: pl.DataFrame, purity: pl.DataFrame, method: str) -> tuple[Figure, bytes]:
    """Draw the points of one projection method, one panel per grouping into classes.

    Args:
        points: Table `hilum.explanation.embedding.embed.Embedded.points`.
        purity: Table `Embedded.purity`.
        method: Projection method, "tsne" or "umap".

    Returns:
        The figure as SVG, and the PNG file's bytes.
    """
    shown = points.filter(pl.col("method") == method)
    names = [name for name in TITLES if shown[name].null_count() < len(shown)] or [""]
    classes = {name: _classes(shown, name) for name in names}
    lines = max(len(of) for of in classes.values()) + 2
    width = len(names) * (_SIDE + _MARGIN) + _MARGIN
    height = _TOP + _SIDE + _LINE * (lines + 1) + _CAPTION
    with style():
        drawing = sheet(width, height)
        drawing.set_dpi(144)
        FigureCanvasAgg(drawing)
        for number, name in enumerate(names):
            left = _MARGIN + number * (_SIDE + _MARGIN)
            axes = panel(drawing, left, _TOP, _SIDE, _SIDE)
            _scatter(axes, shown, name, classes[name])
            axes.set_title(TITLES.get(name, counted(len(shown))), loc="left", fontsize=12, pad=8)
            below = panel(drawing, left, _TOP + _SIDE + 8, _SIDE, _LINE * lines)
            _legend(below, classes[name], purity.filter(pl.col("grouping") == name), lines)
        message = (
            f"{METHODS[method]} of {counted(len(shown))}; coordinates have no unit, and distances between groups no "
            "meaning."
        )
        caption = panel(drawing, _MARGIN, height - _CAPTION + 18, width - 2 * _MARGIN, _CAPTION - 18)
        caption.set_axis_off()
        caption.text(0, 1, message, color=FAINT, fontsize=10, va="top")
        if len(purity):
            text = "Purity and silhouette are computed on the features, not on this plot; 95 % intervals over patients."
            caption.text(0, 0.5, text, color=FAINT, fontsize=10, va="top")
        figure = as_figure(drawing, f"embedding-{method}", _description(shown, names, method))
        stream = io.BytesIO()
        drawing.savefig(stream, format="png", facecolor="white", metadata={"Software": None})
    return figure, stream.getvalue()


def write_embedding_figures(points: pl.DataFrame, purity: pl.DataFrame, directory: Path) -> list[Path]:
    """Write `embedding-<method>.svg` and `.png` for each method; return the paths of the SVG files."""
    written = []
    for method in points["method"].unique(maintain_order=True):
        figure, png = embedding_figure(points, purity, method)
        written.append(directory / f"{figure.name}.svg")
        write_text(written[-1], figure.svg)
        with whole_file(directory / f"{figure.name}.png") as beside:
            beside.write_bytes(png)
    return written


def _classes(shown: pl.DataFrame, name: str) -> dict[str, tuple[str, str]]:
    """Return colour and marker of each class, the largest class first."""
    if not name:
        return {}
    counts = shown[name].drop_nulls().value_counts().sort(["count", name], descending=[True, False])
    first, *looks = ((colour, marker) for marker in ARM_MARKERS for colour in ARM_COLOURS)
    others = [label for label in counts[name] if label != NO_FINDING]
    given = {NO_FINDING: first} | dict(zip(others, looks, strict=False))
    return {label: given[label] for label in counts[name]}


def _scatter(axes: Axes, shown: pl.DataFrame, name: str, classes: dict[str, tuple[str, str]]) -> None:
    size = max(3.0, min(18.0, 12_000 / max(len(shown), 1)))
    pixels = len(shown) >= _AS_PIXELS
    rest = shown if not name else shown.filter(pl.col(name).is_null())
    axes.scatter(rest["x"], rest["y"], s=size, c=RULE, linewidths=0, rasterized=pixels)
    for label, (colour, marker) in classes.items():  # the largest below
        own = shown.filter(pl.col(name) == label)
        axes.scatter(own["x"], own["y"], s=size, c=colour, marker=marker, linewidths=0, alpha=0.75, rasterized=pixels)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(RULE)


def _legend(axes: Axes, classes: dict[str, tuple[str, str]], purity: pl.DataFrame, lines: int) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, _SIDE)
    axes.set_ylim(lines, 0)
    if not classes:
        return
    numbers = {(row["class"], row["metric"]): row for row in purity.iter_rows(named=True)}
    if numbers:
        for column, text in ((246, "purity"), (290, "chance"), (418, "silhouette")):
            axes.text(column, 0.4, text, color=FAINT, fontsize=9, ha="right", va="center")
    rows = [*classes, ALL] if numbers else list(classes)
    for line, label in enumerate(rows, start=1):
        y = line + 0.4
        if label in classes:
            colour, marker = classes[label]
            axes.scatter([6], [y], s=26, c=colour, marker=marker, linewidths=0)
        axes.text(16, y, shortened(label, 18), fontsize=9, va="center", color=REFERENCE if label == ALL else None)
        if not numbers:
            continue
        own = numbers.get((label, "purity"))
        axes.text(246, y, _with_interval(own), fontsize=9, ha="right", va="center")
        axes.text(290, y, _number(own["chance"] if own else None), fontsize=9, ha="right", va="center", color=FAINT)
        axes.text(418, y, _with_interval(numbers.get((label, "silhouette"))), fontsize=9, ha="right", va="center")


def _with_interval(row: dict[str, float | None] | None) -> str:
    if row is None or row["estimate"] is None:
        return ""
    if row["ci_low"] is None:
        return _number(row["estimate"])
    return f"{_number(row['estimate'])} ({_number(row['ci_low'])} to {_number(row['ci_high'])})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}".replace("-", "−")


def _description(shown: pl.DataFrame, names: list[str], method: str) -> str:
    ways = " and ".join(TITLES[name].lower() for name in names if name)
    return f"{METHODS[method]} of the features of {counted(len(shown))}" + (
        f", coloured by class: {ways}" if ways else ""
    )
