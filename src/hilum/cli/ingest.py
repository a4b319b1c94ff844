"""Command `hilum ingest`: manifest of a data set from its native files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.runs.datasets.ingest import IngestResult


def ingest(
    collection: Annotated[
        str, typer.Argument(help="Collection (native layout), such as chestxray14 (`hilum data list`), or folder.")
    ],
    root: Annotated[Path, typer.Argument(help="Folder of the data set, as unpacked.")],
    out: Annotated[Path, typer.Option(help="Directory to write manifest.parquet, ingest.json and other tables to.")],
    labels: options.Labels = None,
    release: options.Release = None,
    labeller: Annotated[
        str | None, typer.Option(help="Labeller of MIMIC-CXR-JPG: chexpert, negbio or radiologist.")
    ] = None,
    hash_patients: options.HashPatients = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Keep rows of images whose files are missing.")
    ] = False,
    json: options.AsJson = False,
) -> None:
    """Read a data set into a manifest, and count findings.

    \b
    Examples:
      hilum ingest chestxray14 /data/CXR8 --out ingested/chestxray14
      hilum ingest folder images/ --labels labels.csv --out ingested/ours
      hilum ingest folder images/ --out ingested/unlabelled --json
      hilum ingest folder images/ --hash-patients salt.txt --out ingested/ours
      hilum ingest mimic_cxr_jpg /data/mimic-cxr-jpg --labeller negbio --out ingested/mimic
    """
    from hilum.cli.console import print_json, progress
    from hilum.runs.datasets.ingest import ingest as run

    result = run(
        collection,
        root,
        out,
        labels=labels,
        release=release,
        labeller=labeller,
        hash_patients=hash_patients,
        allow_missing=allow_missing,
        progress=progress,
    )
    if json:
        print_json(result.about)
    else:
        _show(result)


def _show(result: "IngestResult") -> None:
    from hilum.cli.console import echo, print_table

    summary, splits = result.about, result.about["splits"]
    first, *more = result.summary
    echo(first)
    for line in more:
        echo(f"  {line}")
    if list(splits) != ["unlisted"]:
        for name, counts in splits.items():
            echo(f"  {name:10} {counts['images']:>8,} images of {counted(counts['patients'], 'patient')}")
    if summary["findings"]:
        echo()
        # Empty columns are omitted, so that the table fits a terminal.
        shown = {"images": "positive", "alone": "single_label", "patients": "patients"}
        shown |= {
            name: name for name in ("uncertain", "boxes") if any(each[name] for each in summary["findings"].values())
        }
        rows = [
            [
                _with_native_name(finding, counts["native"]),
                *(counts[key] for key in shown.values()),
                *(counts["by_split"].get(name, 0) for name in splits),
            ]
            for finding, counts in summary["findings"].items()
        ]
        print_table(["finding", *shown, *splits], rows)
        echo("alone: images with this label and no other")
    echo()
    for note in result.notes:
        echo(f"- {note}")
    echo(f"Written to {result.directory}: {', '.join(f'{table}.parquet' for table in result.tables)}, ingest.json")


def _with_native_name(finding: str, name: str) -> str:
    return finding if finding.casefold() == name.replace("_", " ").casefold() else f"{finding} ({name})"
