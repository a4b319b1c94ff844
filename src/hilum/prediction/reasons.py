"""Reasons for refusing an image: codes and checks.

The checks of gray values are those of `hilum doctor` (`hilum.data.doctor`), with the same limits, on the preprocessed
image; the typical image is that of the model's training images.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hilum.data.doctor.image_issues import ASPECT, EMPTY, FAINT, ODD
from hilum.data.doctor.typical import NEGATIVE, standardised
from hilum.data.images import Remark
from hilum.prediction.description import TrainingRange

LATERAL_VIEWS = frozenset("L LL RL LAT LATERAL".split())
"""Lateral views as written in data sets and in View Position (0018,5101)."""


class Reason(StrEnum):
    """Reason for refusal, a code in the column `reason`; refused images have no probabilities."""

    NOT_ON_DISK = "not_on_disk"
    UNREADABLE = "unreadable"
    LATERAL = "lateral"
    VIEW_OUTSIDE_TRAINING = "view_outside_training"
    AGE_OUTSIDE_TRAINING = "age_outside_training"
    BURNED_IN_TEXT = "burned_in_text"
    EMPTY = "empty"
    INVERTED = "inverted"
    NOT_A_CHEST_RADIOGRAPH = "not_a_chest_radiograph"

    @property
    def description(self) -> str:
        """Explanation of the reason."""
        return _DESCRIPTIONS[self]

    @property
    def can_be_accepted(self) -> bool:
        """Check whether an image could be scored in spite of the reason."""
        return self not in (Reason.NOT_ON_DISK, Reason.UNREADABLE)


_DESCRIPTIONS = {
    Reason.NOT_ON_DISK: "the tables name the image, but there is no file",
    Reason.UNREADABLE: "not a readable radiograph",
    Reason.LATERAL: "lateral view; the model was trained on frontal views",
    Reason.VIEW_OUTSIDE_TRAINING: "view without training images",
    Reason.AGE_OUTSIDE_TRAINING: "patient younger or older than all training patients",
    Reason.BURNED_IN_TEXT: "the DICOM header declares burned-in text (BurnedInAnnotation)",
    Reason.EMPTY: "nearly constant image: one gray value, or very low contrast",
    Reason.INVERTED: "inverted gray values without a DICOM tag",
    Reason.NOT_A_CHEST_RADIOGRAPH: "unlike the training images: another body part, a strip, rotated, or cropped",
}


@dataclass(frozen=True)
class Refusal:
    """Refusal of an image.

    Attributes:
        reason: Reason.
        detail: Details in a few words, without any text from the file.
    """

    reason: Reason
    detail: str = ""


def refuse_by_header(
    view: str | None,
    age: float | None,
    remarks: Collection[Remark],
    training: TrainingRange,
    accepted: Collection[Reason],
) -> Refusal | None:
    """Check the metadata of an image; unknown values are accepted.

    Args:
        view: View (projection) such as "PA"; None if unknown.
        age: Age in years; None if unknown.
        remarks: Irregularities of the file.
        training: Range of the training images.
        accepted: Reasons for refusal to ignore.
    """
    found = []
    known_view = view.upper() if view else None
    lateral = known_view in LATERAL_VIEWS and not LATERAL_VIEWS & set(training.views)
    if lateral:
        found.append(Refusal(Reason.LATERAL, f"view {known_view}"))
    elif known_view and training.views and known_view not in training.views:
        found.append(
            Refusal(Reason.VIEW_OUTSIDE_TRAINING, f"view {known_view}; trained on {', '.join(training.views)}")
        )
    if age is not None and training.ages is not None:
        low, high = training.ages
        if age < low or (high is not None and age > high):
            stated = f"{low} to {high}" if high is not None else f"{low} or older"
            found.append(Refusal(Reason.AGE_OUTSIDE_TRAINING, f"{age:.0f} years; trained on {stated}"))
    if Remark.BURNED_IN_TEXT in remarks:
        found.append(Refusal(Reason.BURNED_IN_TEXT))
    return next((each for each in found if each.reason not in accepted), None)


def refuse_by_pixels(
    pixels: NDArray[np.uint8], shape: tuple[int, int], training: TrainingRange, accepted: Collection[Reason]
) -> Refusal | None:
    """Check the pixels of an image.

    Args:
        pixels: Preprocessed pixels (S, S).
        shape: Height and width of the original image in pixels.
        training: Range of the training images.
        accepted: Reasons for refusal to ignore.
    """
    found = []
    most = np.bincount(pixels.ravel(), minlength=256).max() / pixels.size
    spread = float(pixels.std()) / 255
    if most > EMPTY or spread < FAINT:
        found.append(Refusal(Reason.EMPTY, f"spread {100 * spread:.1f} % of the range"))
    elif max(shape) > ASPECT * min(shape):
        found.append(Refusal(Reason.NOT_A_CHEST_RADIOGRAPH, f"{shape[1]:,} x {shape[0]:,} px"))
    elif training.typical:
        similarity = float(standardised(pixels) @ np.asarray(training.typical, dtype=np.float32))
        if similarity < NEGATIVE:
            found.append(Refusal(Reason.INVERTED, f"similarity to training images {similarity:.2f}"))
        elif similarity < ODD:
            found.append(Refusal(Reason.NOT_A_CHEST_RADIOGRAPH, f"similarity to training images {similarity:.2f}"))
    return next((each for each in found if each.reason not in accepted), None)
