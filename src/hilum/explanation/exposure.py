"""Exclusion of images of patients in the training data."""

import polars as pl

from hilum.encoders.ledger import Ledger
from hilum.errors import HilumError


def exclude_training_patients(
    manifest: pl.DataFrame, ledger: Ledger, where: str, notes: list[str], *, include: bool
) -> tuple[pl.DataFrame, frozenset[str]]:
    """Exclude the images of patients that a model was trained on.

    Args:
        manifest: Manifest with the patients' full names as `patient_id`.
        ledger: Patients in the training data of the models.
        where: Option or directory of the data, for errors.
        notes: List to which a sentence on training patients is appended.
        include: Whether to keep these images; a note is added then.

    Returns:
        The manifest, and the ids of the images of training patients in it.

    Raises:
        HilumError: It is not known whether patients are in the training data and they are not to be included, or no
            image remains.
    """
    exposure = ledger.exposure_of(manifest["patient_id"].to_list())
    trained_on = pl.Series(exposure.trained_on)
    met = manifest.filter(trained_on)["image_id"].to_list()
    if include and exposure.not_known.any():
        notes.append(f"whether these patients are in the training data is not known: {exposure.why_not_known}")
    elif not include:
        exposure.refuse_not_known(where)
    if met and include:
        notes.append(f"{len(met):,} images are of patients in the training data: results on them are too optimistic")
    elif met:
        manifest, excluded, met = manifest.filter(~trained_on), len(met), []
        notes.append(f"{excluded:,} images of patients in the training data were excluded")
    if manifest.is_empty():
        raise HilumError(
            where,
            expected="images of patients who are not in the training data",
            found=f"none ({'; '.join(notes) or 'no file of the manifest is on disk'})",
            fix="Use another --split or data set, or add --include-training-patients.",
        )
    return manifest, frozenset(met)
