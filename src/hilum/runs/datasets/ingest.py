"""Manifest of a data set from its native files: `hilum.ingest` and `hilum ingest`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hilum.artifacts import whole_directory, write_json
from hilum.data.collections import Dataset, read_collection
from hilum.data.counts import count_images
from hilum.data.manifest import finding_columns, is_labelled, write_manifest
from hilum.data.patients import issuer_of, read_salt
from hilum.data.replaceable import check_replaceable
from hilum.data.store import with_hashed_identifiers
from hilum.findings import native
from hilum.notes import notes_as_data
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.runs.results import Result
from hilum.wording import images_of_patients

_TABLES = ("boxes", "readings", "grades", "rejected", "remarks")
"""Tables beside the manifest."""
_OPTIONAL = ("rejected", "remarks")
"""Tables that are not written if they are empty."""
_OUTPUTS = ("manifest.parquet", *(f"{name}.parquet" for name in _TABLES), "ingest.json")


@dataclass(frozen=True, repr=False)
class IngestResult(Result):
    """A data set that was read.

    Attributes:
        directory: Directory with the tables as Parquet and ingest.json.
        about: Numbers of images, patients and findings; see `describe_dataset`.
        dataset: The data set.
    """

    directory: Path
    dataset: Dataset

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`manifest`, and those of `boxes`, `readings`, `grades`, `rejected` and `remarks` that the data set has."""
        return {"manifest": self.dataset.manifest, **_tables_of(self.dataset)}

    @property
    def findings(self) -> pl.DataFrame:
        """Numbers of positive, single-label and uncertain images, patients and boxes of each finding."""
        columns = ("native", "positive", "single_label", "uncertain", "patients", "boxes")
        rows = [
            {"finding": finding, **{name: counts[name] for name in columns}}
            for finding, counts in self.about["findings"].items()
        ]
        kinds = {"finding": pl.String, "native": pl.String, **dict.fromkeys(columns[1:], pl.Int64)}
        return pl.DataFrame(rows, schema=kinds)

    @property
    def summary(self) -> list[str]:
        """Collection, and numbers of images and patients."""
        about = self.about
        lines = [f"{about['collection']}  {images_of_patients(about['images'], about['patients'])}"]
        if 0 < about["labelled"] < about["images"]:
            unlabelled = about["images"] - about["labelled"]
            lines.append(f"{about['labelled']:,} labelled images, {unlabelled:,} unlabelled (for pretraining only)")
        return lines

    def _shown(self) -> dict[str, pl.DataFrame]:
        return {"findings": self.findings} if self.about["findings"] else {}


@checked_arguments
def ingest(
    collection: str,
    root: str | Path,
    out: str | Path,
    *,
    labels: str | Path | None = None,
    release: str | int | None = None,
    labeller: str | None = None,
    hash_patients: str | None = None,
    allow_missing: bool = False,
    progress: ShowProgress = quiet,
) -> IngestResult:
    """Read a data set into a manifest, and count findings.

    Args:
        collection: Native layout, such as "chestxray14" (`hilum data list`), or "folder" for own images.
        root: Folder of the data set, as unpacked.
        out: Directory to write manifest.parquet, ingest.json and other tables to.
        labels: CSV file of labels, for own images.
        release: Release of the ChestX-ray14 labels: "2020" or "2017".
        labeller: Labeller of MIMIC-CXR-JPG: "chexpert", "negbio" or "radiologist".
        hash_patients: As in `hilum.embed`.
        allow_missing: Keep rows of images whose files are missing.
        progress: Shows the progress of reading.

    Raises:
        HilumError: No such collection or folder, wrong content, or a directory with other files.

    Example:
        >>> import hilum, tempfile
        >>> from hilum.phantom import write_layout
        >>> folder = tempfile.mkdtemp()
        >>> _ = write_layout("chestxray14", f"{folder}/CXR8", images=6, size=32, seed=0)
        >>> hilum.ingest("chestxray14", f"{folder}/CXR8", f"{folder}/out").tables["manifest"].height
        6
    """
    root, out = Path(root), Path(out)
    check_replaceable(out, _OUTPUTS)
    salt = read_salt(hash_patients) if hash_patients else None
    with progress(f"Reading {root}") as on_progress:
        dataset = read_collection(
            collection,
            root,
            allow_missing=allow_missing,
            labels=None if labels is None else Path(labels),
            release=None if release is None else str(release),
            labeller=labeller,
            on_progress=on_progress,
        )
    if salt is not None:
        dataset = with_hashed_identifiers(dataset, salt)
    about = describe_dataset(dataset)
    with whole_directory(out) as beside:
        write_manifest(dataset.manifest, beside / "manifest.parquet")
        for name, table in _tables_of(dataset).items():
            table.write_parquet(beside / f"{name}.parquet")
        # the issuer of a plain folder is not known; it is then the name under which the folder is used
        issuer = issuer_of(root, dataset.name, "")
        written = about | {"root": str(root.resolve()), "sources": dataset.sources}
        write_json(beside / "ingest.json", written | ({"issuer": issuer} if issuer else {}))
    return IngestResult(out, about, dataset)


def _tables_of(dataset: Dataset) -> dict[str, pl.DataFrame]:
    """Return the tables to write beside the manifest."""
    tables: dict[str, pl.DataFrame | None] = {name: getattr(dataset, name) for name in _TABLES}
    return {
        name: table for name, table in tables.items() if table is not None and (len(table) or name not in _OPTIONAL)
    }


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """Count the images, patients and findings of a data set.

    Returns:
        Plain data: `collection`, `images`, `labelled` (number of images with a label), `patients`, `splits` (name to
        `images`, `patients`), `findings` (canonical name to `native`, `positive`, `single_label`, `uncertain`,
        `patients`, `boxes`, `by_split`), `boxes`, `notes` (`code`, `parameters`, `text`), `warnings` (those of the
        notes that are on doubtful patient ids), `rejected`, `remarks` (code to number of files).
    """
    manifest = dataset.manifest
    whole = count_images(manifest, manifest.select("image_id", pl.lit("all").alias("split")))
    by_split = count_images(manifest)
    boxes = {} if dataset.boxes is None else dict(dataset.boxes.group_by("finding").len().iter_rows())
    return {
        "collection": dataset.name,
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
                "native": native(row["finding"], dataset.name),
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
        "notes": notes_as_data(dataset.notes),
        "warnings": notes_as_data(dataset.warnings),
        "rejected": len(dataset.rejected),
        "remarks": dict(dataset.remarks.group_by("remark").len().sort("remark").iter_rows()),
    }
