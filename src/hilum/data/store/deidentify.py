"""Identifiers replaced by salted hashes, so that what Hilum writes names nobody who does not hold the salt.

Patients get pseudonyms, studies and images plain hashes under the same salt (`hilum.data.patients.pseudonyms` says how,
and why). The same identifier under the same salt always has the same hash, so that images of a patient stay together,
over several folders too; without the salt nobody can try out identifiers. The salt is read, used and forgotten: of it,
no artifact holds more than the 32 bits that say which one it was.

Paths stay as they are, for images are read by them: they stand in manifest.parquet, rejected.parquet and
remarks.parquet. Where file names carry names of patients, give the files other names, or keep these tables to yourself.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import polars as pl

from hilum.data.collections.dataset import Dataset
from hilum.data.patients import OWN_COLLECTIONS, has_own_ids, hashed, is_public, pseudonym, salt_of
from hilum.errors import HilumError

_HASHED: dict[str, Callable[[str, bytes], str]] = {
    "patient_id": lambda number, salt: number if is_public(number.partition(":")[0]) else pseudonym(number, salt),
    "study_id": lambda number, salt: hashed(number, "study", salt),
    "image_id": lambda number, salt: hashed(number, "image", salt),
}
"""A patient of a public data set, "chestxray14:13" in somebody's own table, stays known under its name."""


def is_deidentified(manifest: pl.DataFrame) -> bool:
    """Whether a manifest names its patients by pseudonyms."""
    return any(salt_of(number) is not None for number in manifest["patient_id"].unique())


def with_hashed_identifiers(collected: Dataset, salt: bytes) -> Dataset:
    """The same images with hashes for `patient_id`, `study_id` and `image_id`, in every table; notes without examples.

    Raises:
        HilumError: the collection's identifiers are published pseudonyms.
    """
    if not has_own_ids(collected.name):
        raise HilumError(
            "--hash-patients",
            expected=f"one of {', '.join(OWN_COLLECTIONS)}",
            found=collected.name,
            fix="Leave it out: this data set's identifiers are published pseudonyms already.",
        )
    # Notes give their examples, which may be identifiers, in parentheses.
    notes = [re.sub(r"\s*\([^()]*\)", "", note) for note in collected.notes]
    return replace(
        collected,
        manifest=_hash_columns(collected.manifest, salt),
        rejected=_hash_columns(collected.rejected, salt),
        notes=[*notes, "patients, studies and images are named by salted hashes"],
        warnings=[each.without_examples() for each in collected.warnings],
        patient_spellings={},
        boxes=None if collected.boxes is None else _hash_columns(collected.boxes, salt),
        readings=None if collected.readings is None else _hash_columns(collected.readings, salt),
        grades=None if collected.grades is None else _hash_columns(collected.grades, salt),
    )


def _hash_columns(table: pl.DataFrame, salt: bytes) -> pl.DataFrame:
    columns = []
    for name, hide in _HASHED.items():
        if name in table.columns:
            known = table[name].unique().drop_nulls()
            hashes = pl.Series([hide(identifier, salt) for identifier in known], dtype=pl.String)
            columns.append(pl.col(name).replace_strict(known, hashes, default=None, return_dtype=pl.String))
    return table.with_columns(columns)
