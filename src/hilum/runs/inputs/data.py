"""Data sets as a run is given them, read and decoded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import yaml

from hilum.data.patients import read_salt
from hilum.data.preprocess import Recipe, parse_recipe
from hilum.data.store import NamedData, Store, check_patients_comparable, open_or_build_store, read_named
from hilum.errors import HilumError
from hilum.findings import canonical
from hilum.progress import ShowProgress, quiet

DataSource: TypeAlias = str | Mapping[str, str | Path] | NamedData
"""One data set: "NAME=FOLDER", {NAME: FOLDER}, or a data set that was read before. NAME is one of the collections, or
any name for a folder of own images; FOLDER is the data set as unpacked, ingested, or kept by an earlier run."""

RECIPE = "[{square: pad}, {resize: 224}]"
"""Preprocessing where nothing else is given."""


def read_data(
    source: DataSource,
    *,
    labels: str | Path | None = None,
    allow_missing: bool = False,
    hash_patients: str | None = None,
    progress: ShowProgress = quiet,
) -> NamedData:
    """Read the tables of one data set; no pixel is read.

    Args:
        source: the data set.
        labels: own images: the CSV with the labels.
        allow_missing: go on where tables name images whose file is not there.
        hash_patients: own images: file of a secret salt, "env" or "own" (`hilum.data.patients.read_salt`); patients,
            studies and images then have pseudonyms.
        progress: shows each stage.

    Raises:
        HilumError: not one data set, no such folder, or what reading it finds wrong.
    """
    if isinstance(source, NamedData):
        return source
    named = _as_text(source)
    if len(named) != 1:
        raise HilumError(
            "data", expected="one data set", found=f"{len(named)} data sets", fix="Give {'ours': 'images'}, say."
        )
    salt = read_salt(hash_patients) if hash_patients else None
    path = None if labels is None else Path(labels)
    with progress(f"reading {named[0].partition('=')[2]}") as on_progress:
        return read_named(named[0], salt=salt, labels=path, allow_missing=allow_missing, on_progress=on_progress)


def read_data_sets(
    sources: DataSource | Sequence[DataSource],
    *,
    labels: str | Path | None = None,
    allow_missing: bool = False,
    hash_patients: str | None = None,
    progress: ShowProgress = quiet,
) -> dict[str, NamedData]:
    """Read the tables of several data sets, by name.

    Args:
        sources: one data set, or several; a mapping may name several.
        labels, allow_missing, hash_patients, progress: as in `read_data`.

    Raises:
        HilumError: one name twice, `labels` of several data sets, or what reading a data set finds wrong.
    """
    listed: Sequence[DataSource] = [sources] if isinstance(sources, str | Mapping | NamedData) else sources
    every: list[str | NamedData] = []
    for source in listed:
        every += [source] if isinstance(source, NamedData) else _as_text(source)
    names = [each.name if isinstance(each, NamedData) else each.partition("=")[0] for each in every]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        fix = "Give every data set a name of its own."
        raise HilumError("--data", expected="every name once", found=", ".join(twice), fix=fix)
    if labels is not None and len(names) > 1:
        fix = "Run `hilum ingest` on that data set first, with its --labels, and give what it leaves."
        raise HilumError("--labels", expected="one data set", found=", ".join(names), fix=fix)
    read = [
        read_data(each, labels=labels, allow_missing=allow_missing, hash_patients=hash_patients, progress=progress)
        for each in every
    ]
    check_patients_comparable(read)
    return {each.name: each for each in read}


def decode(
    data: NamedData,
    recipe: Recipe,
    out: Path,
    *,
    stores: str | Path | None = None,
    workers: int | None = None,
    progress: ShowProgress = quiet,
) -> Store:
    """Decode the images of a data set, at most once for each recipe.

    Args:
        data: the data set.
        recipe: of preprocessing.
        out: directory of the run.
        stores: folder that keeps decoded images for the next run; None: `stores` beside `out`.
        workers: threads that decode; None: all cores.
        progress: shows the stage.
    """
    folder = Path(stores) if stores is not None else out.absolute().parent / "stores"
    with progress("decoding images") as on_progress:
        return open_or_build_store(data, recipe, folder, workers=workers, on_progress=on_progress)


def recipe_from(given: str | Sequence[object]) -> Recipe:
    """A preprocessing recipe from its steps, from YAML, or by name.

    Raises:
        HilumError: no recipe.
    """
    if not isinstance(given, str):
        return parse_recipe(list(given))
    try:
        return parse_recipe(yaml.safe_load(given))
    except yaml.YAMLError as error:
        found = str(error).splitlines()[0]
        fix = f"Write {RECIPE}."
        raise HilumError("--preprocess", expected="steps or a name", found=found, fix=fix) from error


def findings_from(given: str | Sequence[str] | None) -> list[str] | None:
    """Canonical findings from their names, or from one text with commas; None for None.

    Raises:
        HilumError: an unknown finding.
    """
    if given is None:
        return None
    names = given.split(",") if isinstance(given, str) else given
    return list(dict.fromkeys(canonical(name.strip(), where="--findings") for name in names))


def _as_text(source: str | Mapping[str, str | Path]) -> list[str]:
    """NAME=FOLDER of each data set."""
    return [source] if isinstance(source, str) else [f"{name}={folder}" for name, folder in source.items()]
