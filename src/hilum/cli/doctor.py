"""Command `hilum doctor`: quality control of a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli import options
from hilum.cli.page_images import PageImages
from hilum.errors import HilumError
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.data.doctor import CheckedDataset, Diagnosis

EXIT_ERRORS_FOUND = 1
INGESTED = "ingested"
_OUTPUTS = ("doctor.html", "doctor.parquet", "counts.parquet", "missing.parquet", "duplicates.parquet", "measured")


def doctor(
    collection: Annotated[
        str, typer.Argument(help="Collection, as for `hilum ingest`; or `ingested`, for an output folder of it.")
    ],
    root: Annotated[Path, typer.Argument(help="Folder of the data set, as unpacked.")],
    out: Annotated[Path, typer.Option(help="Directory to write doctor.html and its tables to.")],
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLLECTION=FOLDER",
            help="Check a further data set, and search for duplicates across all. Repeatable.",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Published split to check for patient leakage: official, chexnet, …")
    ] = "official",
    labels: options.Labels = None,
    release: options.Release = None,
    labeller: Annotated[str | None, typer.Option(help="Labeller of MIMIC-CXR-JPG: chexpert or negbio.")] = None,
    allow_missing: options.AllowMissing = False,
    workers: options.Workers = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 1 if there are errors.")] = False,
    json: options.AsJson = False,
) -> None:
    """Check a data set for leakage and other problems.

    The checks cover patient leakage between parts of a split, near-duplicates, conflicting labels, and unreadable or
    atypical images. Each image is decoded once; measurements are stored in OUT, so that an interrupted run resumes and
    a second run is fast. --labels, --release and --labeller apply to the first data set.

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

    check_replaceable(out, _OUTPUTS)
    others = [_parse(text) for text in also or ()]
    read = [_read(collection, root, allow_missing, {"labels": labels, "release": release, "labeller": labeller})]
    read += [_read(name, folder, allow_missing, {}) for name, folder in others]
    data_sets = with_split(with_unique_names(read), split)
    with progress("Measuring images") as on_progress:
        measured = measure_all(data_sets, out, workers=workers, on_progress=on_progress)
    with progress("Searching for duplicates") as on_progress:
        diagnosis = diagnose(data_sets, measured, split=split, workers=workers, on_progress=on_progress)
    write_tables(diagnosis, out)
    images = {one.name: PageImages(one.manifest, one.root) for one in data_sets}
    write_doctor_page(diagnosis, lambda data_set, image_id: images[data_set](image_id), out / PAGE)
    if json:
        print_json(summarise(diagnosis))
    else:
        _show(diagnosis, out / PAGE)
    if strict and any(issue.severity == "error" for issue in diagnosis.issues):
        raise typer.Exit(EXIT_ERRORS_FOUND)


def summarise(diagnosis: "Diagnosis") -> dict[str, Any]:
    """Convert a diagnosis to plain data.

    Returns:
        `split`, `data_sets` (`name`, `collection`, `images`, `patients`, `unreadable`), numbers of `errors`, `warnings`
        and `notes`, `issues` (`severity`, `check`, `data_set`, `message`, `fix`, `images`) and `copies` (number of
        pairs by kind).
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
        **_counts(diagnosis),
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


def _counts(diagnosis: "Diagnosis") -> dict[str, int]:
    severities = [issue.severity for issue in diagnosis.issues]
    return {f"{severity}s": severities.count(severity) for severity in ("error", "warning", "note")}


def _parse(text: str) -> tuple[str, Path]:
    collection, equals, root = text.partition("=")
    if not (collection and equals and root):
        raise HilumError("--also", expected="COLLECTION=FOLDER", found=repr(text), fix="Write chestxray14=/data/CXR8.")
    return collection, Path(root)


def _read(collection: str, root: Path, allow_missing: bool, given: dict[str, Any]) -> "CheckedDataset":
    from hilum.cli.console import progress
    from hilum.data.collections import read_collection
    from hilum.data.doctor import as_checked_dataset, read_ingested

    if collection == INGESTED:
        for option, value in given.items():
            if value is not None:
                fix = f"Omit --{option}: it was set when the images were ingested."
                raise HilumError(f"--{option}", expected=f"nothing for {INGESTED}", found=str(value), fix=fix)
        return read_ingested(root)
    with progress(f"Reading {root}") as on_progress:
        return as_checked_dataset(
            read_collection(
                collection, root, allow_missing=allow_missing, check_splits=False, on_progress=on_progress, **given
            )
        )


def _show(diagnosis: "Diagnosis", page: Path) -> None:
    from hilum.cli.console import echo

    for one in diagnosis.data_sets:
        patients = one.manifest["patient_id"].n_unique()
        echo(f"{one.name} ({one.collection})  {counted(len(one.manifest))} of {counted(patients, 'patient')}")
    for issue in diagnosis.issues:
        echo()
        echo(f"{issue.severity.upper():8} {issue.check} ({issue.data_set})")
        echo(f"         {issue.message}")
        echo(f"         {issue.fix}")
    echo()
    echo(", ".join(counted(number, name.removesuffix("s")) for name, number in _counts(diagnosis).items()))
    echo(f"Report: {page}; tables beside it: {', '.join(name for name in _OUTPUTS if name.endswith('.parquet'))}")
