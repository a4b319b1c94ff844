"""Canonical spelling of patient ids, by which ids are compared, hashed and counted."""

import re
import unicodedata
from collections.abc import Iterable

_NUMBER = re.compile(r"0*([0-9]+)(?:\.0*)?")
_AS_TEXT = re.compile(r'="(.*)"')
"""Numbers with leading zeros as written by spreadsheets."""
_DASHES = frozenset("\N{MINUS SIGN}\N{HYPHEN BULLET}\N{BOX DRAWINGS LIGHT HORIZONTAL}")
_NOBODY = frozenset(
    (
        "na nan null none nil unknown unk unknownpatient patientunknown notknown notavailable unavailable missing noid "
        "nopatientid undefined empty anon anonym anonymous anonymus anonymouspatient patientanonymous anonymized "
        "anonymised anonymizedpatient anonymisedpatient deidentified removed withheld redacted unbekannt anonymisiert "
        "inconnu anonyme desconocido anonimo sconosciuto"
    ).split()
)
_FIRST_NUMBERS = 1000
"""An id of zeros is a patient only if another id is a number below this: patients are then numbered from zero."""


def canonical_patient_id(patient_id: str) -> str:
    """Return the canonical spelling of a patient id, by which ids are compared everywhere.

    Spreadsheets, scanners and data frames change zeros, blanks and case. The following are therefore ignored: blanks
    around an id and the number of blanks inside; invisible characters; case; the width and script of digits and letters
    (Unicode's NFKC form) and the kind of a dash; quotes, and a spreadsheet's ="…"; and in an id of digits leading zeros
    and a decimal part of zeros. "00000013", " 13", "13.0" and the same in full-width digits are "13"; "P007" and "p007"
    are "p007". Letters are not part of a number: "p007" and "p7" are two ids. In a full name, `<issuer>:<number>`, the
    rules for digits apply to the number.

    Two ids of one data set with the same canonical spelling are one patient, never in two parts of a split; the reader
    of the data set reports them (`spellings`).

    Args:
        patient_id: Id as written in a table or header.
    """
    text, before = _without_case(patient_id), None
    while text != before:  # removing some characters may expose others
        before, text = text, _without_case(text)
    return text


def is_placeholder_id(patient_id: str) -> bool:
    """Return true for a placeholder instead of a patient id: "-", "unknown", "N/A", "ANONYMOUS", "xxx".

    An id of zeros may be one, see `spellings`.

    Args:
        patient_id: Id in any spelling.
    """
    letters = "".join(letter for letter in canonical_patient_id(patient_id) if letter.isalnum())
    return not letters or letters in _NOBODY or re.fullmatch(r"x{2,}", letters) is not None


def spellings(patient_ids: Iterable[str]) -> dict[str, list[str]]:
    """Group the patient ids of a table by patient; key "" for placeholders.

    "0" and "00000000" are placeholders, unless patients are numbered from zero: another id is a number below 1,000.

    Args:
        patient_ids: Ids in any order, repeated or not.

    Returns:
        Canonical id to spellings, sorted.
    """
    found: dict[str, list[str]] = {}
    for written in sorted(set(patient_ids)):
        found.setdefault("" if is_placeholder_id(written) else canonical_patient_id(written), []).append(written)
    numbered = any(len(each) <= len(str(_FIRST_NUMBERS - 1)) and each.isdecimal() for each in found if each != "0")
    if "0" in found and not numbered:
        found[""] = sorted([*found.get("", []), *found.pop("0")])
    return found


def without_zeros(patient_id: str) -> str:
    """Return an id for display: with its case, without blanks around it and without a number's zeros.

    Args:
        patient_id: Id as written in a table or header.
    """
    issuer, colon, number = _plain(patient_id).rpartition(":")
    digits = _NUMBER.fullmatch(number.strip())
    return f"{issuer}{colon}{digits[1] if digits else number.strip()}"


def _without_case(patient_id: str) -> str:
    return without_zeros(without_zeros(patient_id).casefold())


def _plain(text: str) -> str:
    """Unify characters that look alike or are invisible, and strip blanks and quotes."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_character, unicodedata.normalize("NFKC", text)))
    text = " ".join(text.split())
    if found := _AS_TEXT.fullmatch(text):
        text = found[1]
    return text.strip(' "').lstrip("' ")


def _character(character: str) -> str:
    kind = unicodedata.category(character)
    if kind == "Nd":
        return str(unicodedata.decimal(character))
    if kind == "Pd" or character in _DASHES:
        return "-"
    if character.isspace():
        return " "
    return "" if kind in ("Cc", "Cf") else character
