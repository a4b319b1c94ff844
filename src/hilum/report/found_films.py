"""Films that lie in a directory: points of `hilum embed`, maps of `hilum explain`, pictures of a store."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.store import Store, open_store
from hilum.draws import image_keys, shuffled
from hilum.evaluate.predictions import Predictions
from hilum.report import formats
from hilum.report.films import Case, Embedding
from hilum.report.found_files import Found
from hilum.report.pictures import smaller
from hilum.report.scatter import MOST_THUMBNAILS, TILE

MOST_BY_LOT = 60
"""Films that the case browser shows where no heat-maps name any."""
METHODS = {"tsne": "t-SNE", "umap": "UMAP"}
CLASSES = {"single_label": "films with a single label", "anomalies": "No Finding or anomalies", "label": "label"}
"""Columns of an embedding that hold classes, and how they are said."""
_GRID = 32

Maps = dict[str, dict[tuple[str, str], NDArray[np.float32]]]


def found_embeddings(found: Found) -> list[Embedding]:
    """One for each method and way to put films into classes, with thumbnails where a store holds the films."""
    if "embedding" not in found.parts:
        return []
    path = found.parts["embedding"]
    table = pl.read_parquet(path)
    if "method" not in table.columns:
        table = table.with_columns(pl.lit("embedding").alias("method"))
    classes = [name for name in CLASSES if name in table.columns and table[name].null_count() < len(table)]
    about = _told(path.with_name("embed.json"))
    made = []
    for (method,), rows in table.group_by("method", maintain_order=True):
        for name in classes or [""]:
            points = rows.select(
                pl.col("image_id").cast(pl.String),
                "x",
                "y",
                (pl.col(name).cast(pl.String) if name else pl.lit("films")).alias("label"),
                *(["thumbnail"] if "thumbnail" in rows.columns else []),
            )
            title = METHODS.get(str(method), str(method))
            said = [f"Colours: {CLASSES[name]}", *about] if name else about
            made.append(Embedding(title, said, _with_thumbnails(points, found.stores), name))
    return made


def found_cases(found: Found, predictions: Mapping[str, Sequence[Predictions]]) -> tuple[list[Case], list[str]]:
    """Films with heat-maps, or, where there are none, some by lot; and what could not be shown, and why."""
    stores = [open_store(directory) for directory in found.stores]
    maps = _maps(found.directory, list(predictions))
    ids = list(maps)
    if not maps and predictions:
        every = next(iter(predictions.values()))[0].image_ids
        ids = [every[place] for place in shuffled(0, image_keys(every))[:MOST_BY_LOT]]
    cases = []
    for image_id in ids:
        film = _picture(stores, image_id)
        if film is not None:
            cases.append(Case(image_id, film, maps.get(image_id, {})))
    if maps and len(cases) < len(ids):
        missing = formats.plural(len(ids) - len(cases), "film")
        return cases, [f"{missing} with heat-maps: no store here holds the picture."]
    return cases, []


def _maps(directory: Path, arms: Sequence[str]) -> Maps:
    """Heat-maps by film, then by arm and finding, of everything that `hilum explain` left here."""
    made: Maps = {}
    for path in sorted([*directory.glob("explain.json"), *directory.glob("*/explain.json")]):
        index = path.with_name("heat_maps.parquet")
        if not index.is_file():
            continue
        rows = pl.read_parquet(index)
        for model in json.loads(path.read_text(encoding="utf-8"))["models"]:
            maps = np.load(path.with_name(model["maps"]), mmap_mode="r")
            start, end = model["begin_and_end_on_film"]
            arm = _arm_of(model["name"], arms)
            for place, image_id, finding in rows.select("row", "image_id", "finding").iter_rows():
                made.setdefault(image_id, {})[arm, finding] = on_film(maps[place], start, end)
    return made


def on_film(heat: NDArray[np.float32], start: float, end: float) -> NDArray[np.float32]:
    """A map on the whole film, though its first row may begin, and its last end, elsewhere than the film does.

    Args:
        heat: (rows, columns).
        start, end: where the map begins and ends, as fractions of the film's side.

    Returns:
        (32, 32); beyond the map its border goes on.
    """
    centres = (np.arange(_GRID, dtype=np.float32) + 0.5) / _GRID
    rows, columns = (((centres - start) / (end - start)) * length - 0.5 for length in heat.shape)
    across, down = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    values = np.ascontiguousarray(heat, dtype=np.float32)
    return np.asarray(cv2.remap(values, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _arm_of(model: str, arms: Sequence[str]) -> str:
    """The arm whose model this is, as in "simclr (seed 0)"; the model's name where none fits."""
    return next((arm for arm in arms if model == arm or model.startswith(f"{arm} (seed ")), model)


def _with_thumbnails(points: pl.DataFrame, stores: Sequence[Path]) -> pl.DataFrame:
    """Pictures for as many points as a page shows, of stores here."""
    if "thumbnail" in points.columns or not stores:
        return points
    opened = [open_store(directory) for directory in stores]
    ids = points["image_id"].to_list()
    wanted = set(shuffled(0, image_keys(ids))[:MOST_THUMBNAILS].tolist())
    thumbnails = []
    for place, image_id in enumerate(ids):
        film = _picture(opened, image_id) if place in wanted else None
        thumbnails.append(None if film is None else cv2.imencode(".png", smaller(film, TILE))[1].tobytes())
    return points.with_columns(pl.Series("thumbnail", thumbnails, dtype=pl.Binary))


def _picture(stores: Sequence[Store], image_id: str) -> NDArray[np.uint8] | None:
    for store in stores:
        if store.has([image_id])[0]:
            return np.asarray(store.pixels[store.rows([image_id])[0]])
    return None


def _told(path: Path) -> list[str]:
    """Notes of a command, one sentence each."""
    if not path.is_file():
        return []
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return [formats.capital(str(note)) for note in said.get("notes", [])]
