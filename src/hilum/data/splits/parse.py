"""Parsing of a split given to a command as one word."""

import polars as pl

from hilum.data.manifest import labelled_images
from hilum.data.splits.by_patient import patient_split
from hilum.data.splits.listed import listed_split
from hilum.data.splits.split import Split
from hilum.errors import HilumError

AUTO, PATIENTS = "auto", "patients"
SHARES = (60, 20, 20)
"""Percentages of the patients for train, val and test without a published split."""
_VALIDATION = 20


def parse_split(manifest: pl.DataFrame, name: str, *, seed: int = 0) -> Split:
    """Return the split with a name.

    Args:
        manifest: Images. Only labelled ones are used, unless none is labelled.
        name: "official", or the name of another published split ("chexnet"); "patients" for 60, 20 and 20 percent of
            the patients at random; "auto" for an official split with test images, else patients. If a published split
            has no validation images, a fifth of the patients outside of test is used.
        seed: Random seed.

    Raises:
        HilumError: Unknown split, or too few patients.
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


def images_of_part(manifest: pl.DataFrame, part: str) -> pl.DataFrame:
    """Return the images of one part of the published split.

    Args:
        manifest: Images, with the published split in `split`.
        part: "train", "val" or "test".

    Raises:
        HilumError: The published split has no such part, or there is none.
    """
    parts = manifest["split"].drop_nulls().unique().sort().to_list()
    if part in parts:
        return manifest.filter(pl.col("split") == part)
    listed = " or ".join(parts)
    raise HilumError(
        f"--split {part}",
        expected=f"a part of the published split, {listed}" if listed else "a data set with a published split",
        found=part if listed else "none",
        fix="Omit --split to use all images whose patients are not in the training data.",
    )
