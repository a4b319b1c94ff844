"""Random and plain views of a batch, on CPU or GPU."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.augment.augmentation import Augmentation
from hilum.augment.finish import finish_views
from hilum.augment.kernel import fill_views
from hilum.augment.parameters import (
    ViewParameters,
    compose,
    crop_parameters,
    draw_parameters,
    footprints,
    plain_parameters,
)
from hilum.augment.tensor_ops import render_views_with_tensors
from hilum.errors import HilumError

TEN_CROP = 224 / 256
_IMAGES_A_THREAD = 8  # minimum for starting a thread


def random_views(
    images: Tensor,
    keys: NDArray[np.uint64],
    augmentation: Augmentation,
    size: int,
    *,
    seed: int,
    epoch: int,
    view: int,
    before: NDArray[np.float64] | None = None,
) -> Tensor:
    """Draw one random view of every image.

    Args:
        images: Images, (N, 1, S, S), uint8, or float in [0, 1].
        keys: Image keys (`hilum.draws.image_keys`), (N,).
        augmentation: Ranges of the random parameters.
        size: Side of the views in px, T.
        seed: Random seed of the run.
        epoch: Epoch from 0.
        view: Index of the view, for example 0 and 1 for a pair.
        before: Linear maps (N, 2, 2) applied first in the same resampling, as from `flip_and_rotation`; None: none.

    Returns:
        (N, 1, T, T), float32 in [0, 1], on the device of `images`. A view depends on its image, key and the other
        arguments only: bit-identical in any batch, on one type of device.

    Raises:
        HilumError: Not a batch of square one-channel images.
    """
    _check(images)
    parameters = draw_parameters(keys, augmentation, images.shape[-1], size, seed=seed, epoch=epoch, view=view)
    return render_views(images, compose(before, parameters, images.shape[-1]), size)


def plain_view(images: Tensor, size: int, before: NDArray[np.float64] | None = None) -> Tensor:
    """Resize images without augmentation, by area averaging (smaller) or bilinear interpolation (larger).

    Args:
        images: Images, (N, 1, S, S), uint8, or float in [0, 1].
        size: Side of the views in px, T.
        before: As in `random_views`.

    Returns:
        (N, 1, T, T), float32 in [0, 1], on the device of `images`.

    Raises:
        HilumError: Not a batch of square one-channel images.
    """
    _check(images)
    parameters = plain_parameters(len(images), images.shape[-1], size)
    return render_views(images, compose(before, parameters, images.shape[-1]), size)


def views_to_average(images: Tensor, size: int, tta: str) -> list[Tensor]:
    """Return the views of test-time augmentation (TTA), over which scores are averaged.

    Args:
        images: Images, (N, 1, S, S), uint8, or float in [0, 1].
        size: Side of the views in px, T.
        tta: "none": plain view; "flip": also its horizontal flip; "ten_crop": crops of 7/8 of the side (224 of 256 px)
            at corners and centre, each also flipped (Krizhevsky et al., NeurIPS 2012, §4.1).

    Returns:
        1, 2 or 10 tensors (N, 1, T, T), as `plain_view`.
    """
    _check(images)
    if tta == "ten_crop":
        crops = [
            render_views(images, crop_parameters(len(images), images.shape[-1], size, TEN_CROP, centre), size)
            for centre in ((-1, -1), (1, -1), (-1, 1), (1, 1), (0, 0))
        ]
        return [*crops, *(crop.flip(3) for crop in crops)]
    plain = plain_view(images, size)
    return [plain, plain.flip(3)] if tta == "flip" else [plain]


@torch.no_grad()
def render_views(images: Tensor, parameters: ViewParameters, size: int) -> Tensor:
    """Render views with given parameters: compiled code on CPUs, tensor operations on other devices.

    Args:
        images: Images, (N, 1, S, S), uint8, or float in [0, 1].
        parameters: Parameters, one row per image.
        size: Side of the views in px, T.

    Returns:
        (N, 1, T, T), float32 in [0, 1], on the device of `images`.
    """
    if images.device.type != "cpu":
        return render_views_with_tensors(images[:, 0], parameters, size)[:, None]
    whole = images.dtype == torch.uint8
    source = (images if whole else images.float())[:, 0].contiguous().numpy()
    extents = footprints(parameters.maps)
    views = torch.empty(len(images), 1, size, size)
    target = views[:, 0].numpy()

    def part(rows: slice) -> None:
        fill_views(
            source[rows],
            255.0 if whole else 1.0,
            parameters.maps[rows],
            extents[rows],
            parameters.brightness[rows],
            parameters.contrast[rows],
            parameters.sigma[rows],
            target[rows],
        )
        if (finish := parameters.finish) is not None:
            finish_views(
                target[rows],
                finish.gamma[rows],
                finish.solarized[rows],
                finish.noise[rows],
                finish.noise_keys[rows],
                finish.erased[rows],
            )

    threads = min(torch.get_num_threads(), -(-len(images) // _IMAGES_A_THREAD))
    if threads > 1:
        ends = np.linspace(0, len(images), threads + 1).astype(int)
        with ThreadPoolExecutor(threads) as pool:  # not kept, since idle threads do not survive a fork
            list(pool.map(part, (slice(*pair) for pair in pairwise(ends))))
    else:
        part(slice(None))
    return views


def _check(images: Tensor) -> None:
    if images.ndim != 4 or images.shape[1] != 1 or images.shape[2] != images.shape[3]:
        found = f"shape {tuple(images.shape)}"
    elif images.dtype != torch.uint8 and not images.is_floating_point():
        found = f"type {images.dtype}"
    else:
        return
    raise HilumError(
        "views",
        expected="a batch of square one-channel images, (N, 1, S, S), uint8 or float",
        found=found,
        fix="Preprocess the images to squares and stack them with one channel.",
    )
