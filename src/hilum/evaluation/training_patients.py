"""Exclusion of images of patients that weights were trained on, by their ledger and by statements of their authors."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from hilum.encoders.card import Card
from hilum.encoders.ledger import Ledger
from hilum.encoders.statements import find_contamination
from hilum.errors import HilumError
from hilum.notes import Code, Note, note

INCLUDE = "--include-training-patients"


@dataclass(frozen=True)
class CheckedImages:
    """Images to evaluate weights on.

    Attributes:
        image_ids: Ids, in order.
        trained_on: Those of them that are of training patients; empty unless these are included.
        notes: Exclusions, and limitations of results on these images.
    """

    image_ids: list[str]
    trained_on: frozenset[str]
    notes: list[Note]


def exclude_training_patients(
    cards: Sequence[Card],
    manifest: pl.DataFrame,
    images: Sequence[tuple[str, str]],
    issuer: str,
    where: str,
    *,
    include: bool,
    before: Sequence[Note] = (),
) -> CheckedImages:
    """Select the images of patients that no weights were trained on.

    Args:
        cards: Cards of the weights; none for random weights.
        manifest: Manifest of the data set, with the columns of published lists.
        images: Id of each image, and full name of its patient.
        issuer: Issuer of the patient ids: the collection of a public data set.
        where: Option or directory of the data, for errors.
        include: Also include images of training patients, with a note.
        before: Notes on images that were excluded before.

    Returns:
        The images, and notes, those of `before` first.

    Raises:
        HilumError: Without `include`: it is not known whether patients are training patients, or authors of published
            weights state that they were trained on these images; or no image remains.
    """
    image_ids, names = [image_id for image_id, _ in images], [name for _, name in images]
    ledger = Ledger(patient for card in cards for patient in card.training_patients)
    exposure = ledger.exposure_of(names)
    met = frozenset(image_id for image_id, known in zip(image_ids, exposure.trained_on, strict=True) if known)
    stated = find_contamination([each for card in cards for each in card.statements], issuer, manifest, image_ids)
    if not include:
        if stated.certainty == "yes":
            raise HilumError(
                where,
                expected="weights that were not trained on these images",
                found=stated.message,
                fix=f"Choose other weights or another split, or add {INCLUDE}.",
            )
        exposure.refuse_not_known(where)
    notes = [*before, *([] if stated.note is None else [stated.note])]
    if exposure.not_known.any():
        notes.append(note(Code.TRAINED_ON_UNKNOWN, why=exposure.why_not_known))
    if met:
        code = Code.TRAINING_PATIENTS_INCLUDED if include else Code.TRAINING_PATIENTS_EXCLUDED
        notes.append(note(code, images=len(met)))
    notes += [
        note(Code.SAME_IDS_TRAINED_ON, patients=len(patients), issuer=of)
        for of, patients in ledger.ids_of_other_issuers(names).items()
    ]
    left = image_ids if include else [image_id for image_id in image_ids if image_id not in met]
    if not left:
        left_out = "; ".join(map(str, before)) or "no file of the manifest is on disk"
        raise HilumError(
            where,
            expected="images of patients the weights were not trained on",
            found=f"none: all {len(image_ids):,} are of training patients" if image_ids else f"none ({left_out})",
            fix="Choose another --split (for own weights, that of their training) or data set, or add "
            f"{INCLUDE} to use these images as well.",
        )
    return CheckedImages(left, met if include else frozenset(), notes)
