"""Identifiers replaced by salted hashes, so that what Hilum writes names nobody who does not hold the salt.

A hash is HMAC-SHA256 (RFC 2104) of the identifier's kind and itself, under a secret salt; its first 128 bits are kept.
The same identifier under the same salt always has the same hash, so that films of a patient stay together, over several
folders too; without the salt nobody can try out identifiers. The salt is read, used and forgotten: no artifact holds it
or anything made from it alone.

Paths stay as they are, for films are read by them: they stand in manifest.parquet and rejected.parquet. Where file
names carry names of patients, give the files other names, or keep these two tables to yourself.
"""

import hmac
import os
import re
from dataclasses import replace
from pathlib import Path

import polars as pl

from hilum.data.collections.collected import Collected
from hilum.errors import HilumError

VARIABLE = "HILUM_PATIENT_SALT"
"""Environment variable that holds the salt where no file does."""

SHORTEST_SALT = 16
"""Bytes; `head -c 32 /dev/urandom | base64` makes a good one."""

OWN_FILMS = ("folder", "uka_cxr")
"""Collections whose identifiers may be a hospital's. Those of the others are published pseudonyms, which the data sets'
own lists, and the ledger of who was trained on whom, need as they are."""

_HASHED = {"patient_id": "patient", "study_id": "study", "image_id": "image"}
_HEX_DIGITS = 32
_MAX_SALT = 4096


def read_salt(source: str) -> bytes:
    """The salt out of a file, or with "env" out of `HILUM_PATIENT_SALT`; blanks and line ends around it do not count.

    Raises:
        HilumError: there is none, or one that could be guessed for its shortness.
    """
    make = "Make one: head -c 32 /dev/urandom | base64 > salt.txt; keep it, and keep it secret."
    if source == "env":
        salt, where = os.environ.get(VARIABLE, "").encode(), VARIABLE
    else:
        where = source
        try:
            with Path(source).open("rb") as stream:
                salt = stream.read(_MAX_SALT)
        except OSError as error:
            found = (error.strerror or "an unreadable file").lower()
            raise HilumError(source, expected="a file with a secret salt, or env", found=found, fix=make) from error
    salt = salt.strip()
    if len(salt) < SHORTEST_SALT:
        raise HilumError(where, expected=f"a salt of at least {SHORTEST_SALT} bytes", found=f"{len(salt)}", fix=make)
    return salt


def hashed(identifier: str, kind: str, salt: bytes) -> str:
    """The hash that stands for an identifier: 32 hexadecimal digits.

    Args:
        identifier: as the data set writes it.
        kind: "patient", "study" or "image"; a number that is both has different hashes.
        salt: of `read_salt`.
    """
    return hmac.digest(salt, f"{kind}\0{identifier}".encode(), "sha256").hex()[:_HEX_DIGITS]


def with_hashed_identifiers(collected: Collected, salt: bytes) -> Collected:
    """The same films with hashes for `patient_id`, `study_id` and `image_id`, in every table; notes without examples.

    Raises:
        HilumError: the collection's identifiers are published pseudonyms.
    """
    if collected.name not in OWN_FILMS:
        raise HilumError(
            "--hash-patients",
            expected=f"one of {', '.join(OWN_FILMS)}",
            found=collected.name,
            fix="Leave it out: this data set's identifiers are published pseudonyms already.",
        )
    # Notes give their examples, which may be identifiers, in parentheses.
    notes = [re.sub(r"\s*\([^()]*\)", "", note) for note in collected.notes]
    return replace(
        collected,
        manifest=_hash_columns(collected.manifest, salt),
        rejected=_hash_columns(collected.rejected, salt),
        notes=[*notes, "patients, studies and films are named by salted hashes"],
        boxes=None if collected.boxes is None else _hash_columns(collected.boxes, salt),
        readings=None if collected.readings is None else _hash_columns(collected.readings, salt),
        grades=None if collected.grades is None else _hash_columns(collected.grades, salt),
    )


def _hash_columns(table: pl.DataFrame, salt: bytes) -> pl.DataFrame:
    columns = []
    for name, kind in _HASHED.items():
        if name in table.columns:
            known = table[name].unique().drop_nulls()
            hashes = pl.Series([hashed(identifier, kind, salt) for identifier in known], dtype=pl.String)
            columns.append(pl.col(name).replace_strict(known, hashes, default=None, return_dtype=pl.String))
    return table.with_columns(columns)
