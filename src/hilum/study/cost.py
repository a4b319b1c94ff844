"""How long a study will take: the arithmetic of its steps, which `hilum.study.rates` divides into seconds."""

from collections.abc import Mapping, Sequence
from typing import Any

from hilum.encoders.catalogue import ARCHITECTURES

FORWARDS_A_TRAINING_STEP = 3.0
"""A backward pass costs about two forward passes."""

OCCLUSION_PASSES = 144.0
"""Of one image, see `hilum.explanation.maps.occlusion`."""

LOCAL_SHARE = 0.25
"""Of a global view's pixels, in a local view of half its side."""


def forward_gigaflops(encoder: str, size: float) -> float:
    """10^9 floating-point operations of one image through an encoder; grows with the number of pixels."""
    return ARCHITECTURES[encoder].gigaflops * (size / 224) ** 2


def pretraining_gigaflops(
    method: str, options: Mapping[str, Any], encoder: str, size: float, *, images: int, epochs: int
) -> float:
    """10^9 operations of a whole pretraining."""
    from hilum.pretext.methods import method_of, method_settings

    forward_passes = method_of(method).forward_passes(method_settings(method, options), LOCAL_SHARE)
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
    """10^9 operations of training with labels, its linear probe, validations and scoring, if it never stops early."""
    share = 1.0 if unfreeze == "all" else int(unfreeze) / ARCHITECTURES[encoder].blocks
    training = (1 + (FORWARDS_A_TRAINING_STEP - 1) * share) * train * epochs
    return forward_gigaflops(encoder, size) * (training + train + val * (validations + 2) + 2 * test)


def explaining_gigaflops(
    encoders: Sequence[str], size: int, method: str, *, drawn: int, shown: int, points: int
) -> float:
    """10^9 operations of scores, heat-maps and features of some images, without those of images with boxes.

    Args:
        encoders: of the arms.
        size: side of the images in px.
        method: of the maps.
        drawn: images that each arm scores.
        shown: images that get a map.
        points: images that become points.
    """
    passes = OCCLUSION_PASSES if method == "occlusion" else FORWARDS_A_TRAINING_STEP
    images = drawn + points + passes * min(shown, drawn)
    return sum(forward_gigaflops(encoder, size) for encoder in encoders) * images
