"""Result of reading a data set."""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from hilum.data.manifest import FIXED_COLUMNS
from hilum.data.tables import some
from hilum.errors import HilumError
from hilum.notes import Note


def empty_rejected() -> pl.DataFrame:
    """Return an empty table of rejected files: `image_id`, `path`, `reason`."""
    return pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})


def empty_remarks() -> pl.DataFrame:
    """Return an empty table of remarks: `path`, `remark`."""
    return pl.DataFrame(schema={"path": pl.String, "remark": pl.String})


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
        notes: Messages for the user: deviations in the files and how they were handled.
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
        warnings: Doubts about patient ids; their texts are also in `notes`.
    """

    manifest: pl.DataFrame
    boxes: pl.DataFrame | None
    root: Path
    name: str
    notes: list[str]
    sources: dict[str, str]
    rejected: pl.DataFrame = field(default_factory=empty_rejected)
    readings: pl.DataFrame | None = None
    grades: pl.DataFrame | None = None
    patient_spellings: dict[str, list[str]] = field(default_factory=dict)
    remarks: pl.DataFrame = field(default_factory=empty_remarks)
    warnings: list[Note] = field(default_factory=list)


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


def skipped_files(count: int) -> str:
    """Return the note on files of a folder that are not images.

    Example:
        >>> skipped_files(1)
        '1 file is not an image and was skipped'
    """
    return (
        "1 file is not an image and was skipped" if count == 1 else f"{count:,} files are not images and were skipped"
    )
