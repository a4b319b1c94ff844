"""Canonical patient ids of a table, so that no patient occurs as two in a split."""

import re

import polars as pl

from hilum.data.manifest import is_patient_known
from hilum.data.patients.ids import spellings, without_zeros
from hilum.data.tables import some
from hilum.notes import Code, Note, note

_MANY, _SHARE, _TIMES = 20, 0.05, 5
"""Images of a doubtful patient: more than so many, this fraction of all, and so many times the median patient's."""
_FEWEST_PATIENTS = 10
_ROUNDED = re.compile(r"\s*\d([.,]\d+)?[Ee]\+\d+\s*")
"""Long numbers as written by spreadsheets: "2.24E+14"."""


def spellings_of_patients(images: pl.DataFrame) -> dict[str, list[str]]:
    """Return patients whose ids have several spellings: the id that represents them to the spellings.

    Args:
        images: Table with `patient_id`, text or null.
    """
    found = spellings(images["patient_id"].drop_nulls())
    found.pop("", None)
    return {without_zeros(ways[0]): ways for ways in found.values() if len(ways) > 1}


def with_canonical_patients(images: pl.DataFrame) -> tuple[pl.DataFrame, list[Note]]:
    """Convert every patient id to one spelling (`hilum.data.patients.ids`); placeholders become null.

    Case is kept, that of the first spelling if there are several.

    Args:
        images: Table with `patient_id`, text; null if unknown. It must not contain ids of images that stand for
            unknown patients.

    Returns:
        The images, and notes: ids with several spellings, ids rounded by a spreadsheet, placeholders.
    """
    found = spellings(images["patient_id"].drop_nulls())
    placeholders = found.pop("", [])
    shown = {written: without_zeros(ways[0]) for ways in found.values() for written in ways}
    notes = []
    several = [" = ".join(ways) for ways in found.values() if len(ways) > 1]
    if several:
        notes.append(note(Code.SEVERAL_SPELLINGS, patients=len(several), examples=some(several)))
    if placeholders:
        of_placeholders = int(images["patient_id"].is_in(pl.Series(placeholders, dtype=pl.String).implode()).sum())
        examples = some([repr(written) for written in placeholders])
        notes.append(note(Code.PLACEHOLDER_PATIENT_IDS, images=of_placeholders, examples=examples))
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
    """Report doubtful patients: one id with a large part of all images, while others have a few each.

    Args:
        manifest: Manifest of a data set.
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
