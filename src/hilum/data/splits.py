"""Who is trained on and who is tested on: by patient, named, and never the same patient on both sides."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import whole_file
from hilum.data.manifest import finding_columns
from hilum.draws import image_keys, shuffled
from hilum.errors import HilumError

_PARTS = ("train", "val", "test")
_FOR_SPLITS, _FOR_FRACTIONS = 1, 2  # uses of `draws.shuffled`


@dataclass(frozen=True)
class Split:
    """A named division of films.

    Attributes:
        name: how it was made, such as "patients-70-10-20-s0".
        assignment: `image_id`, `patient_id`, `split` ("train", "val", "test"); films left out have no row.
    """

    name: str
    assignment: pl.DataFrame

    @cached_property
    def hash(self) -> str:
        """First six hex digits of the SHA-256 of the sorted lines "image_id split"."""
        lines = sorted(f"{image_id} {part}" for image_id, _, part in self.assignment.iter_rows())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:6]

    @property
    def title(self) -> str:
        """Name and hash: what travels with every number computed on this split."""
        return f"{self.name} ({self.hash})"

    def image_ids(self, part: str) -> list[str]:
        """Ids of the films of "train", "val" or "test", in the order of the assignment."""
        return self.assignment.filter(pl.col("split") == part)["image_id"].to_list()


def patient_split(manifest: pl.DataFrame, percent: tuple[int, int, int], seed: int) -> Split:
    """Divide patients at random into train, val and test, evenly in every finding.

    Patients are lined up by their findings, the rarest deciding first (then by their number of films), and dealt in
    permuted blocks: every run of 100/gcd(percent) neighbours gives each part exactly its share; a draw says who.
    So every finding, and every combination that is common enough, falls on the parts in proportion.

    Args:
        manifest: films with `patient_id` and findings.
        percent: shares of patients; whole numbers that sum to 100. Met within one block.
        seed: of the draw.

    Raises:
        HilumError: shares that do not sum to 100, or too few patients for a share.
    """
    if len(percent) != 3 or sum(percent) != 100 or min(percent) < 0:
        raise HilumError(
            "split.patients", expected="three shares that sum to 100", found=str(list(percent)), fix="Use [70, 10, 20]."
        )
    assignment = _deal(manifest, dict(zip(_PARTS, percent, strict=True)), seed)
    shares = "-".join(str(share) for share in percent)
    return Split(f"patients-{shares}-s{seed}", assignment)


def listed_split(manifest: pl.DataFrame, lists: str, *, validation: int | None = None, seed: int = 0) -> Split:
    """The division that the data set, or a paper, published.

    Args:
        manifest: films; those on no list are left out.
        lists: "official" for the column `split`, otherwise the name of a column `split_<name>`, such as "chexnet".
        validation: percent of the patients outside test that become val, where the lists have no val of their own.
        seed: of the draw of the validation patients.

    Raises:
        HilumError: no such list; a missing or superfluous `validation`; a patient on both sides.
    """
    column = "split" if lists == "official" else f"split_{lists}"
    if column not in manifest.columns or manifest[column].null_count() == len(manifest):
        known = [
            name.removeprefix("split_") if name != "split" else "official"
            for name in manifest.columns
            if (name == "split" or name.startswith("split_")) and manifest[name].null_count() < len(manifest)
        ]
        raise HilumError(
            "split.lists",
            expected=f"a list that this data set came with ({', '.join(known) or 'it came with none'})",
            found=repr(lists),
            fix="Use one of these, or split: {patients: [70, 10, 20], seed: 0}.",
        )
    listed = manifest.drop_nulls(column).with_columns(pl.col(column).alias("split"))
    check_patients_apart(listed, f"list {lists!r}")
    if "val" in listed["split"]:
        if validation is not None:
            raise HilumError(
                "split.validation",
                expected="nothing, for the list has its own validation films",
                found=f"{validation} %",
                fix="Remove `validation`.",
            )
        return Split(lists, listed.select("image_id", "patient_id", "split"))
    if validation is None or not 0 < validation < 100:
        raise HilumError(
            "split.validation",
            expected="a percentage, for the list has no validation films",
            found=str(validation),
            fix="Use validation: 20, for a fifth of the patients outside test.",
        )
    held_out = listed.filter(pl.col("split") == "test").select("image_id", "patient_id", "split")
    rest = _deal(listed.filter(pl.col("split") != "test"), {"train": 100 - validation, "val": validation}, seed)
    assignment = listed.select("image_id").join(pl.concat([rest, held_out]), on="image_id", maintain_order="left")
    return Split(f"{lists}-val{validation}-s{seed}", assignment)


def check_patients_apart(assignment: pl.DataFrame, where: object) -> None:
    """Refuse a division that has films of one patient in two parts.

    Args:
        assignment: `image_id`, `patient_id`, `split`; rows without a split are left out of the check.
        where: the list or file, for the message.

    Raises:
        HilumError: names the patients.
    """
    parts = assignment.drop_nulls("split").group_by("patient_id").agg(pl.col("split").unique().sort())
    torn = parts.filter(pl.col("split").list.len() > 1).sort("patient_id")
    if len(torn):
        shown = "; ".join(f"{patient} in {' and '.join(both)}" for patient, both in torn.head(3).iter_rows())
        more = f" and {len(torn) - 3:,} others" if len(torn) > 3 else ""
        raise HilumError(
            where,
            expected="every patient in one part only",
            found=f"patient {shown}{more}",
            fix="Move all films of a patient into one part, or split by patients: {patients: [70, 10, 20], seed: 0}.",
        )


def label_fraction(split: Split, percent: float, seed: int) -> Split:
    """Keep some of the training patients, so that fewer labels are to be learned from; val and test stay.

    With the same seed the patients of a smaller fraction are among those of a larger one.

    Args:
        split: to take from.
        percent: of the training patients, 0 < percent ≤ 100; at least one patient stays.
        seed: of the draw.

    Raises:
        HilumError: percent out of range.
    """
    if not 0 < percent <= 100:
        raise HilumError("labels", expected="more than 0 and at most 100 percent", found=str(percent), fix="Use 10.")
    training = pl.col("split") == "train"
    patients = split.assignment.filter(training)["patient_id"].unique().sort()
    order = shuffled(seed, image_keys(patients), use=_FOR_FRACTIONS)
    kept = patients.gather(order[: max(1, round(len(patients) * percent / 100))])
    assignment = split.assignment.filter(~training | pl.col("patient_id").is_in(kept.implode()))
    return Split(f"{split.name}-{percent:g}pct", assignment)


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
    table = pl.read_parquet(path)
    if table.columns != ["image_id", "patient_id", "split", "name"] or table["name"].n_unique() != 1:
        raise HilumError(
            path, expected="image_id, patient_id, split and one name", found=str(table.columns), fix="Make it again."
        )
    check_patients_apart(table, path)
    return Split(str(table["name"][0]), table.drop("name"))


def _deal(manifest: pl.DataFrame, shares: dict[str, int], seed: int) -> pl.DataFrame:
    findings = finding_columns(manifest)
    patients = (
        manifest.group_by("patient_id")
        .agg(*(pl.col(name).eq_missing(1).any() for name in findings), pl.len().alias("films"))
        .sort("patient_id")
    )
    rarest_first = sorted(findings, key=lambda name: (patients[name].sum(), name))
    drawn = np.empty(len(patients), dtype=np.int64)
    drawn[shuffled(seed, image_keys(patients["patient_id"]), use=_FOR_SPLITS)] = np.arange(len(patients))
    lined_up = patients.select("patient_id", "films", *rarest_first, pl.Series("drawn", drawn)).sort(
        *rarest_first, "films", "drawn", descending=[True] * (len(rarest_first) + 1) + [False]
    )
    pattern = _pattern(shares)
    block = np.arange(len(patients)) // len(pattern)
    by_draw_within_block = np.lexsort((lined_up["drawn"].to_numpy(), block))
    parts = np.empty(len(patients), dtype=object)
    parts[by_draw_within_block] = np.resize(pattern, len(patients))
    dealt = lined_up.select("patient_id", pl.Series("split", parts.tolist(), dtype=pl.String))
    for part, share in shares.items():
        if share and part not in dealt["split"]:
            raise HilumError(
                "split", expected=f"patients enough for {share} % {part}", found=f"{len(patients)}", fix="Add patients."
            )
    return manifest.select("image_id", "patient_id").join(dealt, on="patient_id", how="left", maintain_order="left")


def _pattern(shares: dict[str, int]) -> NDArray[np.str_]:
    """The parts, in the order that keeps every beginning of a block close to the shares (a broken last one too)."""
    length = 100 // gcd(*shares.values())
    ideal = [(place + 0.5) / share for share in shares.values() if share for place in range(share * length // 100)]
    parts = [part for part, share in shares.items() if share for _ in range(share * length // 100)]
    return np.array(parts)[np.argsort(ideal, kind="stable")]
