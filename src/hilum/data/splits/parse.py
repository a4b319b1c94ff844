"""A split as people name it to a command, in one word."""

import polars as pl

from hilum.data.manifest import labelled_images
from hilum.data.splits.by_patient import patient_split
from hilum.data.splits.listed import listed_split
from hilum.data.splits.split import Split

AUTO, PATIENTS = "auto", "patients"
SHARES = (60, 20, 20)
"""Percent of the patients for training, validation and test where no list says it."""
_VALIDATION = 20


def parse_split(manifest: pl.DataFrame, name: str, *, seed: int = 0) -> Split:
    """The division that one word asks for.

    Args:
        manifest: images. Only labelled ones are dealt out, unless none is labelled.
        name: "official", or the name of another list of the data set ("chexnet"); "patients" for 60, 20 and 20 percent
            of the patients by lot; "auto" for the official list where there is one with test images, patients
            elsewhere. Where a list has no validation images, a fifth of the patients outside test become that.
        seed: of the lots.

    Raises:
        HilumError: no such list, or too few patients.
    """
    if name == AUTO:
        name = "official" if "test" in manifest["split"] else PATIENTS
    if len(labelled := labelled_images(manifest)):
        manifest = labelled
    if name == PATIENTS:
        return patient_split(manifest, SHARES, seed)
    column = "split" if name == "official" else f"split_{name}"
    has_own = column in manifest.columns and "val" in manifest[column]
    return listed_split(manifest, name, validation=None if has_own else _VALIDATION, seed=seed)
