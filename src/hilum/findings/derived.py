"""Findings that follow from others, for tasks on data sets that name only the parts."""

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
"""Finding to the sets of parts that make it up: it is there where any part is, absent where all are absent. A data set
that has only some of the parts does not label the whole."""


def parts_of(finding: str, labelled: Collection[str]) -> tuple[str, ...] | None:
    """The parts from which a finding follows, of those that a data set labels; None where it does not follow."""
    for parts in DERIVED.get(finding, ()):
        if all(part in labelled for part in parts):
            return parts
    return None
