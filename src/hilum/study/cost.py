"""Computational cost of steps in floating-point operations; `hilum.study.rates` converts it to seconds."""

from collections.abc import Mapping, Sequence
from typing import Any

from hilum.encoders.catalogue import ARCHITECTURES

FORWARDS_A_TRAINING_STEP = 3.0
"""A backward pass costs about two forward passes."""

OCCLUSION_PASSES = 144.0
"""Forward passes per image (`hilum.explanation.maps.occlusion`)."""

LOCAL_CROP_FRACTION = 0.25
"""Pixels of a local crop (half the side length) as a fraction of those of a global crop."""


def forward_gigaflops(encoder: str, size: float) -> float:
    """Compute the cost of a forward pass of one image, proportional to its pixels, in 10^9 operations."""
    return ARCHITECTURES[encoder].gigaflops * (size / 224) ** 2


def pretraining_gigaflops(
    method: str, options: Mapping[str, Any], encoder: str, size: float, *, images: int, epochs: int
) -> float:
    """Compute the cost of a pretraining in 10^9 operations."""
    from hilum.pretext.methods import method_of, method_settings

    forward_passes = method_of(method).forward_passes(method_settings(method, options), LOCAL_CROP_FRACTION)
    return forward_passes * forward_gigaflops(encoder, size) * images * epochs


def finetuning_gigaflops(
    encoder: str,
    size: int,
    *,
    unfreeze: int | str,
    train: int,
    val: int,
    test: int,
    epochs: int,
    validations: int,
) -> float:
    """Compute the cost of a fine-tuning without early stopping, probe and scoring included, in 10^9 operations."""
    fraction = 1.0 if unfreeze == "all" else int(unfreeze) / ARCHITECTURES[encoder].blocks
    training = (1 + (FORWARDS_A_TRAINING_STEP - 1) * fraction) * train * epochs
    return forward_gigaflops(encoder, size) * (training + train + val * (validations + 2) + 2 * test)


def explaining_gigaflops(
    encoders: Sequence[str], size: int, method: str, *, drawn: int, shown: int, points: int
) -> float:
    """Compute the cost of an explanation, without images with boxes, in 10^9 operations.

    Args:
        encoders: Encoders of the arms.
        size: Side length of the images in pixels.
        method: Heat map method.
        drawn: Images that each arm scores.
        shown: Images with a heat map.
        points: Images in the embedding.
    """
    passes = OCCLUSION_PASSES if method == "occlusion" else FORWARDS_A_TRAINING_STEP
    images = drawn + points + passes * min(shown, drawn)
    return sum(forward_gigaflops(encoder, size) for encoder in encoders) * images
