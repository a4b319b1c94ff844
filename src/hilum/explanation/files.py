"""Output files of `hilum explain`: maps and scores in open formats."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import hilum
from hilum.artifacts import write_json
from hilum.explanation.run import Explained
from hilum.notes import notes_as_data

MAPS, SHOWN, BOXES, BOX_SCORES, BOX_STATISTICS, DESCRIPTION = (
    "heat_maps.parquet",
    "shown.parquet",
    "boxes.parquet",
    "box_scores.parquet",
    "box_statistics.parquet",
    "explain.json",
)


def maps_file(number: int) -> str:
    """Return the file name of the maps of a model by its number, from 0."""
    return f"heat_maps_{number + 1}.npy"


def write_explained(explained: Explained, directory: Path) -> None:
    """Write all files except the page into an output directory.

    Files::

        heat_maps.parquet       one row per map: row, image_id, finding, label, probability_1, …
        heat_maps_1.npy         (P, rows, columns) float32, not scaled; _2 of the second model
        shown.parquet           selected images: finding, rule, image_id
        boxes.parquet           image_id, finding, x, y, width, height as fractions of the first model's images (only
                                with boxes)
        box_scores.parquet      one row per image, finding and kind of map (only with boxes)
        box_statistics.parquet  estimates, intervals, differences; also as CSV
        explain.json            models, method, files of the maps, notes
    """
    labels = pl.Series("label", explained.labels).fill_nan(None).cast(pl.Int8)
    index = pl.DataFrame(
        {
            "row": range(len(explained.pairs)),
            "image_id": [image_id for image_id, _ in explained.pairs],
            "finding": [finding for _, finding in explained.pairs],
        },
        schema_overrides={"image_id": pl.String, "finding": pl.String},
    ).with_columns(labels)
    given = [pl.Series(f"probability_{n + 1}", scores) for n, scores in enumerate(explained.scores)]
    index.with_columns(given).write_parquet(directory / MAPS)
    for number, maps in enumerate(explained.maps):
        np.save(directory / maps_file(number), maps.maps.numpy())
    explained.shown.write_parquet(directory / SHOWN)
    if explained.boxes:
        boxes_table(explained).write_parquet(directory / BOXES)
    if explained.statistics is not None and explained.cases is not None:
        explained.cases.write_parquet(directory / BOX_SCORES)
        explained.statistics.write_parquet(directory / BOX_STATISTICS)
        explained.statistics.write_csv(directory / "box_statistics.csv")
    write_json(directory / DESCRIPTION, described(explained))


def boxes_table(explained: Explained) -> pl.DataFrame:
    """Tabulate the boxes of all pairs, one row per box."""
    rows = [
        (image_id, finding, *box) for (image_id, finding), boxes in explained.boxes.items() for box in boxes.tolist()
    ]
    names = ("x", "y", "width", "height")
    schema = {"image_id": pl.String(), "finding": pl.String(), **dict.fromkeys(names, pl.Float64())}
    return pl.DataFrame(rows, schema, orient="row")


def described(explained: Explained) -> dict[str, Any]:
    """Return the description of the maps as plain data."""
    config = explained.config
    return {
        "hilum": hilum.__version__,
        "method": config.method,
        "findings": list(config.findings),
        "threshold": config.threshold,
        "n_bootstrap": config.n_bootstrap,
        "seed": config.seed,
        "models": [
            {
                "name": model.name,
                **({} if model.arm is None else {"arm": model.arm}),
                "encoder": model.card.encoder,
                "sha256": model.card.sha256,
                "image_size": model.card.image_size,
                "maps": maps_file(number),
                "rows_and_columns": list(explained.maps[number].maps.shape[-2:]),
                "begin_and_end_on_image": [explained.maps[number].start, explained.maps[number].end],
            }
            for number, model in enumerate(explained.models)
        ],
        "images": len({image_id for image_id, _ in explained.pairs}),
        "maps": len(explained.pairs),
        "images_with_boxes": len({image_id for image_id, _ in explained.boxes}),
        "notes": notes_as_data(explained.notes),
    }
