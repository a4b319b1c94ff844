"""A split: a named division of images with a hash, that keeps patients apart, in one small file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import polars as pl

from hilum.artifacts import whole_file
from hilum.data.tables import read_parquet
from hilum.errors import HilumError

PARTS = ("train", "val", "test")

IMAGE_WISE = "elwirehardja2025-images"
LEAKING: Mapping[str, tuple[str, str]] = MappingProxyType({IMAGE_WISE: ("train", "val")})
"""Published rules that put images of one patient into two parts: how their names begin, and which parts share patients.
No other split may, and no rule may share a test patient."""


@dataclass(frozen=True)
class Split:
    """A named division of images.

    Attributes:
        name: how it was made, such as "patients-70-10-20-s0".
        assignment: `image_id`, `patient_id`, `split` ("train", "val", "test"); images left out have no row.
        column: of the manifest, with the published list that the split follows; None where it follows none. Who is on
            that list is known for images without an assignment, too (`held_out_patients`).
    """

    name: str
    assignment: pl.DataFrame
    column: str | None = None

    @cached_property
    def hash(self) -> str:
        """First six hex digits of the SHA-256 of the sorted lines "image_id split"."""
        lines = sorted(f"{image_id} {part}" for image_id, _, part in self.assignment.iter_rows())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:6]

    @property
    def title(self) -> str:
        """Name and hash, and a leak that its rule brings: what travels with every number computed on this split."""
        leak = f"; {' and '.join(self.sharing)} share patients" if self.sharing else ""
        return f"{self.name} ({self.hash}){leak}"

    @property
    def sharing(self) -> tuple[str, ...]:
        """The parts that share patients, by the rule of a paper (`LEAKING`); empty for every other split."""
        return next((parts for beginning, parts in LEAKING.items() if self.name.startswith(beginning)), ())

    def image_ids(self, part: str) -> list[str]:
        """Ids of the images of "train", "val" or "test", in the order of the assignment."""
        return self.assignment.filter(pl.col("split") == part)["image_id"].to_list()


def check_patients_apart(assignment: pl.DataFrame, where: object, *, sharing: tuple[str, ...] = ()) -> None:
    """Refuse a division that has images of one patient in two parts.

    Args:
        assignment: `image_id`, `patient_id`, `split`; rows without a split are left out of the check.
        where: the list or file, for the message.
        sharing: `Split.sharing`: parts whose patients may be in each of them, and in no other part.

    Raises:
        HilumError: names the patients.
    """
    listed = assignment.drop_nulls("split")
    if sharing:
        listed = listed.with_columns(pl.col("split").replace(dict.fromkeys(sharing, " and ".join(sharing))))
    parts = listed.group_by("patient_id").agg(pl.col("split").unique().sort())
    torn = parts.filter(pl.col("split").list.len() > 1).sort("patient_id")
    if len(torn):
        shown = "; ".join(f"{patient} in {' and '.join(both)}" for patient, both in torn.head(3).iter_rows())
        more = f" and {len(torn) - 3:,} others" if len(torn) > 3 else ""
        raise HilumError(
            where,
            expected="every patient in one part only",
            found=f"patient {shown}{more}",
            fix="Move all images of a patient into one part, or split by patients: "
            "{patients: [0.7, 0.1, 0.2], seed: 0}.",
        )


def write_split(split: Split, path: Path) -> None:
    """Write a split as Parquet: `image_id`, `patient_id`, `split`, and its name in every row."""
    with whole_file(path) as beside:
        split.assignment.with_columns(pl.lit(split.name).alias("name")).write_parquet(beside)


def read_split(path: Path) -> Split:
    """Read what `write_split` wrote.

    Raises:
        HilumError: no such file, other columns, or a patient on both sides.
    """
    if not path.is_file():
        raise HilumError(path, expected="a split", found="no such file", fix="Run the step that makes it again.")
    table = read_parquet(path, what="a split", fix="Run the step that makes it again.")
    if table.columns != ["image_id", "patient_id", "split", "name"] or table["name"].n_unique() != 1:
        raise HilumError(
            path, expected="image_id, patient_id, split and one name", found=str(table.columns), fix="Make it again."
        )
    split = Split(str(table["name"][0]), table.drop("name"))
    check_patients_apart(table, path, sharing=split.sharing)
    return split
