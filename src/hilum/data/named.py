"""A data set as people name it to a command: NAME=FOLDER, and its films kept as pixels for the next command.

NAME is one of the collections, or any name for a folder of one's own films. FOLDER is the data set as it was unpacked,
what `hilum ingest` left of it, or what an earlier command kept. Kept are

    STORES/NAME-<recipe>/manifest.parquet, ingest.json, …    as `hilum ingest` leaves them, with the patients' issuer
    STORES/NAME-<recipe>/store/                              the pixel store of one recipe
"""

import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from hilum.artifacts import fingerprint, whole_file, write_json
from hilum.data.collections import Collected, nothing_rejected, read_collection
from hilum.data.manifest import read_manifest, write_manifest
from hilum.data.patients import issuer_of, patient_names
from hilum.data.preprocess import Recipe
from hilum.data.store import DESCRIPTION, Store, build_store, open_store
from hilum.errors import HilumError
from hilum.findings import COLLECTIONS
from hilum.progress import ProgressReport, silent

_MANIFEST, _INGEST, _STORE = "manifest.parquet", "ingest.json", "store"
_TABLES = ("boxes", "readings", "grades")


@dataclass(frozen=True)
class NamedData:
    """A data set under the name that a user gave it.

    Attributes:
        name: as given.
        collected: what its files say.
        issuer: who gave its patients their numbers (`hilum.data.patients`).
        kept: the store that came with it; None where it was read from native or ingested files.
    """

    name: str
    collected: Collected
    issuer: str
    kept: Path | None = None

    @property
    def manifest(self) -> pl.DataFrame:
        """One row a film, as its files say."""
        return self.collected.manifest

    def patients(self, image_ids: list[str]) -> list[str]:
        """Full names of the patients of films, by which the cards of encoders know them."""
        return [self._patient_of[image_id] for image_id in image_ids]

    @cached_property
    def _patient_of(self) -> dict[str, str]:
        names = patient_names(self.manifest["patient_id"], self.issuer)
        return dict(zip(self.manifest["image_id"], names, strict=True))


def read_named(told: str, *, on_progress: ProgressReport = silent, **options: Any) -> NamedData:
    """Read the data set behind NAME=FOLDER.

    Args:
        told: NAME=FOLDER, see the head of this file.
        on_progress: as in `read_collection`.
        options: of `hilum.data.collections.read_collection`, such as `labels`; None for those not given. They are
            about native files.

    Raises:
        HilumError: not of this form, no such folder, a bare pixel store, or what reading the folder finds wrong.
    """
    name, equals, folder = told.partition("=")
    if not (equals and folder and re.fullmatch(r"[\w.-]*\w", name)):
        fix = "For example chestxray14=/data/CXR8, or ours=films."
        raise HilumError("--data", expected="NAME=FOLDER, with a plain name", found=repr(told), fix=fix)
    root = Path(folder)
    if not root.is_dir():
        raise HilumError(f"--data {name}", expected="a folder", found=f"{root} is none", fix="Check the path.")
    given = {option: value for option, value in options.items() if value}
    if (root / _MANIFEST).is_file() and (root / _INGEST).is_file():
        return _read_ingested(name, root, given)
    if (root / DESCRIPTION).is_file():
        raise HilumError(
            f"--data {name}",
            expected="films with their patients",
            found=f"{root}, a store that holds pixels only",
            fix="Give the folder of the data set, or the folder around the store that a command kept.",
        )
    collection = name if name in COLLECTIONS else "folder"
    collected = read_collection(collection, root, on_progress=on_progress, **given)
    return NamedData(name, collected, issuer_of(root, collection, name))


def kept_store(
    data: NamedData,
    recipe: Recipe,
    stores: Path,
    *,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> Store:
    """The films of a data set as pixels, decoded at most once for each recipe.

    Args:
        data: whose films.
        recipe: how they shall be preprocessed.
        stores: the folder that keeps them.
        workers: as in `hilum.data.store.build_store`.
        on_progress: as there.

    Raises:
        HilumError: no film can be read.
    """
    if data.kept is not None:
        here = open_store(data.kept)
        if here.recipe == recipe:
            return here
    directory = stores / f"{data.name}-{fingerprint(recipe.as_data())[:8]}"
    collected = data.collected
    store = build_store(
        collected.manifest, collected.root, recipe, directory / _STORE, workers=workers, on_progress=on_progress
    )
    described = {"collection": collected.name, "issuer": data.issuer, "notes": collected.notes}
    write_json(directory / _INGEST, described | {"root": str(collected.root.resolve()), "sources": collected.sources})
    for name in _TABLES:
        table = getattr(collected, name)
        if table is not None:
            with whole_file(directory / f"{name}.parquet") as beside:
                table.write_parquet(beside)
    write_manifest(collected.manifest, directory / _MANIFEST)
    return store


def _read_ingested(name: str, folder: Path, given: dict[str, Any]) -> NamedData:
    if given:
        option, value = next(iter(given.items()))
        fix = f"Leave out --{option}: it was decided when the films were ingested."
        raise HilumError(f"--{option}", expected="nothing for ingested films", found=str(value), fix=fix)
    about = json.loads((folder / _INGEST).read_text(encoding="utf-8"))
    root, collection = Path(about["root"]), str(about["collection"])
    collected = Collected(
        manifest=read_manifest(folder / _MANIFEST),
        boxes=None,
        root=root,
        name=collection,
        notes=list(about.get("notes", [])),
        sources=dict(about.get("sources", {})),
        rejected=nothing_rejected(),
    )
    here = {table: folder / f"{table}.parquet" for table in _TABLES}
    tables: dict[str, Any] = {table: pl.read_parquet(path) for table, path in here.items() if path.is_file()}
    collected = replace(collected, **tables)
    issuer = str(about["issuer"]) if "issuer" in about else issuer_of(root, collection, name)
    store = folder / _STORE
    return NamedData(name, collected, issuer, store if (store / DESCRIPTION).is_file() else None)
