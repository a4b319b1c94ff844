"""Images in a directory: points of `hilum embed`, maps and boxes of `hilum explain`, images of a store."""

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
from hilum.draws import image_keys, shuffled
from hilum.evaluation.predictions import Predictions
from hilum.report.content import Box, Case, Embedding
from hilum.report.render import formats, smaller
from hilum.report.sections import MOST_THUMBNAILS, TILE

MOST_BY_LOT = 60
"""Images that the case browser shows where no heat-maps name any."""
METHODS = {"tsne": "t-SNE", "umap": "UMAP"}
CLASSES = {"single_label": "images with a single label", "anomalies": "No Finding or anomalies", "label": "label"}
"""Columns of an embedding that hold classes, and their titles."""
_GRID = 32


@dataclass
class _Maps:
    """What was left of one image: maps by arm and finding, boxes, and the rule that chose it for a finding."""

    heat: dict[tuple[str, str], NDArray[np.float32]] = field(default_factory=dict)
    boxes: list[Box] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FoundCases:
    """Images for the case browser.

    Attributes:
        cases: the images.
        about: whose heat-maps they have, and what a reader must know of them; a sentence each.
        unseen: what could not be shown, and why; a sentence each.
    """

    cases: list[Case]
    about: list[str]
    unseen: list[str]


def embeddings_in(path: Path, stores: Sequence[Path]) -> list[Embedding]:
    """The points of an `embedding.parquet`: one image for each arm, method and way to put images into classes.

    Args:
        path: of the table; what `embed.json` beside it says is shown, too.
        stores: directories of decoded images; they give thumbnails.
    """
    table = pl.read_parquet(path)
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
) -> FoundCases:
    """Images with heat-maps, or, where there are none, some by lot.

    Args:
        directories: what `hilum explain` left, one or several.
        stores: directories of decoded images.
        predictions: of each arm; their images are drawn from where there is no heat-map.
    """
    opened = [open_store(directory) for directory in stores]
    by_image: dict[str, _Maps] = {}
    about = [sentence for directory in directories for sentence in _read_maps(directory, list(predictions), by_image)]
    ids = list(by_image)
    if not by_image and predictions:
        every = next(iter(predictions.values()))[0].image_ids
        ids = [every[place] for place in shuffled(0, image_keys(every))[:MOST_BY_LOT]]
    cases = []
    for image_id in ids:
        image, maps_of_image = _image(opened, image_id), by_image.get(image_id, _Maps())
        if image is not None:
            cases.append(Case(image_id, image, maps_of_image.heat, maps_of_image.boxes, chosen=maps_of_image.chosen))
    missing = formats.plural(len(ids) - len(cases), "image")
    unseen = [f"{missing} with heat-maps: no store here holds the image."] if by_image and len(cases) < len(ids) else []
    return FoundCases(cases, about if cases else [], unseen)


def _read_maps(directory: Path, arms: Sequence[str], by_image: dict[str, _Maps]) -> list[str]:
    """Add what one `hilum explain` left, images to look at first, then the others with boxes; and tell what it was."""
    index = directory / "heat_maps.parquet"
    if not index.is_file():
        return []
    chosen, boxes = directory / "shown.parquet", directory / "boxes.parquet"
    if chosen.is_file():
        for image_id, finding, rule in pl.read_parquet(chosen).select("image_id", "finding", "rule").iter_rows():
            by_image.setdefault(image_id, _Maps()).chosen[finding] = rule
    rows = pl.read_parquet(index)
    explained = json.loads((directory / "explain.json").read_text(encoding="utf-8"))
    one_place = []
    for model in explained["models"]:
        maps = np.load(directory / model["maps"], mmap_mode="r")
        if maps.shape[1:] == (1, 1):
            one_place.append(model["name"])
        start, end = model["begin_and_end_on_image"]
        arm = model.get("arm") or _arm_of(model["name"], arms)
        for place, image_id, finding in rows.select("row", "image_id", "finding").iter_rows():
            by_image.setdefault(image_id, _Maps()).heat[arm, finding] = on_image(maps[place], start, end)
    if boxes.is_file():
        columns = ("image_id", "finding", "x", "y", "width", "height")
        for image_id, *box in pl.read_parquet(boxes).select(columns).iter_rows():
            by_image.setdefault(image_id, _Maps()).boxes.append(Box(*box))
    models = formats.listing([model["name"] for model in explained["models"]])
    about = [f"Heat-maps: {explained['method']} of {models}"]
    if one_place:
        about.append(
            f"The maps of {formats.listing(one_place)} have a single value, for the last layer leaves one position of "
            "so small an image: they are of one tint and do not show where. `occlusion` does, or larger images"
        )
    return [*about, *map(formats.capital, explained.get("notes", []))]


def on_image(heat: NDArray[np.float32], start: float, end: float) -> NDArray[np.float32]:
    """A map on the whole image, though its first row may begin, and its last end, elsewhere than the image does.

    Args:
        heat: (rows, columns).
        start, end: where the map begins and ends, as fractions of the image's side.

    Returns:
        (32, 32); beyond the map its border goes on.
    """
    centres = (np.arange(_GRID, dtype=np.float32) + 0.5) / _GRID
    rows, columns = (((centres - start) / (end - start)) * length - 0.5 for length in heat.shape)
    across, down = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    values = np.ascontiguousarray(heat, dtype=np.float32)
    return np.asarray(cv2.remap(values, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _arm_of(model: str, arms: Sequence[str]) -> str:
    """The arm of a model whose file does not state it, from its name as in "simclr (seed 0)"; else the name itself."""
    return next((arm for arm in arms if model == arm or model.startswith(f"{arm} (seed ")), model)


def _with_thumbnails(points: pl.DataFrame, stores: Sequence[Path]) -> pl.DataFrame:
    """Images for as many points as a page shows, of stores here."""
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
    """Notes of a command, one sentence each."""
    if not path.is_file():
        return []
    caption: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return [formats.capital(str(note)) for note in caption.get("notes", [])]
