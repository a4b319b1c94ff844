"""Patient ids of a table under one spelling each, so that no patient stands on two sides of a split as two."""

import re

import polars as pl

from hilum.data.manifest import is_patient_known
from hilum.data.patients.ids import spellings, without_zeros
from hilum.data.tables import some
from hilum.notes import Code, Note, note

_MANY, _SHARE, _TIMES = 20, 0.05, 5
"""From so many images, this share of all and so many times those of the median patient, a patient is doubted."""
_FEWEST_PATIENTS = 10
_ROUNDED = re.compile(r"\s*\d([.,]\d+)?[Ee]\+\d+\s*")
"""How spreadsheets write long numbers: "2.24E+14"."""


def spellings_of_patients(images: pl.DataFrame) -> dict[str, list[str]]:
    """The patients whose ids are written in several ways: the id that stands for them to the ways.

    Args:
        images: with `patient_id`, text or null.
    """
    found = spellings(images["patient_id"].drop_nulls())
    found.pop("", None)
    return {without_zeros(ways[0]): ways for ways in found.values() if len(ways) > 1}


def with_canonical_patients(images: pl.DataFrame) -> tuple[pl.DataFrame, list[Note]]:
    """Write every patient id in one way (`hilum.data.patients.ids`); words for nobody become null.

    Capitals stay as they are written, those of the first spelling where there are several.

    Args:
        images: with `patient_id`, text; null where it is not known. Ids that are no more than an image's own, given to
            images without a patient, must not be among them.

    Returns:
        The images, and what a user should know: which ids fell together, were rounded by a spreadsheet, or name nobody.
    """
    found = spellings(images["patient_id"].drop_nulls())
    nobody = found.pop("", [])
    shown = {written: without_zeros(ways[0]) for ways in found.values() for written in ways}
    notes = []
    several = [" = ".join(ways) for ways in found.values() if len(ways) > 1]
    if several:
        notes.append(note(Code.SEVERAL_SPELLINGS, patients=len(several), examples=some(several)))
    if nobody:
        of_nobody = int(images["patient_id"].is_in(pl.Series(nobody, dtype=pl.String).implode()).sum())
        examples = some([repr(written) for written in nobody])
        notes.append(note(Code.PLACEHOLDER_PATIENT_IDS, images=of_nobody, examples=examples))
    rounded = [each for each in shown if _ROUNDED.fullmatch(each)]
    if rounded:
        images_of_them = int(images["patient_id"].is_in(pl.Series(rounded, dtype=pl.String).implode()).sum())
        notes.append(note(Code.ROUNDED_PATIENT_IDS, images=images_of_them, examples=some(rounded)))
    written = pl.Series(list(shown), dtype=pl.String)
    ids = pl.col("patient_id").replace_strict(
        written, pl.Series(list(shown.values()), dtype=pl.String), default=None, return_dtype=pl.String
    )
    return images.with_columns(ids.alias("patient_id")), notes


def patients_of_many_images(manifest: pl.DataFrame) -> list[Note]:
    """Patients who may be none: one id of a large part of all images, where others have a few each.

    Args:
        manifest: of a data set.
    """
    counts = manifest.filter(is_patient_known(manifest)).group_by("patient_id").len().sort("len", "patient_id")
    if len(counts) < _FEWEST_PATIENTS:
        return []
    usual = counts["len"].median()
    most = max(_MANY, _SHARE * len(manifest), _TIMES * (usual if isinstance(usual, float) else 1.0))
    doubted = counts.filter(pl.col("len") > most).reverse()
    return [
        note(Code.ONE_PATIENT_OF_MANY, images=images, of=len(manifest), examples=patient)
        for patient, images in doubted.iter_rows()
    ]
