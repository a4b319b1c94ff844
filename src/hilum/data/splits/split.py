"""Split: named assignment of images to train, val and test, with a hash, and the check of patient overlap."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from hilum.errors import HilumError

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Named assignment of images to parts.

    Attributes:
        name: Rule of the split, such as "patients-70-10-20-s0".
        assignment: `image_id`, `patient_id`, `split` ("train", "val", "test"); excluded images have no row.
        column: Column of the manifest with the published split that this one follows, or None. It also has the patients
            of images without an assignment (`held_out_patients`).
        sharing: Parts that share patients by the rule of a paper; never test.

    Raises:
        HilumError: A split whose test part shares patients.
    """

    name: str
    assignment: pl.DataFrame
    column: str | None = None
    sharing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if "test" in self.sharing:
            raise HilumError(
                self.name, expected="test patients in no other part", found="test shared", fix="Split by patients."
            )

    @cached_property
    def hash(self) -> str:
        """First six hex digits of the SHA-256 of the sorted lines "image_id split"."""
        lines = sorted(f"{image_id} {part}" for image_id, _, part in self.assignment.iter_rows())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:6]

    @property
    def title(self) -> str:
        """Name and hash, and the shared parts: the label of all results on this split."""
        leak = f"; {' and '.join(self.sharing)} share patients" if self.sharing else ""
        return f"{self.name} ({self.hash}){leak}"

    def image_ids(self, part: str) -> list[str]:
        """Return the ids of the images of "train", "val" or "test", in the order of the assignment."""
        return self.assignment.filter(pl.col("split") == part)["image_id"].to_list()


def check_patients_apart(assignment: pl.DataFrame, where: object, *, sharing: tuple[str, ...] = ()) -> None:
    """Refuse a split with images of one patient in several parts.

    Args:
        assignment: `image_id`, `patient_id`, `split`; rows without a split are ignored.
        where: Split or file, for the message.
        sharing: `Split.sharing`: parts that may share patients with each other, but not with other parts.

    Raises:
        HilumError: With the patients.
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
