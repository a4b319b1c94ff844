"""Codes of CheXpert's labeller for a generated image: 14 observations, positive, negative, uncertain or not mentioned.

Eleven observations follow from the findings of the image; Fracture and Support Devices are random and independent of
it. Frequencies of negations of absent findings are about those of CheXpert's train.csv (Irvin et al., AAAI 2019, Table
1): a few percent for most, a quarter for pneumothorax.
"""

from collections.abc import Mapping

from hilum.findings import CHEXPERT, NO_FINDING
from hilum.phantom.layouts.writing import draws
from hilum.phantom.population import Image

FAINT = 0.35
"""Severity below which a report is uncertain: the code is -1."""

_SHOWN: Mapping[str, tuple[str, ...]] = {
    "Enlarged Cardiomediastinum": ("Hernia",),
    "Cardiomegaly": ("Cardiomegaly",),
    "Lung Opacity": ("Infiltration", "Consolidation", "Pneumonia", "Edema", "Atelectasis"),
    "Lung Lesion": ("Mass", "Nodule"),
    "Edema": ("Edema",),
    "Consolidation": ("Consolidation",),
    "Pneumonia": ("Pneumonia",),
    "Atelectasis": ("Atelectasis",),
    "Pneumothorax": ("Pneumothorax",),
    "Pleural Effusion": ("Pleural Effusion",),
    "Pleural Other": ("Pleural Thickening",),
}
_BY_CHANCE = {"Fracture": 0.04, "Support Devices": 0.10}
_PORTABLE_DEVICES = 0.65  # fraction of AP images with devices
_DENIED = {
    "Enlarged Cardiomediastinum": 0.11,
    "Cardiomegaly": 0.06,
    "Edema": 0.14,
    "Consolidation": 0.15,
    "Pneumothorax": 0.28,
    "Pleural Effusion": 0.20,
}
_DENIED_ELSE = 0.03


def mentioned(image: Image, seed: int) -> dict[str, int | None]:
    """Return codes as the labeller gives them: 1, 0, -1, or None if not mentioned.

    "No Finding" is 1 if nothing but support devices is positive or uncertain, else None.
    """
    draw = draws(seed, "report", image.image_id)
    codes: dict[str, int | None] = {}
    for observation in CHEXPERT[1:]:
        chance = draw.random()
        severity = _severity(image, observation, float(draw.random()))
        if severity is None:
            codes[observation] = 0 if chance < _DENIED.get(observation, _DENIED_ELSE) else None
        else:
            codes[observation] = -1 if severity < FAINT else 1
    abnormal = any(codes[observation] in (1, -1) for observation in CHEXPERT[1:-1])
    return {NO_FINDING: None if abnormal else 1, **codes}


def read_by_radiologists(image: Image, seed: int) -> dict[str, int | None]:
    """Return codes as radiologists give them for every observation: 1 or 0."""
    codes: dict[str, int | None] = {name: int(code in (1, -1)) for name, code in mentioned(image, seed).items()}
    return codes


def _severity(image: Image, observation: str, chance: float) -> float | None:
    if observation in _BY_CHANCE:
        share = (
            _PORTABLE_DEVICES if observation == "Support Devices" and image.view == "AP" else _BY_CHANCE[observation]
        )
        # rarer draws are more severe
        return 1 - chance / share if chance < share else None
    severities = [image.severities[finding] for finding in _SHOWN[observation] if finding in image.severities]
    return max(severities, default=None)
