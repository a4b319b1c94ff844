"""Result of reading a data set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from hilum.data.manifest import FIXED_COLUMNS
from hilum.data.tables import some
from hilum.errors import HilumError
from hilum.notes import Code, Note, read_notes


def empty_rejected() -> pl.DataFrame:
    """Return an empty table of rejected files: `image_id`, `path`, `reason`."""
    return pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})


def empty_remarks() -> pl.DataFrame:
    """Return an empty table of remarks: `path`, `remark`."""
    return pl.DataFrame(schema={"path": pl.String, "remark": pl.String})


DOUBTS = frozenset(
    {
        Code.SEVERAL_SPELLINGS,
        Code.PLACEHOLDER_PATIENT_IDS,
        Code.ROUNDED_PATIENT_IDS,
        Code.ONE_PATIENT_OF_MANY,
        Code.PATIENTS_OF_PATHS_ONLY,
        Code.NUMBERS_FOR_PATIENTS,
    }
)
"""Codes of notes on patient ids that may be wrong."""


@dataclass(frozen=True)
class Dataset:
    """Data set read from native files: manifest, tables of labels and boxes, notes.

    Attributes:
        manifest: One row for each image (`hilum.data.manifest`).
        boxes: `image_id`, `finding` (canonical), `x`, `y`, `width`, `height` in pixels of a frame of `frame_width` x
            `frame_height`, the size of the original image, whatever the size of the file; `reader` if several people
            drew boxes. None without boxes.
        root: Folder of the manifest's paths.
        name: Name of the collection.
        notes: Deviations in the files, and how they were handled.
        sources: File of each table (relative to the root) to its SHA-256.
        rejected: Files that were excluded: `image_id`, `path`, `reason`.
        readings: If several people read each image: `image_id`, `reader`, `finding`, `code` (as in the manifest). The
            manifest then has 1 if all report a finding, 0 if none does, -1 if they disagree.
        grades: If findings are graded: `image_id`, `finding`, `grade` (0: absent; the scale is the collection's). The
            manifest then has the collection's usual binary labels.
        patient_spellings: Patients whose ids have several spellings in the sources (00000013 in a header, 13 in a
            table): id in the manifest to these spellings.
        remarks: Files that were read despite a deviation: `path`, `remark`, a code of `hilum.data.images.Remark`; one
            row for each remark.
    """

    manifest: pl.DataFrame
    boxes: pl.DataFrame | None
    root: Path
    name: str
    notes: list[Note]
    sources: dict[str, str]
    rejected: pl.DataFrame = field(default_factory=empty_rejected)
    readings: pl.DataFrame | None = None
    grades: pl.DataFrame | None = None
    patient_spellings: dict[str, list[str]] = field(default_factory=dict)
    remarks: pl.DataFrame = field(default_factory=empty_remarks)

    @property
    def warnings(self) -> list[Note]:
        """Notes on doubtful patient ids."""
        return [each for each in self.notes if each.code in DOUBTS]


def read_dataset_notes(about: Mapping[str, Any]) -> list[Note]:
    """Read `notes` of a description of `hilum ingest` or of a store.

    Earlier versions wrote notes as text, and as `warnings` those on doubtful patient ids, whose texts were among the
    notes.
    """
    doubts = {str(each): each for each in read_notes(about.get("warnings", []))}
    return [doubts.get(str(each), each) for each in read_notes(about.get("notes", []))]


def as_manifest(images: pl.DataFrame, *others: str | pl.Expr) -> pl.DataFrame:
    """Select the columns of a manifest; fixed columns that the table lacks are null.

    Args:
        images: One row for each image.
        others: Further columns: published splits and findings.
    """
    absent = [name for name in FIXED_COLUMNS if name not in images.columns]
    nulls = [pl.lit(None, dtype=pl.Float64 if name == "age" else pl.String).alias(name) for name in absent]
    return images.with_columns(nulls).select(*FIXED_COLUMNS, *others)


def in_train_and_test(train: pl.DataFrame, test: pl.DataFrame, where: Path, *, fix: str) -> pl.DataFrame:
    """Concatenate the images of a train and a test part, with `split`.

    Args:
        train: `image_id` and other columns.
        test: The same; columns that it lacks are null.
        where: Place for the message.
        fix: Advice for the message.

    Raises:
        HilumError: Images in both parts.
    """
    if len(both := test.join(train, on="image_id", how="semi")["image_id"]):
        found = f"{some(both)} in both"
        raise HilumError(where, expected="every image in train or in test", found=found, fix=fix)
    parts = [part.with_columns(pl.lit(name).alias("split")) for name, part in (("train", train), ("test", test))]
    return pl.concat(parts, how="diagonal")
