"""Why an image is not scored: a code for each reason, and the checks behind them.

The checks of gray values are those of the doctor (`hilum.data.doctor`), with its limits, on the image as the model
would see it; the typical image is that of the model's own training images.
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
"""As data sets and View Position (0018,5101) write them."""


class Reason(StrEnum):
    """A code in the column `reason`; images with one have no probabilities."""

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
        """What it means, in words."""
        return _ABOUT[self]

    @property
    def can_be_accepted(self) -> bool:
        """Whether the image could be scored all the same."""
        return self not in (Reason.NOT_ON_DISK, Reason.UNREADABLE)


_ABOUT = {
    Reason.NOT_ON_DISK: "the tables name it, and there is no file",
    Reason.UNREADABLE: "no radiograph that can be read",
    Reason.LATERAL: "a lateral view, and the model has learnt from frontal ones",
    Reason.VIEW_OUTSIDE_TRAINING: "a view that the model has not learnt from",
    Reason.AGE_OUTSIDE_TRAINING: "a patient younger or older than all that the model has learnt from",
    Reason.BURNED_IN_TEXT: "the header says that text is burnt into the pixels (BurnedInAnnotation)",
    Reason.EMPTY: "one gray value fills the image, or it is faint",
    Reason.INVERTED: "black and white are the other way round, and no tag says so",
    Reason.NOT_A_CHEST_RADIOGRAPH: "unlike the training images: another body part, a strip, rotated, or cropped",
}


@dataclass(frozen=True)
class Refusal:
    """Why one image is not scored.

    Attributes:
        reason: the code.
        detail: a few words; no text out of a file.
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
    """Look at what is known of an image beside its pixels; what is not known is no reason.

    Args:
        view: such as "PA"; None where it is not known.
        age: in years.
        remarks: met in its file.
        training: what the training images were like.
        accepted: reasons that do not count.
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
    """Look at an image.

    Args:
        pixels: preprocessed, (S, S).
        shape: height and width of the original, px.
        training: what the training images were like.
        accepted: reasons that do not count.
    """
    found = []
    most = np.bincount(pixels.ravel(), minlength=256).max() / pixels.size
    spread = float(pixels.std()) / 255
    if most > EMPTY or spread < FAINT:
        found.append(Refusal(Reason.EMPTY, f"spread {spread:.1%} of the range"))
    elif max(shape) > ASPECT * min(shape):
        found.append(Refusal(Reason.NOT_A_CHEST_RADIOGRAPH, f"{shape[1]:,} x {shape[0]:,} px"))
    elif training.typical:
        likeness = float(standardised(pixels) @ np.asarray(training.typical, dtype=np.float32))
        if likeness < NEGATIVE:
            found.append(Refusal(Reason.INVERTED, f"likeness to training images {likeness:.2f}"))
        elif likeness < ODD:
            found.append(Refusal(Reason.NOT_A_CHEST_RADIOGRAPH, f"likeness to training images {likeness:.2f}"))
    return next((each for each in found if each.reason not in accepted), None)
