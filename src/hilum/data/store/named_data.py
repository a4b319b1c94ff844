"""Data sets given to a command as NAME=FOLDER, and their stores, kept for later commands.

NAME is a collection, or any name for a folder of the user's own images. FOLDER is the unpacked data set, the output of
`hilum ingest`, or the output of an earlier command. A command keeps

    STORES/NAME-<recipe>/manifest.parquet, ingest.json, …    as in the output of `hilum ingest`, with the issuer
    STORES/NAME-<recipe>/store/                              image store of one recipe
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from hilum.artifacts import fingerprint, whole_file, write_json
from hilum.data.collections import Dataset, empty_rejected, read_collection
from hilum.data.collections.dataset import read_dataset_notes
from hilum.data.manifest import read_manifest, write_manifest
from hilum.data.patients import (
    check_same_salt,
    full_names,
    has_own_ids,
    is_public,
    issuer_of,
    salt_name,
    salt_of,
)
from hilum.data.preprocess import Recipe
from hilum.data.store.build import DESCRIPTION
from hilum.data.store.deidentify import is_deidentified, with_hashed_identifiers
from hilum.data.store.store import Store, build_store, open_store
from hilum.errors import HilumError
from hilum.findings import COLLECTIONS
from hilum.notes import notes_as_data
from hilum.progress import ProgressReport, silent

_MANIFEST, _INGEST, _STORE = "manifest.parquet", "ingest.json", "store"
_TABLES = ("boxes", "readings", "grades")
_PLAIN_HASH = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class NamedData:
    """Data set with the name given by the user.

    Attributes:
        name: Name of the data set.
        dataset: Its manifest and tables.
        issuer: Issuer of its patient ids (`hilum.data.patients.names`).
        store_dir: Existing store in its folder; None for native or ingested files.
    """

    name: str
    dataset: Dataset
    issuer: str
    store_dir: Path | None = None

    @property
    def manifest(self) -> pl.DataFrame:
        """One row for each image."""
        return self.dataset.manifest

    def patients(self, image_ids: list[str]) -> list[str]:
        """Return full names of the patients of images, as in the cards of encoders."""
        return [self._patient_of[image_id] for image_id in image_ids]

    @cached_property
    def _patient_of(self) -> dict[str, str]:
        names = full_names(self.manifest, self.issuer)
        return dict(zip(self.manifest["image_id"].to_list(), names, strict=True))


def read_named(
    text: str, *, salt: bytes | None = None, on_progress: ProgressReport = silent, **options: Any
) -> NamedData:
    """Read the data set of NAME=FOLDER.

    Args:
        text: NAME=FOLDER, see the docstring of this module.
        salt: Salt of pseudonyms for patient ids that are not published; None: keep the ids.
        on_progress: As in `read_collection`.
        options: Options of `hilum.data.collections.read_collection` for native files, such as `labels`, or None.

    Raises:
        HilumError: Another form, a missing folder, a store without manifest, or errors of reading the folder.
    """
    name, equals, folder = text.partition("=")
    if not (equals and folder and re.fullmatch(r"[\w.-]*\w", name)):
        fix = "For example chestxray14=/data/CXR8, or ours=images."
        raise HilumError("--data", expected="NAME=FOLDER, with a plain name", found=repr(text), fix=fix)
    root = Path(folder)
    if not root.is_dir():
        raise HilumError(
            f"--data {name}", expected="a folder", found=f"{root}, which does not exist", fix="Check the path."
        )
    given = {option: value for option, value in options.items() if value}
    if is_ingested(root):
        return _hidden(read_ingested(name, root, {f"--{option}": value for option, value in given.items()}), salt)
    if (root / DESCRIPTION).is_file():
        raise HilumError(
            f"--data {name}",
            expected="images with patients",
            found=f"{root}, a store with pixels only",
            fix="Give the folder of the data set, or the folder that contains the store.",
        )
    collection = name if name in COLLECTIONS else "folder"
    dataset = read_collection(collection, root, on_progress=on_progress, **given)
    return _hidden(NamedData(name, dataset, issuer_of(root, collection, name)), salt)


def is_ingested(folder: Path) -> bool:
    """Return true for the output folder of `hilum ingest`, or of a command that keeps a store."""
    return (folder / _MANIFEST).is_file() and (folder / _INGEST).is_file()


def read_ingested(name: str, folder: Path, given: Mapping[str, Any], *, issuer: str | None = None) -> NamedData:
    """Read the output folder of `hilum ingest`.

    Args:
        name: Name of the data set.
        folder: Output folder.
        given: Options for native files, by their command-line names; none is allowed.
        issuer: Issuer of the patient ids, if the folder does not state it; default: `name`.

    Raises:
        HilumError: An option for native files; files not written by `hilum ingest`; patients hashed by an earlier
            version whose hashes do not state their salt.
    """
    if given:
        option, value = next(iter(given.items()))
        fix = f"Remove {option}: it was set when the images were ingested."
        raise HilumError(option, expected="nothing for ingested images", found=str(value), fix=fix)
    again = "Run `hilum ingest` again."
    try:
        about = json.loads((folder / _INGEST).read_text(encoding="utf-8"))
        root, collection = Path(about["root"]), str(about["collection"])
    except (ValueError, KeyError, TypeError) as error:
        expected = "what `hilum ingest` wrote"
        raise HilumError(folder / _INGEST, expected=expected, found=str(error), fix=again) from error
    manifest = read_manifest(folder / _MANIFEST)
    if _hashed_without_salt(manifest):
        raise HilumError(
            folder / _MANIFEST,
            expected="pseudonyms that state their salt",
            found="hashes of an earlier version, which cannot be compared",
            fix="Run `hilum ingest --hash-patients` again, with the same salt.",
        )
    dataset = Dataset(
        manifest=manifest,
        boxes=None,
        root=root,
        name=collection,
        notes=read_dataset_notes(about),
        sources=dict(about.get("sources", {})),
        rejected=empty_rejected(),
    )
    paths = {table: folder / f"{table}.parquet" for table in _TABLES}
    tables: dict[str, Any] = {table: pl.read_parquet(path) for table, path in paths.items() if path.is_file()}
    own_issuer = str(about["issuer"]) if about.get("issuer") else issuer_of(root, collection, issuer or name)
    if issuer is not None and own_issuer != issuer:
        raise HilumError(
            f"issuer of {name}",
            expected=f"{own_issuer}, as these images were ingested",
            found=issuer,
            fix="Remove the issuer, or ingest the images again.",
        )
    store = folder / _STORE
    return NamedData(name, replace(dataset, **tables), own_issuer, store if (store / DESCRIPTION).is_file() else None)


def pseudonymised(dataset: Dataset, issuer: str, salt: bytes, where: str) -> Dataset:
    """Replace the patient ids of a data set by pseudonyms, unless they are published.

    Args:
        dataset: Data set.
        issuer: Issuer of the patient ids.
        salt: Salt of the pseudonyms.
        where: Name of the data set for messages.

    Raises:
        HilumError: It has pseudonyms under another salt.
    """
    if not has_own_ids(dataset.name) or is_public(issuer):
        return dataset
    if not is_deidentified(dataset.manifest):
        return with_hashed_identifiers(dataset, salt)
    others = {salt_of(number) for number in dataset.manifest["patient_id"].unique()} - {None, salt_name(salt)}
    if others:
        raise HilumError(
            where,
            expected=f"patients under salt {salt_name(salt)}, the given one",
            found=f"pseudonyms under salt {', '.join(sorted(map(str, others)))}",
            fix="Give the salt that the data set was ingested with, or ingest it again.",
        )
    return dataset


def check_patients_comparable(data: Iterable[NamedData]) -> None:
    """Refuse data sets of one issuer whose patient ids cannot be compared; see `check_same_salt`."""
    every = list(data)
    check_same_salt(
        {each.name: each.manifest["patient_id"] for each in every}, {each.name: each.issuer for each in every}
    )


def _hidden(data: NamedData, salt: bytes | None) -> NamedData:
    if salt is None:
        return data
    dataset = pseudonymised(data.dataset, data.issuer, salt, f"--data {data.name}")
    # an existing store uses the original image ids
    return data if dataset is data.dataset else replace(data, dataset=dataset, store_dir=None)


def _hashed_without_salt(manifest: pl.DataFrame) -> bool:
    """Return true if all ids of images and patients are plain hashes of an earlier version."""
    ids = [*manifest["image_id"], *manifest["patient_id"]]
    return bool(ids) and all(_PLAIN_HASH.fullmatch(each) for each in ids) and manifest["path"].null_count() == 0


def open_or_build_store(
    data: NamedData,
    recipe: Recipe,
    stores: Path,
    *,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> Store:
    """Open the store of a data set and recipe, or build it.

    Args:
        data: Data set.
        recipe: Preprocessing.
        stores: Folder of the stores.
        workers: As in `hilum.data.store.store.build_store`.
        on_progress: As in `hilum.data.store.store.build_store`.

    Raises:
        HilumError: No image is readable.
    """
    if data.store_dir is not None:
        here = open_store(data.store_dir)
        if here.recipe == recipe:
            return here
    named_by = sorted({salt_of(number) or "" for number in data.manifest["patient_id"].unique()} - {""})
    order = fingerprint([recipe.as_data(), named_by] if named_by else recipe.as_data())
    directory = stores / f"{data.name}-{order[:8]}"
    dataset = data.dataset
    store = build_store(
        dataset.manifest, dataset.root, recipe, directory / _STORE, workers=workers, on_progress=on_progress
    )
    described = {"collection": dataset.name, "issuer": data.issuer, "notes": notes_as_data(dataset.notes)}
    write_json(directory / _INGEST, described | {"root": str(dataset.root.resolve()), "sources": dataset.sources})
    for name in _TABLES:
        table = getattr(dataset, name)
        if table is not None:
            with whole_file(directory / f"{name}.parquet") as beside:
                table.write_parquet(beside)
    write_manifest(dataset.manifest, directory / _MANIFEST)
    return store
