"""How a patient id is written: one spelling for one patient, by which ids are compared, hashed and counted."""

import re
import unicodedata
from collections.abc import Iterable

_NUMBER = re.compile(r"0*([0-9]+)(?:\.0*)?")
_AS_TEXT = re.compile(r'="(.*)"')
"""How spreadsheets write a number that must keep its zeros."""
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
"""An id of zeros is a patient where another id is a number below this: then patients are numbered from zero."""


def canonical_patient_id(patient_id: str) -> str:
    """The one spelling of a patient id, by which ids are compared everywhere.

    Tables lose and gain zeros, blanks and capitals on their way through spreadsheets, scanners and data frames. So
    these do not count: blanks around an id and how many stand between its parts; invisible characters; capitals; the
    width and script of digits and letters (Unicode's NFKC form) and the kind of a dash; quotes, and a spreadsheet's
    ="…"; and of an id of digits leading zeros and a decimal part of zeros. "00000013", " 13", "13.0" and the same in
    full-width digits are "13"; "P007" and "p007" are "p007". Letters are no number: "p007" and "p7" are two. Of a full
    name, `<issuer>:<number>`, the rules for digits hold for the number.

    Two ids of one data set that fall together are one patient: none is then on two sides of a split, and who reads the
    data set says so (`spellings`).

    Args:
        patient_id: as a table or a header writes it.
    """
    text, before = _without_case(patient_id), None
    while text != before:  # a form may have blanks, quotes or zeros only once others are gone
        before, text = text, _without_case(text)
    return text


def is_placeholder_id(patient_id: str) -> bool:
    """Whether what stands in the place of a patient id is a word for none: "-", "unknown", "N/A", "ANONYMOUS", "xxx".

    An id of zeros is one only beside others, see `spellings`.

    Args:
        patient_id: in any spelling.
    """
    letters = "".join(letter for letter in canonical_patient_id(patient_id) if letter.isalnum())
    return not letters or letters in _NOBODY or re.fullmatch(r"x{2,}", letters) is not None


def spellings(patient_ids: Iterable[str]) -> dict[str, list[str]]:
    """The patients of one table, each with the ways in which it writes their ids; under "" what names nobody.

    "0" and "00000000" name nobody, unless patients are numbered from zero: another id is a number below 1,000.

    Args:
        patient_ids: in any order, each any number of times.

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
    """An id as it is shown: with its capitals, without blanks around it and without a number's zeros.

    Args:
        patient_id: as a table or a header writes it.
    """
    issuer, colon, number = _plain(patient_id).rpartition(":")
    digits = _NUMBER.fullmatch(number.strip())
    return f"{issuer}{colon}{digits[1] if digits else number.strip()}"


def _without_case(patient_id: str) -> str:
    return without_zeros(without_zeros(patient_id).casefold())


def _plain(text: str) -> str:
    """One form for characters that look alike or are not seen, and no blanks or quotes around."""
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
