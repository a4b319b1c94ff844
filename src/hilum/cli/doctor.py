"""`hilum doctor`: what is wrong with a data set, before anything is trained on it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.errors import HilumError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hilum.data.doctor import CheckedDataset, Diagnosis

EXIT_ERRORS_FOUND = 1
INGESTED = "ingested"
_LEFT = ("doctor.html", "doctor.parquet", "counts.parquet", "missing.parquet", "duplicates.parquet", "measured")


def doctor(
    collection: Annotated[str, typer.Argument(help="As for `hilum ingest`; or `ingested`, for its output folder.")],
    root: Annotated[Path, typer.Argument(help="The folder that holds the data set, as it was unpacked.")],
    out: Annotated[Path, typer.Option(help="Directory for doctor.html and its tables.")],
    also: Annotated[
        list[str] | None,
        typer.Option("--also", metavar="COLLECTION=ROOT", help="One more data set; copies are looked for across them."),
    ] = None,
    split: Annotated[str, typer.Option(help="The published list to look at: official, chexnet, …")] = "official",
    labels: Annotated[Path | None, typer.Option(help="folder: the CSV with the labels.")] = None,
    release: Annotated[str | None, typer.Option(help="chestxray14: release of the labels, 2020 or 2017.")] = None,
    labeller: Annotated[str | None, typer.Option(help="mimic_cxr_jpg: chexpert or negbio.")] = None,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Go on where files are not here.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads; all cores when left out.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 1 where errors were found.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Look for what would spoil a study: leaks, copies, contradictions, broken and odd images.

    Every image is decoded once; what was measured stays in OUT, so that an interrupted run goes on and a second one is
    quick. --labels, --release and --labeller are about the first data set.

    \b
    Examples:
      hilum doctor chestxray14 /data/CXR8 --out checked
      hilum doctor chestxray14 /data/CXR8 --split chexnet --out checked --strict
      hilum doctor folder images/ --labels labels.csv --also chestxray14=/data/CXR8 --out checked
      hilum doctor ingested ingested/ours --out checked --json
    """
    from hilum.cli.console import print_json, progress
    from hilum.data.doctor import diagnose, measure_all, with_split, with_unique_names, write_tables
    from hilum.data.replaceable import check_replaceable
    from hilum.report.pages import write_doctor_page
    from hilum.report.pages.doctor import PAGE

    check_replaceable(out, _LEFT)
    others = [_parse(text) for text in also or ()]
    options = {"labels": labels, "release": release, "labeller": labeller}
    read = [_read(collection, root, allow_missing, options)]
    read += [_read(name, folder, allow_missing, {}) for name, folder in others]
    data_sets = with_split(with_unique_names(read), split)
    with progress("Looking at the images") as on_progress:
        measured = measure_all(data_sets, out, workers=workers, on_progress=on_progress)
    with progress("Looking for copies") as on_progress:
        diagnosis = diagnose(data_sets, measured, split=split, workers=workers, on_progress=on_progress)
    write_tables(diagnosis, out)
    write_doctor_page(diagnosis, _images_of(data_sets), out / PAGE)
    if json:
        print_json(summarise(diagnosis))
    else:
        _show(diagnosis, out / PAGE)
    if strict and any(issue.severity == "error" for issue in diagnosis.issues):
        raise typer.Exit(EXIT_ERRORS_FOUND)


def summarise(diagnosis: "Diagnosis") -> dict[str, Any]:
    """What was found, as plain data.

    Returns:
        `split`, `data_sets` (`name`, `collection`, `images`, `patients`, `unreadable`), `errors`, `warnings`, `notes`
        (how many), `issues` (`severity`, `check`, `data_set`, `message`, `fix`, `images`) and `copies` (pairs by kind).
    """
    unread = diagnosis.images.filter(diagnosis.images["reason"].is_not_null())["data_set"].to_list()
    return {
        "split": diagnosis.split,
        "data_sets": [
            {
                "name": one.name,
                "collection": one.collection,
                "images": len(one.manifest),
                "patients": one.manifest["patient_id"].n_unique(),
                "unreadable": unread.count(one.name) + len(one.rejected),
            }
            for one in diagnosis.data_sets
        ],
        **_numbers(diagnosis),
        "issues": [
            {
                "severity": issue.severity,
                "check": issue.check,
                "data_set": issue.data_set,
                "message": issue.message,
                "fix": issue.fix,
                "images": len(issue.image_ids),
            }
            for issue in diagnosis.issues
        ],
        "copies": dict(sorted(diagnosis.copies.group_by("kind").len().iter_rows())),
    }


def _numbers(diagnosis: "Diagnosis") -> dict[str, int]:
    options = [issue.severity for issue in diagnosis.issues]
    return {"errors": options.count("error"), "warnings": options.count("warning"), "notes": options.count("note")}


def _parse(text: str) -> tuple[str, Path]:
    collection, equals, root = text.partition("=")
    if not (collection and equals and root):
        raise HilumError("--also", expected="COLLECTION=ROOT", found=repr(text), fix="Write chestxray14=/data/CXR8.")
    return collection, Path(root)


def _read(collection: str, root: Path, allow_missing: bool, options: dict[str, Any]) -> "CheckedDataset":
    from hilum.cli.console import progress
    from hilum.data.collections import read_collection
    from hilum.data.doctor import as_checked_dataset, read_ingested

    if collection == INGESTED:
        for option, value in options.items():
            if value is not None:
                fix = f"Leave out --{option}: it was decided when the images were ingested."
                raise HilumError(f"--{option}", expected=f"nothing for {INGESTED}", found=str(value), fix=fix)
        return read_ingested(root)
    with progress(f"Reading {root}") as on_progress:
        return as_checked_dataset(
            read_collection(
                collection, root, allow_missing=allow_missing, check_splits=False, on_progress=on_progress, **options
            )
        )


def _images_of(data_sets: "list[CheckedDataset]") -> "Callable[[str, str], NDArray[np.uint8] | None]":
    from hilum.data.images.gray import UnreadableImage
    from hilum.data.paths import leads_inside
    from hilum.data.pixels import read_gray
    from hilum.data.preprocess import eight_bits

    places = {
        (one.name, image_id): (one.root, path)
        for one in data_sets
        for image_id, path in one.manifest.select("image_id", "path").drop_nulls().iter_rows()
    }

    def image(data_set: str, image_id: str) -> "NDArray[np.uint8] | None":
        try:
            root, path = places[data_set, image_id]
            return eight_bits(read_gray(root / path)) if leads_inside(root / path, root.resolve()) else None
        except (KeyError, UnreadableImage):
            return None

    return image


def _show(diagnosis: "Diagnosis", page: Path) -> None:
    from hilum.cli.console import echo
    from hilum.data.doctor.issues import counted

    for one in diagnosis.data_sets:
        patients = one.manifest["patient_id"].n_unique()
        echo(f"{one.name} ({one.collection})  {len(one.manifest):,} images of {patients:,} patients")
    for issue in diagnosis.issues:
        echo()
        echo(f"{issue.severity.upper():8} {issue.check} ({issue.data_set})")
        echo(f"         {issue.message}")
        echo(f"         {issue.fix}")
    echo()
    echo(", ".join(counted(number, name.removesuffix("s")) for name, number in _numbers(diagnosis).items()))
    echo(f"Written: {page} to look at; doctor.parquet, counts.parquet, missing.parquet, duplicates.parquet beside it")
