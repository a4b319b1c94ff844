"""Codes of findings in terminologies that other programs read: SNOMED CT, RadLex, DICOM's own.

Only findings whose meaning is that of a concept have a code: ChestX-ray14's "Hernia" or CheXpert's "Pleural Other" have
none. Sources: SNOMED CT International Edition (designator SCT of PS3.16 chapter 8), RadLex 4.x (RADLEX), and PS3.16
CID 6103 to 6105 (DCM). Checked: those in PS3.16 against pydicom's dictionaries of it, the others against published
mappings of two parties or more, and SNOMED CT's check digits.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias, cast

Scheme: TypeAlias = Literal["SCT", "RADLEX", "DCM"]
SCHEMES: tuple[Scheme, ...] = ("SCT", "RADLEX", "DCM")
"""By their coding scheme designators in DICOM, in the order in which one is preferred."""


@dataclass(frozen=True)
class Term:
    """A concept of a terminology.

    Attributes:
        scheme: its coding scheme designator in DICOM.
        code: of the concept.
        meaning: its name there.
    """

    scheme: Scheme
    code: str
    meaning: str


def terms_of(finding: str) -> list[Term]:
    """Codes of a finding, those of SNOMED CT first; empty where none means the same.

    Args:
        finding: canonical name.
    """
    return sorted(_terms().get(finding, []), key=lambda term: SCHEMES.index(term.scheme))


@cache
def _terms() -> dict[str, list[Term]]:
    found: dict[str, list[Term]] = {}
    text = files("hilum.findings").joinpath("terms.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        found.setdefault(row["finding"], []).append(Term(cast(Scheme, row["scheme"]), row["code"], row["meaning"]))
    return found
