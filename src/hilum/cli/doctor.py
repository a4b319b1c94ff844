"""Command `hilum doctor`: quality control of a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.errors import HilumError

if TYPE_CHECKING:
    from hilum.runs.datasets.doctor import DoctorResult

EXIT_ERRORS_FOUND = 1
TABLES = ("doctor.parquet", "counts.parquet", "missing.parquet", "duplicates.parquet")


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
    from hilum.runs.datasets.doctor import doctor as run

    result = run(
        collection,
        root,
        out,
        also=[_parse(text) for text in also or ()],
        split=split,
        labels=labels,
        release=release,
        labeller=labeller,
        allow_missing=allow_missing,
        workers=workers,
        progress=progress,
    )
    if json:
        print_json(result.about)
    else:
        _show(result)
    if strict and result.has_errors:
        raise typer.Exit(EXIT_ERRORS_FOUND)


def _parse(text: str) -> tuple[str, Path]:
    collection, equals, root = text.partition("=")
    if not (collection and equals and root):
        raise HilumError("--also", expected="COLLECTION=FOLDER", found=repr(text), fix="Write chestxray14=/data/CXR8.")
    return collection, Path(root)


def _show(result: "DoctorResult") -> None:
    from hilum.cli.console import echo

    *data_sets, counts = result.summary
    for line in data_sets:
        echo(line)
    for issue in result.issues:
        echo()
        echo(f"{issue.severity.upper():8} {issue.check} ({issue.data_set})")
        echo(f"         {issue.message}")
        echo(f"         {issue.fix}")
    echo()
    echo(counts)
    echo(f"Report: {result.page}; tables beside it: {', '.join(TABLES)}")
