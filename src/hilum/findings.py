"""The vocabulary: one canonical name for each finding, and each data set's own names for them."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from hilum.errors import HilumError

CHESTXRAY14: tuple[str, ...] = (
    "Atelectasis",
    "Cardiomegaly",
    "Pleural Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural Thickening",
    "Hernia",
)
"""The 14 findings of ChestX-ray14, in the order of CheXNet's label lists."""

NO_FINDING = "No Finding"

VOCABULARY: tuple[str, ...] = (
    *CHESTXRAY14,
    NO_FINDING,
    "Enlarged Cardiomediastinum",
    "Lung Opacity",
    "Lung Lesion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
    "Tuberculosis",
    "COVID-19",
)
"""Every canonical name: ChestX-ray14's, then those that only CheXpert has, then two that smaller sets are made for."""

_NATIVE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "chestxray14": {"Pleural Effusion": "Effusion", "Pleural Thickening": "Pleural_Thickening"},
        "folder": {},
    }
)

_OTHER_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "Effusion": "Pleural Effusion",
        "Infiltrate": "Infiltration",  # so in ChestX-ray14's table of boxes
        "Infiltrates": "Infiltration",
        "Oedema": "Edema",
        "Pulmonary Edema": "Edema",
        "Normal": NO_FINDING,
        "Healthy": NO_FINDING,
        "TB": "Tuberculosis",
        "COVID": "COVID-19",
    }
)


def canonical(name: str, *, where: object = "finding") -> str:
    """The canonical name of a finding, from any data set's own spelling.

    Args:
        name: case, blanks, `_` and `-` do not matter: `Pleural_Thickening` is `Pleural Thickening`.
        where: what to name in the error: a file, a column, a field of a study.

    Raises:
        HilumError: the vocabulary has no such finding.
    """
    found = _spellings().get(_bare(name))
    if found is None:
        raise HilumError(where, expected="a finding that Hilum knows", found=repr(name), fix=_did_you_mean(name))
    return found


def is_finding(name: str) -> bool:
    """Whether `canonical` knows this name."""
    return _bare(name) in _spellings()


def native(finding: str, collection: str) -> str:
    """The name by which a data set's own tables call a canonical finding (the canonical one where they agree).

    Raises:
        HilumError: the finding is not canonical, or the collection is unknown.
    """
    if collection not in _NATIVE:
        raise HilumError("collection", expected=f"one of {', '.join(_NATIVE)}", found=repr(collection), fix="Use one.")
    return _NATIVE[collection].get(canonical(finding), canonical(finding))


def _spellings() -> dict[str, str]:
    own = {_bare(finding): finding for finding in VOCABULARY}
    return own | {_bare(spelling): finding for spelling, finding in _OTHER_SPELLINGS.items()}


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _did_you_mean(name: str) -> str:
    spellings = _spellings()
    near = difflib.get_close_matches(_bare(name), spellings, n=1, cutoff=0.6)
    return f"Did you mean {spellings[near[0]]!r}?" if near else f"Known findings: {', '.join(VOCABULARY)}."
