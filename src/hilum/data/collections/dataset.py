"""What reading a data set gives."""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from hilum.notes import Note


def empty_rejected() -> pl.DataFrame:
    """An empty table of rejects: `image_id`, `path`, `reason`."""
    return pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})


def empty_remarks() -> pl.DataFrame:
    """An empty table of remarks: `path`, `remark`."""
    return pl.DataFrame(schema={"path": pl.String, "remark": pl.String})


@dataclass(frozen=True)
class Dataset:
    """What a data set's native files say.

    Attributes:
        manifest: one row an image.
        boxes: `image_id`, `finding` (canonical), `x`, `y`, `width`, `height` in pixels of a frame of `frame_width` x
            `frame_height`, which is the original image's size whatever size the files here have; `reader` where several
            people drew. None where the data set has none.
        root: the folder that the manifest's paths start from.
        name: of the collection.
        notes: what a user should know: oddities met and how they were read.
        sources: table file (relative to the root) to its SHA-256.
        rejected: files set aside: `image_id`, `path`, `reason`.
        readings: where several people read each image: `image_id`, `reader`, `finding`, `code` (as in the manifest).
            The manifest then holds 1 where all agree on a finding, 0 where nobody sees it and -1 where they disagree.
        grades: where findings are graded: `image_id`, `finding`, `grade` (0: absent; the scale is the collection's).
            The manifest then holds the collection's usual reading of them.
        patient_spellings: patients whose ids the sources write in several ways (00000013 in a header, 13 in a table):
            the id in the manifest to these ways.
        remarks: files that are read all the same, and what was met in them: `path`, `remark`, a code of
            `hilum.data.images.Remark`; a row for each remark.
        warnings: what makes it doubtful whose images these are; their texts are among the notes.
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


def skipped_files(count: int) -> str:
    """How many files of a folder are no images, for its notes.

    Example:
        >>> skipped_files(1)
        '1 file is no image and was skipped'
    """
    return "1 file is no image and was skipped" if count == 1 else f"{count:,} files are no images and were skipped"
