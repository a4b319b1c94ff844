"""Differences between the images of pretraining and of fine-tuning, as codes.

An encoder at another resolution, or with other preprocessing, than in pretraining loses performance: 0.030 AUROC for an
encoder of 64 px at 96 px.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hilum.artifacts import fingerprint


class StartCode(StrEnum):
    """Kind of difference.

    Attributes:
        RESOLUTION: Side of the network input in px.
        PREPROCESSING: Preprocessing steps, except the final size.
    """

    RESOLUTION = "resolution"
    PREPROCESSING = "preprocessing"


@dataclass(frozen=True)
class StartDifference:
    """One difference.

    Attributes:
        code: Kind of difference.
        pretrained: Value in pretraining: px, or the steps.
        finetuned: Value in fine-tuning.
    """

    code: StartCode
    pretrained: int | list[Any]
    finetuned: int | list[Any]


def start_differences(
    size: int, steps: Sequence[Any], *, finetuned_size: int, finetuned_steps: Sequence[Any]
) -> list[StartDifference]:
    """Compare resolution and preprocessing of pretraining and fine-tuning.

    Args:
        size: Side of the network input in pretraining, in px.
        steps: Preprocessing steps of pretraining, as in cards (`Recipe.as_data`); empty where unknown.
        finetuned_size, finetuned_steps: The same for fine-tuning.
    """
    found = []
    if size != finetuned_size:
        found.append(StartDifference(StartCode.RESOLUTION, size, finetuned_size))
    ours, theirs = _without_size(finetuned_steps), _without_size(steps)
    if steps and fingerprint(ours) != fingerprint(theirs):
        found.append(StartDifference(StartCode.PREPROCESSING, list(steps), list(finetuned_steps)))
    return found


def _without_size(steps: Sequence[Any]) -> list[Any]:
    return ["resize" if isinstance(step, dict) and "resize" in step else step for step in steps]
