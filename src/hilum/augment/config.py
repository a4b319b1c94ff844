"""Pydantic type of an augmentation in a settings file: a name, or ranges."""

from typing import Annotated

from pydantic import BeforeValidator

from hilum.augment.augmentation import Augmentation
from hilum.augment.library import parse_augmentation
from hilum.errors import HilumErrors


def _from_ranges(written: object) -> object:
    if not isinstance(written, dict):
        return written
    try:
        return parse_augmentation(written)
    except HilumErrors as error:
        raise ValueError("; ".join(error.problems)) from None


AugmentationConfig = Annotated[str | Augmentation, BeforeValidator(_from_ranges)]
"""A name of `hilum.augment.AUGMENTATIONS`, or ranges: `{like: simclr, flip: 0}`."""
