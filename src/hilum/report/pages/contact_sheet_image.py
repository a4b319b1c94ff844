"""Contact sheet as a PNG file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hilum.artifacts import whole_file
from hilum.report.figures import ARM_COLOURS, FAINT, INK, shortened, style
from hilum.report.pages.contact_sheet import Panel, SheetRow, Strip
from hilum.report.pages.contact_sheet_page import values

_SIDE, _TEXT, _HISTOGRAM, _GAP = 2.6, 0.42, 0.34, 0.25  # inches
_PAIRS = 3  # of images in a row
_DPI = 110


def write_image(strips: Sequence[Strip], steps: str, path: Path) -> None:
    """Write the sheet as PNG, completely or not at all; see `hilum.report.pages.contact_sheet_page.write_page`."""
    images = [(strip.title, image) for strip in strips for image in strip.images]
    rows = -(-len(images) // _PAIRS)
    wide, high = 2 * _SIDE + _GAP, _SIDE + _TEXT + _HISTOGRAM + _GAP
    size = (_PAIRS * wide + _GAP, rows * high + 2 * _GAP)
    with style():
        drawing = Figure(figsize=size, facecolor="white")
        FigureCanvasAgg(drawing)
        drawing.text(_GAP / size[0], 1 - 0.6 * _GAP / size[1], f"raw | {steps}", fontsize=9, va="center")
        for number, (title, image) in enumerate(images):
            column, row = number % _PAIRS, number // _PAIRS
            left, top = _GAP + column * wide, 1.5 * _GAP + row * high
            _draw(drawing, image, title if len(strips) > 1 else "", left, top)
        with whole_file(path) as beside:
            drawing.savefig(beside, format="png", dpi=_DPI, metadata={"Software": None})


def _draw(drawing: Figure, image: SheetRow, title: str, left: float, top: float) -> None:
    name = shortened(" · ".join(part for part in (title, image.image_id, image.about) if part), 70)
    _write(drawing, name, left, top, INK)
    if image.raw is None or image.made is None:
        _write(drawing, image.reason, left, top + 0.2, FAINT)
        return
    for panel, place in ((image.raw, left), (image.made, left + _SIDE)):
        _show(_axes(drawing, place, top + 0.12, _SIDE - 0.06, _SIDE), panel)
        below = top + 0.12 + _SIDE
        bars = _axes(drawing, place, below + 0.03, _SIDE - 0.06, _HISTOGRAM - 0.06)
        bars.fill_between(np.arange(len(panel.histogram)), np.sqrt(panel.histogram), step="mid", color=FAINT)
        _write(drawing, values(panel), place, below + _HISTOGRAM + 0.1, FAINT)


def _show(axes: Axes, panel: Panel) -> None:
    height, width = panel.shown.shape
    axes.imshow(panel.shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    for box in panel.boxes:
        corner = (box.left * width - 0.5, box.top * height - 0.5)
        across, down = box.width * width, box.height * height
        axes.add_patch(Rectangle(corner, across, down, fill=False, edgecolor=ARM_COLOURS[4], linewidth=1.5))


def _axes(drawing: Figure, left: float, top: float, width: float, height: float) -> Axes:
    across, down = drawing.get_size_inches()
    axes = drawing.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
    axes.set_axis_off()
    return axes


def _write(drawing: Figure, text: str, left: float, top: float, colour: str) -> None:
    across, down = drawing.get_size_inches()
    drawing.text(left / across, 1 - top / down, text, fontsize=7, color=colour, va="center")
