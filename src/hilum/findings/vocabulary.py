"""Vocabulary: one canonical name for each finding, and its other spellings."""

import difflib
from collections.abc import Mapping
from functools import cache
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

VOCABULARY: tuple[str, ...] = (
    *CHESTXRAY14,
    *(finding for finding in CHEXPERT if finding not in CHESTXRAY14),
    # added by VinDr-CXR
    "Aortic Enlargement",
    "Calcification",
    "Clavicle Fracture",
    "Enlarged Pulmonary Artery",
    "Interstitial Lung Disease",
    "Lung Cavity",
    "Lung Cyst",
    "Lung Tumor",
    "Mediastinal Shift",
    "Nodule/Mass",
    "Rib Fracture",
    "Other Lesion",
    "COPD",
    "Tuberculosis",
    "Other Disease",
    # added by PadChest
    "Air Trapping",
    "Aortic Elongation",
    "Bronchiectasis",
    "Chronic Changes",
    "Congestion",
    "Kyphosis",
    "Pacemaker",
    "Scoliosis",
    "Sternotomy",
    "Volume Loss",
    # graded by side in UKA-CXR
    "Atelectasis Left",
    "Atelectasis Right",
    "Pleural Effusion Left",
    "Pleural Effusion Right",
    "Pneumonia Left",
    "Pneumonia Right",
    # of smaller data sets
    "Active Tuberculosis",
    "Latent Tuberculosis",
    "Bacterial Pneumonia",
    "Viral Pneumonia",
    "COVID-19",
    # combination of several, defined by a task
    "Other",
)
"""Every canonical name."""

_OTHER_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "Effusion": "Pleural Effusion",
        "Infiltrate": "Infiltration",  # spelling of ChestX-ray14's table of boxes
        "Infiltrates": "Infiltration",
        "Oedema": "Edema",
        "Pulmonary Edema": "Edema",
        "Normal": NO_FINDING,
        "Healthy": NO_FINDING,
        "Airspace Opacity": "Lung Opacity",  # MIMIC-CXR's older labels
        "Pulmonary Fibrosis": "Fibrosis",
        "TB": "Tuberculosis",
        "Chronic Obstructive Pulmonary Disease": "COPD",
        "ILD": "Interstitial Lung Disease",
        "Enlarged PA": "Enlarged Pulmonary Artery",
        "COVID": "COVID-19",
    }
)


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
    own = {bare_name(finding): finding for finding in VOCABULARY}
    return MappingProxyType(own | {bare_name(spelling): finding for spelling, finding in _OTHER_SPELLINGS.items()})


def bare_name(name: str) -> str:
    """Normalise a name: remove case, blanks, `_`, `-` and other signs."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _did_you_mean(name: str) -> str:
    known = spellings()
    near = difflib.get_close_matches(bare_name(name), known, n=1, cutoff=0.6)
    return f"Did you mean {known[near[0]]!r}?" if near else f"Known findings: {', '.join(VOCABULARY)}."
