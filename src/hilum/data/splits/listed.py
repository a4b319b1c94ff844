"""Published splits of a data set or a paper."""

import polars as pl

from hilum.data.manifest import split_columns
from hilum.data.splits.by_patient import assign_patients
from hilum.data.splits.split import Split, check_patients_apart
from hilum.errors import HilumError


def listed_split(manifest: pl.DataFrame, lists: str, *, validation: int | None = None, seed: int = 0) -> Split:
    """Return a published split.

    Args:
        manifest: Images; those without a part are excluded.
        lists: "official" for the column `split`, otherwise the name of a column `split_<name>`, such as "chexnet".
        validation: Percentage of the patients outside of test for val, if the published split has no val.
        seed: Random seed of the choice of validation patients.

    Raises:
        HilumError: Unknown split; a missing or superfluous `validation`; a patient in several parts.
    """
    column = "split" if lists == "official" else f"split_{lists}"
    if column not in manifest.columns or manifest[column].null_count() == len(manifest):
        known = [
            "official" if name == "split" else name.removeprefix("split_")
            for name in split_columns(manifest)
            if manifest[name].null_count() < len(manifest)
        ]
        raise HilumError(
            "split.lists",
            expected=f"a published split of this data set ({', '.join(known) or 'it has none'})",
            found=repr(lists),
            fix="Use one of these, or split: {patients: [0.7, 0.1, 0.2], seed: 0}.",
        )
    listed = manifest.drop_nulls(column).with_columns(pl.col(column).alias("split"))
    check_patients_apart(listed, f"list {lists!r}")
    if "val" in listed["split"]:
        if validation is not None:
            raise HilumError(
                "split.validation",
                expected="nothing, because the split has its own validation images",
                found=f"{validation} %",
                fix="Remove `validation`.",
            )
        return Split(lists, listed.select("image_id", "patient_id", "split"), column)
    if validation is None or not 0 < validation < 100:
        raise HilumError(
            "split.validation",
            expected="a fraction, because the split has no validation images",
            found=str(validation),
            fix="Use validation: 0.2, for a fifth of the patients outside test.",
        )
    held_out = listed.filter(pl.col("split") == "test").select("image_id", "patient_id", "split")
    rest = assign_patients(
        listed.filter(pl.col("split") != "test"), {"train": 100 - validation, "val": validation}, seed
    )
    assignment = listed.select("image_id").join(pl.concat([rest, held_out]), on="image_id", maintain_order="left")
    return Split(f"{lists}-val{validation}-s{seed}", assignment, column)
