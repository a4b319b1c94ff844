"""Augmentation: random views of a batch of radiographs, each by one resampling."""

from typing import TYPE_CHECKING, Any

from hilum.augment.augmentation import Augmentation
from hilum.augment.library import AUGMENTATIONS, augmentation_of

if TYPE_CHECKING:
    from hilum.augment.parameters import copy_transforms
    from hilum.augment.render import plain_view, random_views, views_to_average

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "augmentation_of",
    "copy_transforms",
    "plain_view",
    "random_views",
    "views_to_average",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name == "copy_transforms":
        from hilum.augment import parameters

        return parameters.copy_transforms
    if name in ("plain_view", "random_views", "views_to_average"):
        from hilum.augment import render

        return getattr(render, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
