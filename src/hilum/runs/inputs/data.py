"""Data sets of a run: reading and decoding."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import yaml

from hilum.data.manifest import finding_columns
from hilum.data.patients import read_salt
from hilum.data.preprocess import Recipe, parse_recipe
from hilum.data.store import NamedData, Store, check_patients_comparable, open_or_build_store, read_named
from hilum.errors import HilumError
from hilum.findings import NO_FINDING, canonical
from hilum.progress import ShowProgress, quiet

DataSource: TypeAlias = str | Mapping[str, str | Path] | NamedData
"""One data set: "NAME=FOLDER", {NAME: FOLDER}, or a data set that was read before. NAME: a collection, or any name for
a folder of own images. FOLDER: the data set as unpacked, the output of `hilum ingest`, or a store of an earlier run."""

RECIPE = "[{square: pad}, {resize: 224}]"
"""Default preprocessing."""


def read_data(
    source: DataSource,
    *,
    labels: str | Path | None = None,
    allow_missing: bool = False,
    hash_patients: str | None = None,
    progress: ShowProgress = quiet,
) -> NamedData:
    """Read the tables of one data set, without any pixels.

    Args:
        source: The data set.
        labels: CSV file of labels, for own images.
        allow_missing: Continue if tables name images whose files are missing.
        hash_patients: For own images, file with a secret salt, "env" or "own" (`hilum.data.patients.read_salt`):
            patients, studies and images get pseudonyms.
        progress: Shows the progress of each stage.

    Raises:
        HilumError: Not one data set, no such folder, or wrong content.
    """
    if isinstance(source, NamedData):
        return source
    named = _as_text(source)
    if len(named) != 1:
        raise HilumError(
            "data", expected="one data set", found=f"{len(named)} data sets", fix="For example {'ours': 'images'}."
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
        sources: One data set, or several; a mapping may name several.
        labels, allow_missing, hash_patients, progress: As in `read_data`.

    Raises:
        HilumError: A repeated name, `labels` for several data sets, or as `read_data`.
    """
    listed: Sequence[DataSource] = [sources] if isinstance(sources, str | Mapping | NamedData) else sources
    every: list[str | NamedData] = []
    for source in listed:
        every += [source] if isinstance(source, NamedData) else _as_text(source)
    names = [each.name if isinstance(each, NamedData) else each.partition("=")[0] for each in every]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        fix = "Give every data set a different name."
        raise HilumError("--data", expected="every name once", found=", ".join(twice), fix=fix)
    if labels is not None and len(names) > 1:
        fix = "Run `hilum ingest` on that data set first, with its --labels, and give its output folder."
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
    """Decode and preprocess the images of a data set into a store, once for each recipe.

    Args:
        data: The data set.
        recipe: Preprocessing.
        out: Directory of the run.
        stores: Folder of decoded images, reused by later runs; None: `stores` next to `out`.
        workers: Threads that decode images; None: all cores.
        progress: Shows the progress of the stage.
    """
    folder = Path(stores) if stores is not None else out.absolute().parent / "stores"
    with progress("decoding images") as on_progress:
        return open_or_build_store(data, recipe, folder, workers=workers, on_progress=on_progress)


def recipe_from(given: str | Sequence[object]) -> Recipe:
    """Parse a preprocessing recipe from its steps, from YAML, or by name.

    Raises:
        HilumError: Not a recipe.
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
    """Convert names of findings, or a comma-separated text, to canonical findings; None for None.

    Raises:
        HilumError: An unknown finding.
    """
    if given is None:
        return None
    names = given.split(",") if isinstance(given, str) else given
    return list(dict.fromkeys(canonical(name.strip(), where="--findings") for name in names))


def findings_of(data: NamedData) -> list[str]:
    """List the findings that a data set labels, without "No Finding" if there are others."""
    labelled = finding_columns(data.manifest)
    return [name for name in labelled if name != NO_FINDING] or labelled


def _as_text(source: str | Mapping[str, str | Path]) -> list[str]:
    """Write each data set as NAME=FOLDER."""
    return [source] if isinstance(source, str) else [f"{name}={folder}" for name, folder in source.items()]
