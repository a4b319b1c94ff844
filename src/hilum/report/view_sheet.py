"""Films and random views of them in rows: what a policy looks like."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hilum.artifacts import whole_file
from hilum.draws import image_keys
from hilum.errors import HilumError
from hilum.report.contact_sheet import Film
from hilum.report.figures.canvas import FAINT, INK, shortened, style
from hilum.views import ViewPolicy, random_views

_SIDE, _GAP, _HEADING = 1.3, 0.12, 0.5  # inches
_DPI = 110


def views_of(
    films: NDArray[np.uint8], image_ids: Sequence[str], policies: Mapping[str, ViewPolicy], count: int, seed: int
) -> dict[str, NDArray[np.uint8]]:
    """The first views of films, as a run with this seed would draw them in its first epoch.

    Args:
        films: (N, S, S).
        image_ids: of the films.
        policies: by name.
        count: views of each film.
        seed: of the run.

    Returns:
        By policy: (N, count, S, S).
    """
    images, keys = torch.from_numpy(films)[:, None], image_keys(image_ids)
    drawn = {}
    for name, policy in policies.items():
        views = [
            random_views(images, keys, policy, films.shape[-1], seed=seed, epoch=0, view=view) for view in range(count)
        ]
        drawn[name] = (torch.cat(views, dim=1) * 255).round().to(torch.uint8).numpy()
    return drawn


def write_view_sheet(
    films: Sequence[Film], policies: Mapping[str, ViewPolicy], count: int, seed: int, path: Path
) -> None:
    """Write a PNG with a row a film: as it is, then `count` views of each policy.

    Args:
        films: as `hilum.report.contact_sheet.look_at` gives them; those that cannot be read are left out.
        policies: by name.
        count: views of each film and policy.
        seed: of the views.
        path: of the picture; whole or absent.

    Raises:
        HilumError: no film can be read.
    """
    readable = [(film, film.made.shown) for film in films if film.made is not None]
    if not readable:
        raise HilumError("views", expected="films that can be read", found="none", fix="Show them without --policy.")
    shown = np.stack([picture for _, picture in readable])
    drawn = views_of(shown, [film.image_id for film, _ in readable], policies, count, seed)
    columns = 1 + count * len(policies)
    wide = columns * _SIDE + (len(policies) + 2) * _GAP
    high = len(readable) * (_SIDE + 2 * _GAP) + _HEADING
    with style():
        drawing = Figure(figsize=(wide, high), facecolor="white")
        FigureCanvasAgg(drawing)
        for place, name in enumerate(policies):
            left = 2 * _GAP + _SIDE + place * (count * _SIDE + _GAP)
            drawing.text(left / wide, 1 - 0.5 * _HEADING / high, shortened(name, 40), fontsize=9, color=INK)
        for row, (film, picture) in enumerate(readable):
            top = _HEADING + row * (_SIDE + 2 * _GAP)
            label = shortened(film.image_id, 24)
            drawing.text(_GAP / wide, 1 - (top - 0.4 * _GAP) / high, label, fontsize=6, color=FAINT)
            strips = [picture, *(np.concatenate(list(views[row]), axis=1) for views in drawn.values())]
            left = _GAP
            for strip in strips:
                across = _SIDE * strip.shape[1] / strip.shape[0]
                axes = drawing.add_axes((left / wide, 1 - (top + _SIDE) / high, across / wide, _SIDE / high))
                axes.set_axis_off()
                axes.imshow(strip, cmap="gray", vmin=0, vmax=255)
                left += across + _GAP
        with whole_file(path) as beside:
            drawing.savefig(beside, format="png", dpi=_DPI, metadata={"Software": None})
