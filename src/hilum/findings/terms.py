"""Codes of findings in terminologies: SNOMED CT, RadLex, DICOM's own.

Only findings that mean the same as a concept have a code: ChestX-ray14's "Hernia" and CheXpert's "Pleural Other" have
none. Sources: SNOMED CT International Edition (designator SCT of PS3.16 chapter 8), RadLex 4.x (RADLEX), and PS3.16
CID 6103 to 6105 (DCM). Checked: those in PS3.16 against pydicom's dictionaries, the others against two or more
published mappings and SNOMED CT's check digits.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias, cast

Scheme: TypeAlias = Literal["SCT", "RADLEX", "DCM"]
SCHEMES: tuple[Scheme, ...] = ("SCT", "RADLEX", "DCM")
"""Coding scheme designators of DICOM, in order of preference."""


@dataclass(frozen=True)
class Term:
    """Concept of a terminology.

    Attributes:
        scheme: Coding scheme designator in DICOM.
        code: Code of the concept.
        meaning: Name of the concept.
    """

    scheme: Scheme
    code: str
    meaning: str


def terms_of(finding: str) -> list[Term]:
    """Return the codes of a finding, SNOMED CT first; empty if no concept means the same.

    Args:
        finding: Canonical name.
    """
    return sorted(_terms().get(finding, []), key=lambda term: SCHEMES.index(term.scheme))


@cache
def _terms() -> dict[str, list[Term]]:
    found: dict[str, list[Term]] = {}
    text = files("hilum.findings").joinpath("terms.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        found.setdefault(row["finding"], []).append(Term(cast(Scheme, row["scheme"]), row["code"], row["meaning"]))
    return found
