"""Options of `hilum weights import --encoder …`, for weights that are not published."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hilum.encoders.statements import Statement

UNKNOWN, NONE = "unknown", "none"


def numbers_of(option: str, text: str | None) -> tuple[float, ...] | None:
    """Parse one number, or three (one per channel) separated by commas; return None for None.

    Raises:
        HilumError: Other text, or numbers that are not finite.
    """
    from math import isfinite

    from hilum.errors import HilumError

    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3) or not all(map(isfinite, numbers)):
        fix = f"For example {option} 0.5, or {option} 0.485,0.456,0.406."
        raise HilumError(option, expected="one number or three", found=repr(text), fix=fix)
    return numbers


def trained_on(stated: str) -> tuple[list["Statement"], list[str]]:
    """Parse --trained-on, the training data of the weights.

    Args:
        stated: "unknown"; "none", for no radiographs; or the path of a table of patients, CSV or Parquet, with the
            columns collection and patient_id, or patient_id alone with values <collection>:<patient>.

    Returns:
        Statements for the card, and the patients as <collection>:<patient>.

    Raises:
        HilumError: No such table, or patients without a collection.
    """
    import polars as pl

    from hilum.encoders.statements import Statement
    from hilum.errors import HilumError
    from hilum.evaluation.predictions import read_table

    if stated == UNKNOWN:
        return [Statement(certainty="unknown", source="whoever imported the file")], []
    if stated == NONE:
        return [], []
    path = Path(stated)
    if not path.is_file():
        fix = "Give unknown, none (no radiographs), or the path of a table of the patients."
        raise HilumError("--trained-on", expected="unknown, none or a table", found=repr(stated), fix=fix)
    table = read_table(path, what="a table of patients trained on")
    if "patient_id" not in table.columns:
        fix = "Rename the column of patient ids to patient_id."
        raise HilumError(path, expected="the column patient_id", found=", ".join(table.columns), fix=fix)
    names = pl.col("patient_id").cast(pl.String)
    if "collection" in table.columns:
        names = pl.col("collection").cast(pl.String) + ":" + names
    patients = table.select(names.alias("patient"))["patient"].drop_nulls().unique().sort().to_list()
    bare = [patient for patient in patients if not all(patient.partition(":")[::2])]
    if bare or not patients:
        found = f"{len(bare):,} without ({', '.join(bare[:3])})" if bare else "no patients"
        fix = "Add the column collection (chestxray14, chexpert, …), or write <collection>:<patient>."
        raise HilumError(path, expected="patients with their collection", found=found, fix=fix)
    return [], patients
