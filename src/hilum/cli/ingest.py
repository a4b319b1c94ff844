"""Command `hilum ingest`: manifest of a data set from its native files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli import options
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.data.collections import Dataset

_OUTPUTS = (
    "manifest.parquet",
    "boxes.parquet",
    "readings.parquet",
    "grades.parquet",
    "rejected.parquet",
    "remarks.parquet",
    "ingest.json",
)


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
    from hilum.artifacts import whole_directory, write_json
    from hilum.cli.console import print_json, progress
    from hilum.data.collections import read_collection
    from hilum.data.manifest import write_manifest
    from hilum.data.patients import issuer_of, read_salt
    from hilum.data.replaceable import check_replaceable
    from hilum.data.store import with_hashed_identifiers

    check_replaceable(out, _OUTPUTS)
    salt = read_salt(hash_patients) if hash_patients else None
    with progress(f"Reading {root}") as on_progress:
        collected = read_collection(
            collection,
            root,
            allow_missing=allow_missing,
            labels=labels,
            release=release,
            labeller=labeller,
            on_progress=on_progress,
        )
    if salt is not None:
        collected = with_hashed_identifiers(collected, salt)
    summary = summarise(collected)
    with whole_directory(out) as beside:
        write_manifest(collected.manifest, beside / "manifest.parquet")
        for name in _tables_beside(collected):
            getattr(collected, name).write_parquet(beside / f"{name}.parquet")
        about = summary | {"root": str(root.resolve()), "sources": collected.sources}
        # the issuer of a plain folder is not known; it is then the name under which the folder is used
        issuer = issuer_of(root, collected.name, "")
        write_json(beside / "ingest.json", about | ({"issuer": issuer} if issuer else {}))
    if json:
        print_json(summary)
    else:
        _show(summary, out, ["manifest", *_tables_beside(collected)])


def _tables_beside(collected: "Dataset") -> list[str]:
    """List the tables to write beside the manifest; empty tables of rejected images and remarks are omitted."""
    tables = {name: getattr(collected, name) for name in ("boxes", "readings", "grades", "rejected", "remarks")}
    optional = ("rejected", "remarks")
    return [name for name, table in tables.items() if table is not None and (len(table) or name not in optional)]


def summarise(collected: "Dataset") -> dict[str, Any]:
    """Count the images, patients and findings of a data set.

    Returns:
        Plain data: `collection`, `images`, `labelled` (number of images with a label), `patients`, `splits` (name to
        `images`, `patients`), `findings` (canonical name to `native`, `positive`, `single_label`, `uncertain`,
        `patients`, `boxes`, `by_split`), `boxes`, `notes`, `warnings` (`code`, `parameters`, `text`; their texts are
        among the notes), `rejected`, `remarks` (code to number of files).
    """
    import polars as pl

    from hilum.data.counts import count_images
    from hilum.data.manifest import finding_columns, is_labelled
    from hilum.findings import native

    manifest = collected.manifest
    whole = count_images(manifest, manifest.select("image_id", pl.lit("all").alias("split")))
    by_split = count_images(manifest)
    boxes = {} if collected.boxes is None else dict(collected.boxes.group_by("finding").len().iter_rows())
    return {
        "collection": collected.name,
        "images": len(manifest),
        "labelled": int(is_labelled(manifest).sum()) if finding_columns(manifest) else 0,
        "patients": manifest["patient_id"].n_unique(),
        "splits": {
            split: {"images": images, "patients": patients}
            for split, images, patients in by_split.select("split", "images", "patients")
            .unique(maintain_order=True)
            .iter_rows()
        },
        "findings": {
            row["finding"]: {
                "native": native(row["finding"], collected.name),
                "positive": row["positives"],
                "single_label": row["single_label"],
                "uncertain": row["uncertain"],
                "patients": row["positive_patients"],
                "boxes": boxes.get(row["finding"], 0),
                "by_split": dict(
                    by_split.filter(pl.col("finding") == row["finding"]).select("split", "positives").iter_rows()
                ),
            }
            for row in whole.drop_nulls("finding").iter_rows(named=True)
        },
        "boxes": sum(boxes.values()),
        "notes": collected.notes,
        "warnings": [each.as_data() for each in collected.warnings],
        "rejected": len(collected.rejected),
        "remarks": dict(collected.remarks.group_by("remark").len().sort("remark").iter_rows()),
    }


def _show(summary: dict[str, Any], out: Path, tables: list[str]) -> None:
    from hilum.cli.console import echo, print_table

    splits = summary["splits"]
    echo(f"{summary['collection']}  {counted(summary['images'])} of {counted(summary['patients'], 'patient')}")
    if 0 < summary["labelled"] < summary["images"]:
        unlabelled = summary["images"] - summary["labelled"]
        echo(f"  {counted(summary['labelled'], 'labelled image')}, {unlabelled:,} unlabelled (for pretraining only)")
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
    for note in summary["notes"]:
        echo(f"- {note}")
    echo(f"Written to {out}: {', '.join(f'{table}.parquet' for table in tables)}, ingest.json")


def _with_native_name(finding: str, name: str) -> str:
    return finding if finding.casefold() == name.replace("_", " ").casefold() else f"{finding} ({name})"
