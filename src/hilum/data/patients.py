"""Patients under names that hold everywhere, so that weights can say whom they have seen.

A number means little without who gave it: patient 7 of one data set is another person than patient 7 of the next. A
patient's full name is `<issuer>:<number>`. The issuer of a public data set is its collection, wherever the files lie
and whatever a study calls them; that of anybody's own films is told, or their name in the study; that of generated
films is their population. A number that already carries a collection's name keeps it: RSNA's films are
ChestX-ray14's, and their patients are found again under that name.

One number is one patient however it is written: 00000013, 13 and 13.0 are the same (`canonical_patient_id`).
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from hilum.artifacts import write_json
from hilum.findings import COLLECTIONS

GENERATED_MARK = ".hilum-phantom.json"
"""Hidden file that generated films carry beside their native ones: whose population they are."""


_NUMBER = re.compile(r"0*([0-9]+)(?:\.0*)?")


def canonical_patient_id(patient_id: str) -> str:
    """The one spelling of a patient id, by which ids are compared everywhere.

    Tables lose and gain zeros on their way through spreadsheets and data frames. Blanks around an id do not count, and
    of an id of digits neither leading zeros nor a decimal part of zeros: "00000013", " 13" and "13.0" are "13". Other
    ids stay as they are ("p007", "patient00001"). Of a full name, `<issuer>:<number>`, this holds for the number.

    Args:
        patient_id: as a table or a header writes it.
    """
    issuer, colon, number = patient_id.strip().rpartition(":")
    digits = _NUMBER.fullmatch(number.strip())
    return f"{issuer}{colon}{digits[1] if digits else number.strip()}"


def patient_names(patient_ids: Iterable[str], issuer: str) -> list[str]:
    """Full names of patients, in the same order; each number in its canonical spelling."""
    known = tuple(f"{collection}:" for collection in COLLECTIONS)
    numbers = (canonical_patient_id(patient_id) for patient_id in patient_ids)
    return [number if number.startswith(known) else f"{issuer}:{number}" for number in numbers]


def issuer_of(root: Path, collection: str, told: str) -> str:
    """Who gave the patients of a data set their numbers.

    Args:
        root: of the data set.
        collection: it was read as.
        told: what the user calls the issuer; counts for `folder`, where nothing else could know.
    """
    mark = root / GENERATED_MARK
    if mark.is_file():
        return str(json.loads(mark.read_text(encoding="utf-8"))["population"])
    return told if collection == "folder" else collection


def mark_generated(root: Path, seed: int) -> None:
    """Leave the mark of generated films: their patients are those of the population of this seed, in any layout."""
    write_json(root / GENERATED_MARK, {"population": f"phantom-s{seed}"})
