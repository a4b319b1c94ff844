"""Contact sheet of images and random augmentations of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hilum.artifacts import whole_file
from hilum.augment import Augmentation, random_views
from hilum.draws import image_keys
from hilum.errors import HilumError
from hilum.report.figures import FAINT, INK, shortened, style
from hilum.report.pages.contact_sheet import SheetRow

_SIDE, _GAP, _HEADING = 1.3, 0.12, 0.5  # inches
_DPI = 110


def views_of(
    radiographs: NDArray[np.uint8],
    image_ids: Sequence[str],
    augmentations: Mapping[str, Augmentation],
    count: int,
    seed: int,
) -> dict[str, NDArray[np.uint8]]:
    """Draw the first random views of images, as in the first epoch of a run with this seed.

    Args:
        radiographs: Images, (N, S, S).
        image_ids: Ids of the N images.
        augmentations: Augmentations by name.
        count: Number of views per image.
        seed: Random seed of the run.

    Returns:
        Views by augmentation, (N, count, S, S).
    """
    images, keys = torch.from_numpy(radiographs)[:, None], image_keys(image_ids)
    drawn = {}
    for name, augmentation in augmentations.items():
        views = [
            random_views(images, keys, augmentation, radiographs.shape[-1], seed=seed, epoch=0, view=view)
            for view in range(count)
        ]
        drawn[name] = (torch.cat(views, dim=1) * 255).round().to(torch.uint8).numpy()
    return drawn


def write_view_sheet(
    radiographs: Sequence[SheetRow], augmentations: Mapping[str, Augmentation], count: int, seed: int, path: Path
) -> None:
    """Write a PNG with one row per image: the image, then `count` views of each augmentation.

    Args:
        radiographs: Rows of `hilum.report.pages.contact_sheet.read_rows`; unreadable ones are skipped.
        augmentations: Augmentations by name.
        count: Number of views per image and augmentation.
        seed: Random seed of the views.
        path: Path of the PNG file, written completely or not at all.

    Raises:
        HilumError: No image is readable.
    """
    readable = [(radiograph, radiograph.made.shown) for radiograph in radiographs if radiograph.made is not None]
    if not readable:
        raise HilumError(
            "views", expected="images that can be read", found="none", fix="Show them without --augmentation."
        )
    shown = np.stack([image for _, image in readable])
    drawn = views_of(shown, [radiograph.image_id for radiograph, _ in readable], augmentations, count, seed)
    columns = 1 + count * len(augmentations)
    wide = columns * _SIDE + (len(augmentations) + 2) * _GAP
    high = len(readable) * (_SIDE + 2 * _GAP) + _HEADING
    with style():
        drawing = Figure(figsize=(wide, high), facecolor="white")
        FigureCanvasAgg(drawing)
        for place, name in enumerate(augmentations):
            left = 2 * _GAP + _SIDE + place * (count * _SIDE + _GAP)
            drawing.text(left / wide, 1 - 0.5 * _HEADING / high, shortened(name, 40), fontsize=9, color=INK)
        for row, (radiograph, image) in enumerate(readable):
            top = _HEADING + row * (_SIDE + 2 * _GAP)
            label = shortened(radiograph.image_id, 24)
            drawing.text(_GAP / wide, 1 - (top - 0.4 * _GAP) / high, label, fontsize=6, color=FAINT)
            strips = [image, *(np.concatenate(list(views[row]), axis=1) for views in drawn.values())]
            left = _GAP
            for strip in strips:
                across = _SIDE * strip.shape[1] / strip.shape[0]
                axes = drawing.add_axes((left / wide, 1 - (top + _SIDE) / high, across / wide, _SIDE / high))
                axes.set_axis_off()
                axes.imshow(strip, cmap="gray", vmin=0, vmax=255)
                left += across + _GAP
        with whole_file(path) as beside:
            drawing.savefig(beside, format="png", dpi=_DPI, metadata={"Software": None})
