"""The scatter of an embedding: a few thousand points, and the image of the one under the mouse.

How far classes are apart in the features, beside what chance would give.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.draws import image_keys, shuffled
from hilum.evaluation.inference import TOO_NARROW, TRUSTED_PATIENTS
from hilum.report.content import UNCLASSED, Embedding, ReportContent
from hilum.report.figures import CLASS_COLOURS, OTHER, page_colour, points_figure
from hilum.report.render import Cell, Column, Scatter, Table, as_script, decoded, formats, jpeg, sprite
from hilum.report.sections.results import estimate_cell, order_of

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
    images: list[NDArray[np.uint8]] = []
    tiles: list[int] = []
    for row in points.iter_rows(named=True):
        content = row.get("thumbnail") if len(images) < MOST_THUMBNAILS else None
        tiles.append(len(images) if content else -1)
        if content:
            images.append(decoded(content, f"thumbnail of {row['image_id']}"))
    sheet, across = sprite(images, TILE) if images else (None, 1)
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
        caption=_caption(embedding, len(points), len(images)),
        data=as_script(data),
        sprite=jpeg(sheet, _QUALITY) if sheet is not None else "",
        classes=[(name, page_colour(colour)) for name, colour in classes],
        figure=points_figure(stem, embedding.method, x, y, points["label"].to_list(), dict(classes)),
        points=embedding.points.drop("thumbnail", strict=False),
    )


def _drawn_by_lot(points: pl.DataFrame) -> pl.DataFrame:
    """The points that are drawn, in an order that depends on the images alone."""
    points = points.with_columns(pl.col("label").cast(pl.String).fill_null(UNCLASSED))
    order = shuffled(0, image_keys(points["image_id"].to_list()))
    return points[order[:MOST_POINTS]]


def _scaled(values: pl.Series) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = values.to_numpy().astype(np.float64)
    low, high = numbers.min(), numbers.max()
    return np.asarray(np.round(1000 * (numbers - low) / ((high - low) or 1.0), 1))


def _caption(embedding: Embedding, points: int, images: int) -> str:
    total = len(embedding.points)
    whose = f", by the features of {embedding.arm}" if embedding.arm else ""
    what = f"{embedding.method} of {formats.plural(total, 'image')}{whose}"
    sentences = [f"{what}: images that the model takes for alike are near each other"]
    parts: Sequence[str] = embedding.about
    left = []
    if points < total:
        left.append(f"{points:,} of {total:,} images are drawn, chosen by lot; all are in the CSV file")
    if 0 < images < points:
        left.append(f"{images:,} of them are shown when pointed at")
    distance = "Distances between groups, and the size of groups, mean nothing"
    return ". ".join([*sentences, *(part.rstrip(".") for part in parts), *left, distance]) + "."


def purity_table(content: ReportContent) -> Table | None:
    """Neighbour purity and silhouette of every class; None where they were not computed."""
    table = content.purity
    if table is None or table.is_empty():
        return None
    keys = ["class", "grouping", *(["arm"] if "arm" in table.columns else [])]
    places = {(*(row[key] for key in keys), row["metric"]): row for row in table.to_dicts()}
    metrics = table["metric"].unique(maintain_order=True).to_list()
    rows = []
    for name, grouping, *arm in table.select(keys).unique(maintain_order=True).iter_rows():
        first = places.get((name, grouping, *arm, metrics[0]), {})
        rows.append(
            [
                Cell(name),
                Cell(str(grouping).replace("_", " ")),
                *map(Cell, arm),
                *(estimate_cell(places.get((name, grouping, *arm, metric))) for metric in metrics),
                Cell(formats.decimal(first.get("chance")), order_of(first.get("chance"))),
                Cell(formats.count(first.get("images")), order_of(first.get("images"))),
            ]
        )
    columns = [Column("Class"), Column("Classes by"), *([Column("Features of")] if "arm" in keys else [])]
    columns += [Column(formats.capital(metric.replace("_", " ")), numeric=True) for metric in metrics]
    columns += [Column(f"Chance of {metrics[0].replace('_', ' ')}", numeric=True), Column("Images", numeric=True)]
    notes = ["Of the features themselves, not of the images; neighbours are of other patients."]
    few = list(dict.fromkeys(table.filter(pl.col("note") != "")["class"]))
    if few:
        notes.append(f"Fewer than {TRUSTED_PATIENTS} patients, so that {TOO_NARROW}: {formats.listing(few)}.")
    caption = "How far classes are apart, with 95 % intervals over patients."
    return Table("purity", caption, columns, rows, table, notes)
