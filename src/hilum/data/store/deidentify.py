"""De-identification: identifiers replaced by salted hashes, which identify nobody without the salt.

Patients get pseudonyms, studies and images plain hashes under the same salt (format and reasons:
`hilum.data.patients.pseudonyms`). The same identifier under the same salt always has the same hash, so that images of a
patient can be matched across folders; without the salt identifiers cannot be tested. The salt is not stored: artifacts
hold only the 32 bits that identify it.

Paths are unchanged, because images are read by them: they are in manifest.parquet, rejected.parquet and
remarks.parquet. If file names contain patient names, rename the files, or do not share these tables.
"""

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from hilum.data.collections.dataset import Dataset
from hilum.data.patients import OWN_COLLECTIONS, has_own_ids, hashed, is_public, pseudonym, salt_of
from hilum.errors import HilumError
from hilum.notes import Code, note

_HASHED: dict[str, Callable[[str, bytes], str]] = {
    "patient_id": lambda number, salt: number if is_public(number.partition(":")[0]) else pseudonym(number, salt),
    "study_id": lambda number, salt: hashed(number, "study", salt),
    "image_id": lambda number, salt: hashed(number, "image", salt),
}
"""Hash of each identifier. A patient of a public data set, "chestxray14:13" in the user's own table, keeps its name."""


def is_deidentified(manifest: pl.DataFrame) -> bool:
    """Return true for a manifest with pseudonyms."""
    return any(salt_of(number) is not None for number in manifest["patient_id"].unique())


def with_hashed_identifiers(dataset: Dataset, salt: bytes) -> Dataset:
    """Hash `patient_id`, `study_id` and `image_id` in every table, and remove examples from notes.

    Raises:
        HilumError: The collection's identifiers are published pseudonyms.
    """
    if not has_own_ids(dataset.name):
        raise HilumError(
            "--hash-patients",
            expected=f"one of {', '.join(OWN_COLLECTIONS)}",
            found=dataset.name,
            fix="Remove it: this data set's identifiers are published pseudonyms.",
        )
    # Examples may be identifiers, and so may be any word of a text without a code.
    notes = [each.without_examples() for each in dataset.notes if each.code is not Code.UNCODED]
    return replace(
        dataset,
        manifest=_hash_columns(dataset.manifest, salt),
        rejected=_hash_columns(dataset.rejected, salt),
        notes=[*notes, note(Code.HASHED_IDS)],
        patient_spellings={},
        boxes=None if dataset.boxes is None else _hash_columns(dataset.boxes, salt),
        readings=None if dataset.readings is None else _hash_columns(dataset.readings, salt),
        grades=None if dataset.grades is None else _hash_columns(dataset.grades, salt),
    )


def _hash_columns(table: pl.DataFrame, salt: bytes) -> pl.DataFrame:
    columns = []
    for name, hide in _HASHED.items():
        if name in table.columns:
            known = table[name].unique().drop_nulls()
            hashes = pl.Series([hide(identifier, salt) for identifier in known], dtype=pl.String)
            columns.append(pl.col(name).replace_strict(known, hashes, default=None, return_dtype=pl.String))
    return table.with_columns(columns)
