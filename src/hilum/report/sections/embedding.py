"""Scatter plot of an embedding with thumbnails, and table of class separation in the features."""

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
from hilum.wording import counted

MOST_POINTS = 4000
MOST_THUMBNAILS = 1500
TILE = 56
"""Side of a thumbnail, pixels."""
_QUALITY = 70


def scatter_of(embedding: Embedding) -> Scatter:
    """Draw points with classes in the order of their size, at most `MOST_POINTS` at random.

    The data are `x` and `y` (0 to 1,000, y downwards), `label` (index in `classes`), `name`, `tile` (index of the
    thumbnail; -1 for none), `side` and `across` of the sprite sheet.
    """
    points = _sampled(embedding.points)
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


def _sampled(points: pl.DataFrame) -> pl.DataFrame:
    """Sample the points to draw, in an order that depends on the image ids only."""
    points = points.with_columns(pl.col("label").cast(pl.String).fill_null(UNCLASSED))
    order = shuffled(0, image_keys(points["image_id"].to_list()))
    return points[order[:MOST_POINTS]]


def _scaled(values: pl.Series) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = values.to_numpy().astype(np.float64)
    low, high = numbers.min(), numbers.max()
    return np.asarray(np.round(1000 * (numbers - low) / ((high - low) or 1.0), 1))


def _caption(embedding: Embedding, points: int, images: int) -> str:
    total = len(embedding.points)
    model = f", features of {embedding.arm}" if embedding.arm else ""
    what = f"{embedding.method} of {counted(total, 'image')}{model}"
    sentences = [f"{what}: images with similar features are near each other"]
    parts: Sequence[str] = embedding.about
    left = []
    if points < total:
        left.append(
            f"{points:,} of {counted(total)} {'is' if points == 1 else 'are'} drawn, selected at random; all "
            "are in the CSV file"
        )
    if 0 < images < points:
        left.append(f"{images:,} of them have a thumbnail")
    distance = "Distances between groups and sizes of groups have no meaning"
    return ". ".join([*sentences, *(part.rstrip(".") for part in parts), *left, distance]) + "."


def purity_table(content: ReportContent) -> Table | None:
    """Tabulate neighbour purity and silhouette of each class; None if they were not computed."""
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
    notes = ["Computed on the features, not on the plots; neighbours are images of other patients."]
    few = list(dict.fromkeys(table.filter(pl.col("patients") < TRUSTED_PATIENTS)["class"]))
    if few:
        notes.append(f"Fewer than {TRUSTED_PATIENTS} patients, {TOO_NARROW}: {formats.listing(few)}.")
    caption = "Class separation in the features, with 95 % intervals over patients."
    return Table("purity", caption, columns, rows, table, notes)
