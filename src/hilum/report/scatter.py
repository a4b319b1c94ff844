"""The scatter of an embedding: a few thousand points, and the film of the one under the mouse."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.draws import image_keys, shuffled
from hilum.report import formats
from hilum.report.blocks import Scatter
from hilum.report.figures.canvas import page_colour
from hilum.report.figures.points import CLASS_COLOURS, OTHER, points_figure
from hilum.report.films import UNCLASSED, Embedding
from hilum.report.pictures import as_script, decoded, jpeg, sprite

MOST_POINTS = 4000
MOST_THUMBNAILS = 1500
TILE = 56
"""Side of a thumbnail, pixels."""
_QUALITY = 70


def scatter_of(embedding: Embedding) -> Scatter:
    """Draw points with classes in the order of their size; more than `MOST_POINTS` are drawn by lot.

    The data are `x` and `y` (0 to 1,000, y downwards), `label` (place in `classes`), `name`, `tile` (place of the
    thumbnail; -1 where there is none), `side` and `across` of the sprite.
    """
    points = _drawn_by_lot(embedding.points)
    counts = points["label"].value_counts(sort=False).sort(["count", "label"], descending=[True, False])
    names = sorted(counts["label"].to_list(), key=lambda name: name == UNCLASSED)
    coloured = [name for name in names if name != UNCLASSED][: len(CLASS_COLOURS)]
    colours = dict(zip(coloured, CLASS_COLOURS, strict=False))
    classes = [(name, colours.get(name, OTHER)) for name in names]
    x, y = _scaled(points["x"]), 1000 - _scaled(points["y"])
    films: list[NDArray[np.uint8]] = []
    tiles: list[int] = []
    for row in points.iter_rows(named=True):
        content = row.get("thumbnail") if len(films) < MOST_THUMBNAILS else None
        tiles.append(len(films) if content else -1)
        if content:
            films.append(decoded(content, f"thumbnail of {row['image_id']}"))
    sheet, across = sprite(films, TILE) if films else (None, 1)
    data = {
        "x": x.tolist(),
        "y": y.tolist(),
        "label": [names.index(label) for label in points["label"]],
        "name": points["image_id"].to_list(),
        "tile": tiles,
        "side": TILE,
        "across": across,
    }
    stem = formats.file_stem("embedding", *filter(None, (embedding.arm, embedding.method, embedding.classes)))
    return Scatter(
        name=stem,
        caption=_caption(embedding, len(points), len(films)),
        data=as_script(data),
        sprite=jpeg(sheet, _QUALITY) if sheet is not None else "",
        classes=[(name, page_colour(colour)) for name, colour in classes],
        figure=points_figure(stem, embedding.method, x, y, points["label"].to_list(), dict(classes)),
        points=embedding.points.drop("thumbnail", strict=False),
    )


def _drawn_by_lot(points: pl.DataFrame) -> pl.DataFrame:
    """The points that are drawn, in an order that depends on the films alone."""
    points = points.with_columns(pl.col("label").cast(pl.String).fill_null(UNCLASSED))
    order = shuffled(0, image_keys(points["image_id"].to_list()))
    return points[order[:MOST_POINTS]]


def _scaled(values: pl.Series) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = values.to_numpy().astype(np.float64)
    low, high = numbers.min(), numbers.max()
    return np.asarray(np.round(1000 * (numbers - low) / ((high - low) or 1.0), 1))


def _caption(embedding: Embedding, points: int, films: int) -> str:
    total = len(embedding.points)
    whose = f", by the features of {embedding.arm}" if embedding.arm else ""
    what = f"{embedding.method} of {formats.plural(total, 'film')}{whose}"
    said = [f"{what}: films that the model takes for alike lie together"]
    parts: Sequence[str] = embedding.about
    left = []
    if points < total:
        left.append(f"{points:,} of {total:,} films are drawn, chosen by lot; all are in the CSV file")
    if 0 < films < points:
        left.append(f"{films:,} of them are shown when pointed at")
    distance = "Distances between groups, and the size of groups, mean nothing"
    return ". ".join([*said, *(part.rstrip(".") for part in parts), *left, distance]) + "."
