"""Vocabulary: one canonical name for each finding, and its other spellings.

Other spellings are those of data sets: "Infiltrate" is ChestX-ray14's in its table of boxes, "Airspace Opacity" that of
older labels of MIMIC-CXR.
"""

import csv
import difflib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from hilum.errors import HilumError

NO_FINDING = "No Finding"

CHEXPERT: tuple[str, ...] = (
    NO_FINDING,
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
"""The 14 observations of CheXpert and MIMIC-CXR, in the order of CheXpert's tables."""


@cache
def _rows() -> list[dict[str, str]]:
    """Read the vocabulary: findings, the data sets that added them, and other spellings, separated by "; "."""
    text = files("hilum.findings").joinpath("vocabulary.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


CHESTXRAY14: tuple[str, ...] = tuple(row["finding"] for row in _rows() if row["added_by"] == "ChestX-ray14")
"""The 14 findings of ChestX-ray14, in the order of CheXNet's label lists."""
VOCABULARY: tuple[str, ...] = tuple(row["finding"] for row in _rows())
"""Every canonical name: those of ChestX-ray14, the others of CheXpert, then those added by other data sets."""


def canonical(name: str, *, where: object = "finding") -> str:
    """Return the canonical name of a finding, from any data set's spelling.

    Args:
        name: Name; case, blanks, `_` and `-` are ignored: `Pleural_Thickening` is `Pleural Thickening`.
        where: Place for the error: a file, a column, a field of a study.

    Raises:
        HilumError: The vocabulary has no such finding.
    """
    found = spellings().get(bare_name(name))
    if found is None:
        raise HilumError(where, expected="a finding of Hilum's vocabulary", found=repr(name), fix=_did_you_mean(name))
    return found


def is_finding(name: str) -> bool:
    """Return true for a name that `canonical` accepts."""
    return bare_name(name) in spellings()


@cache
def spellings() -> Mapping[str, str]:
    """Return every accepted spelling, normalised by `bare_name`, with its canonical name."""
    found = {bare_name(finding): finding for finding in VOCABULARY}
    for row in _rows():
        found |= dict.fromkeys(map(bare_name, filter(None, row["other_spellings"].split("|"))), row["finding"])
    return MappingProxyType(found)


def bare_name(name: str) -> str:
    """Normalise a name: remove case, blanks, `_`, `-` and other signs."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _did_you_mean(name: str) -> str:
    known = spellings()
    near = difflib.get_close_matches(bare_name(name), known, n=1, cutoff=0.6)
    return f"Did you mean {known[near[0]]!r}?" if near else f"Known findings: {', '.join(VOCABULARY)}."
