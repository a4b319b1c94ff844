"""Images of a directory: points of `hilum embed`, maps and boxes of `hilum explain`, images of a store."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.store import Store, open_store
from hilum.data.tables import read_result_table
from hilum.draws import image_keys, shuffled
from hilum.evaluation.predictions import Predictions
from hilum.explanation.embedding import TITLES
from hilum.notes import read_notes
from hilum.report.content import Box, Case, Embedding
from hilum.report.figures import METHODS
from hilum.report.render import formats, smaller
from hilum.report.sections import MOST_THUMBNAILS, TILE
from hilum.wording import counted

MAX_RANDOM_CASES = 60
"""Number of random images in the case browser if there are no heat maps."""
CLASSES = {**TITLES, "label": "label"}
"""Columns of an embedding with classes, and their titles."""
_GRID = 32


@dataclass
class _Maps:
    """Maps of one image by arm and finding, its boxes, and its selection rule by finding."""

    heat: dict[tuple[str, str], NDArray[np.float32]] = field(default_factory=dict)
    boxes: list[Box] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FolderCases:
    """Images of the case browser.

    Attributes:
        cases: Images.
        about: Source and limits of the heat maps, one sentence each.
        missing: Images that could not be shown, with the reason, one sentence each.
    """

    cases: list[Case]
    about: list[str]
    missing: list[str]


def embeddings_in(path: Path, stores: Sequence[Path]) -> list[Embedding]:
    """Read the points of an `embedding.parquet`: one plot per arm, projection method and grouping into classes.

    Args:
        path: Path of the table; the notes of `embed.json` beside it are shown as well.
        stores: Directories of decoded images for thumbnails.
    """
    table = read_result_table(path)
    for name, stand_in in (("method", "embedding"), ("arm", "")):
        if name not in table.columns:
            table = table.with_columns(pl.lit(stand_in).alias(name))
    classes = [name for name in CLASSES if name in table.columns and table[name].null_count() < len(table)]
    about = _notes(path.with_name("embed.json"))
    made = []
    groups = [
        (str(arm), METHODS.get(str(method), str(method)), _with_thumbnails(rows, stores))
        for (arm, method), rows in table.group_by("arm", "method", maintain_order=True)
    ]
    for name in classes or [""]:
        for arm, title, rows in groups:
            points = rows.select(
                pl.col("image_id").cast(pl.String),
                "x",
                "y",
                (pl.col(name).cast(pl.String) if name else pl.lit("images")).alias("label"),
                *(["thumbnail"] if "thumbnail" in rows.columns else []),
            )
            caption = [f"Colours: {CLASSES[name]}", *about] if name else about
            made.append(Embedding(title, caption, points, name, arm))
    return made


def cases_in(
    directories: Sequence[Path], stores: Sequence[Path], predictions: Mapping[str, Sequence[Predictions]]
) -> FolderCases:
    """Read the images with heat maps; without heat maps, draw images at random.

    Args:
        directories: Output directories of `hilum explain`.
        stores: Directories of decoded images.
        predictions: Predictions of each arm; without heat maps, images are drawn from the first.
    """
    opened = [open_store(directory) for directory in stores]
    by_image: dict[str, _Maps] = {}
    about = [sentence for directory in directories for sentence in _read_maps(directory, by_image)]
    ids = list(by_image)
    if not by_image and predictions:
        every = next(iter(predictions.values()))[0].image_ids
        ids = [every[place] for place in shuffled(0, image_keys(every))[:MAX_RANDOM_CASES]]
    cases = []
    for image_id in ids:
        image, maps_of_image = _image(opened, image_id), by_image.get(image_id, _Maps())
        if image is not None:
            cases.append(Case(image_id, image, maps_of_image.heat, maps_of_image.boxes, chosen=maps_of_image.chosen))
    absent = counted(len(ids) - len(cases), "image")
    missing = [f"{absent} with heat maps: not in any store of images."] if by_image and len(cases) < len(ids) else []
    return FolderCases(cases, about if cases else [], missing)


def _read_maps(directory: Path, by_image: dict[str, _Maps]) -> list[str]:
    """Add the output of one `hilum explain`, selected images first, then the others with boxes; return notes on it."""
    index = directory / "heat_maps.parquet"
    if not index.is_file():
        return []
    chosen, boxes = directory / "shown.parquet", directory / "boxes.parquet"
    if chosen.is_file():
        for image_id, finding, rule in read_result_table(chosen).select("image_id", "finding", "rule").iter_rows():
            by_image.setdefault(image_id, _Maps()).chosen[finding] = rule
    rows = read_result_table(index)
    explained = json.loads((directory / "explain.json").read_text(encoding="utf-8"))
    one_place = []
    for model in explained["models"]:
        maps = np.load(directory / model["maps"], mmap_mode="r")
        if maps.shape[1:] == (1, 1):
            one_place.append(model["name"])
        start, end = model["begin_and_end_on_image"]
        arm = model.get("arm", model["name"])
        for place, image_id, finding in rows.select("row", "image_id", "finding").iter_rows():
            by_image.setdefault(image_id, _Maps()).heat[arm, finding] = on_image(maps[place], start, end)
    if boxes.is_file():
        columns = ("image_id", "finding", "x", "y", "width", "height")
        for image_id, *box in read_result_table(boxes).select(columns).iter_rows():
            by_image.setdefault(image_id, _Maps()).boxes.append(Box(*box))
    models = formats.listing([model["name"] for model in explained["models"]])
    about = [f"Heat maps: {explained['method']} of {models}"]
    if one_place:
        about.append(
            f"The maps of {formats.listing(one_place)} have a single value, because the last layer has one position "
            "for images of this size: they show no location. Use `occlusion`, or larger images"
        )
    return [*about, *_capital_texts(explained)]


def on_image(heat: NDArray[np.float32], start: float, end: float) -> NDArray[np.float32]:
    """Resample a heat map, which may not cover exactly the image, to a grid over the image.

    Args:
        heat: Heat map, (rows, columns).
        start, end: Start and end of the map as fractions of the image's side.

    Returns:
        Map on the image, (32, 32), by bilinear interpolation; the border is replicated beyond the map.
    """
    centres = (np.arange(_GRID, dtype=np.float32) + 0.5) / _GRID
    rows, columns = (((centres - start) / (end - start)) * length - 0.5 for length in heat.shape)
    across, down = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    values = np.ascontiguousarray(heat, dtype=np.float32)
    return np.asarray(cv2.remap(values, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _with_thumbnails(points: pl.DataFrame, stores: Sequence[Path]) -> pl.DataFrame:
    """Add thumbnails from the stores for at most `MOST_THUMBNAILS` points."""
    if "thumbnail" in points.columns or not stores:
        return points
    opened = [open_store(directory) for directory in stores]
    ids = points["image_id"].cast(pl.String).to_list()
    wanted = set(shuffled(0, image_keys(ids))[:MOST_THUMBNAILS].tolist())
    thumbnails = []
    for place, image_id in enumerate(ids):
        image = _image(opened, image_id) if place in wanted else None
        thumbnails.append(None if image is None else cv2.imencode(".png", smaller(image, TILE))[1].tobytes())
    return points.with_columns(pl.Series("thumbnail", thumbnails, dtype=pl.Binary))


def _image(stores: Sequence[Store], image_id: str) -> NDArray[np.uint8] | None:
    for store in stores:
        if store.has([image_id])[0]:
            return np.asarray(store.pixels[store.rows([image_id])[0]])
    return None


def _notes(path: Path) -> list[str]:
    """Read the notes of a command."""
    return _capital_texts(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def _capital_texts(about: Mapping[str, Any]) -> list[str]:
    return [formats.capital(str(each)) for each in read_notes(about.get("notes", []))]
