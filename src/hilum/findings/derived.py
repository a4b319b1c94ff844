"""Findings derived from others, for tasks on data sets that label only the parts."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

_SIDES = {
    finding: (f"{finding} Left", f"{finding} Right") for finding in ("Atelectasis", "Pleural Effusion", "Pneumonia")
}

DERIVED: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "Atelectasis": (_SIDES["Atelectasis"],),
        "Fracture": (("Rib Fracture", "Clavicle Fracture"),),
        "Nodule/Mass": (("Nodule", "Mass"),),
        "Pleural Effusion": (_SIDES["Pleural Effusion"],),
        "Pneumonia": (_SIDES["Pneumonia"], ("Bacterial Pneumonia", "Viral Pneumonia")),
        "Tuberculosis": (("Active Tuberculosis", "Latent Tuberculosis"),),
    }
)
"""Finding to the sets of parts that define it: positive if any part is positive, negative if all parts are negative. A
data set with only some of the parts does not label the finding."""


def parts_of(finding: str, labelled: Collection[str]) -> tuple[str, ...] | None:
    """Return the labelled parts that define a finding; None if the data set does not label all parts of any set."""
    for parts in DERIVED.get(finding, ()):
        if all(part in labelled for part in parts):
            return parts
    return None
