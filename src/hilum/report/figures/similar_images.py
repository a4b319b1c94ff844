"""Images like this one: a row for each image that was asked about, its nearest ones to the right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from hilum.artifacts import whole_file
from hilum.report.figures.canvas import ARM_COLOURS, FAINT, INK, panel, sheet, shortened, style

_SIDE, _GAP, _TEXT = 150, 12, 44  # CSS px


@dataclass(frozen=True)
class SimilarImages:
    """An image and its nearest ones.

    Attributes:
        asked: its image id.
        found: image id and cosine of each, the nearest first.
    """

    asked: str
    found: Sequence[tuple[str, float]]


def write_similar_images(
    rows: Sequence[SimilarImages],
    canvases: Mapping[str, NDArray[np.uint8]],
    about: Mapping[str, str],
    path: Path,
) -> None:
    """Write the sheet as PNG, whole or not at all.

    Args:
        rows: at least one.
        images: of every image, (S, S).
        about: what is noted of images, such as their findings; may be empty.
        path: of the PNG.
    """
    most = max(len(row.found) for row in rows)
    width, high = _GAP + (most + 1) * (_SIDE + _GAP), _SIDE + _TEXT + _GAP
    with style():
        drawing = sheet(width, _GAP + len(rows) * high)
        FigureCanvasAgg(drawing)
        for line, row in enumerate(rows):
            images = [(row.asked, None), *row.found]
            for place, (image_id, cosine) in enumerate(images):
                left, top = _GAP + place * (_SIDE + _GAP), _GAP + line * high
                axes = panel(drawing, left, top, _SIDE, _SIDE)
                axes.set_axis_off()
                axes.imshow(canvases[image_id], cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
                if cosine is None:
                    frame = Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, lw=3, ec=ARM_COLOURS[1])
                    axes.add_patch(frame)
                text = panel(drawing, left, top + _SIDE + 2, _SIDE, _TEXT)
                text.set_axis_off()
                title = image_id if cosine is None else f"{cosine:.3f} · {image_id}"
                text.text(0, 0.95, shortened(title, 24), fontsize=8, color=INK, va="top")
                text.text(0, 0.6, shortened(about.get(image_id, ""), 26), fontsize=8, color=FAINT, va="top")
        with whole_file(path) as beside:
            drawing.savefig(beside, format="png", dpi=110, facecolor="white", metadata={"Software": None})
