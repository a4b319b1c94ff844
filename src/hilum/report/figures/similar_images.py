"""Nearest neighbours of images: one row per query image, its neighbours to the right."""

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
    """A query image and its nearest neighbours.

    Attributes:
        query: Image id of the query.
        neighbours: Image id and cosine similarity of each neighbour, the nearest first.
    """

    query: str
    neighbours: Sequence[tuple[str, float]]


def write_similar_images(
    rows: Sequence[SimilarImages],
    pixels: Mapping[str, NDArray[np.uint8]],
    about: Mapping[str, str],
    path: Path,
) -> None:
    """Write the sheet as PNG, whole or not at all.

    Args:
        rows: Query images with neighbours, at least one.
        pixels: Pixels of every image by image id, (S, S).
        about: Captions by image id, such as findings; may be empty.
        path: Path of the PNG file.
    """
    most = max(len(row.neighbours) for row in rows)
    width, high = _GAP + (most + 1) * (_SIDE + _GAP), _SIDE + _TEXT + _GAP
    with style():
        drawing = sheet(width, _GAP + len(rows) * high)
        FigureCanvasAgg(drawing)
        for line, row in enumerate(rows):
            images = [(row.query, None), *row.neighbours]
            for place, (image_id, cosine) in enumerate(images):
                left, top = _GAP + place * (_SIDE + _GAP), _GAP + line * high
                axes = panel(drawing, left, top, _SIDE, _SIDE)
                axes.set_axis_off()
                axes.imshow(pixels[image_id], cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
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
