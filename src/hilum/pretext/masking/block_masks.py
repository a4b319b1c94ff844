"""Patch masks: block-wise for DINOv2 (Bao et al., BEiT, ICLR 2022, algorithm 1), uniformly random for FCMAE."""

import math

import numpy as np
from numpy.typing import NDArray

from hilum.draws import uniforms
from hilum.errors import HilumError

_LEAST_BLOCK = 4  # patches, as in DINOv2's code; BEiT uses 16 on a 14 x 14 grid
_LEAST_ASPECT = 0.3
_TRIES = 40
_MASK_VIEW = 59_000  # view of `draws.uniforms`: below the range it reserves for orders, above any number of views


def block_masks(
    keys: NDArray[np.uint64],
    grid: int,
    *,
    sample_probability: float,
    mask_ratio: tuple[float, float],
    seed: int,
    epoch: int,
    view: int,
) -> NDArray[np.bool_]:
    """Draw block-wise masks; a function of (seed, epoch, image, view).

    DINOv2 masks 10 to 50 % of the patches in half of the images.

    Args:
        keys: Image keys (`hilum.draws.image_keys`), (N,).
        grid: Patches per side, G.
        sample_probability: Probability that an image is masked at all, 0 to 1.
        mask_ratio: Range of the fraction of masked patches, (low, high), 0 < low ≤ high < 1; drawn uniformly.
        seed: Random seed of the run.
        epoch: Epoch from 0.
        view: Index of the global crop that is masked.

    Returns:
        (N, G, G), True where masked; at most the drawn fraction, and close to it.

    Raises:
        HilumError: Fractions out of range.
    """
    low, high = mask_ratio
    if not (0 < low <= high < 1 and 0 <= sample_probability <= 1):
        raise HilumError(
            "mask",
            expected="0 < low ≤ high < 1",
            found=f"{mask_ratio}, {sample_probability}",
            fix="Use (0.1, 0.5), 0.5.",
        )
    draws = uniforms(seed, keys, 2 + 4 * _TRIES, epoch=epoch, view=_MASK_VIEW + view)
    masks = np.zeros((len(keys), grid, grid), dtype=np.bool_)
    for mask, row in zip(masks, draws, strict=True):
        if row[0] < sample_probability:
            _fill(mask, round((low + row[1] * (high - low)) * grid * grid), row[2:].reshape(_TRIES, 4))
    return masks


def random_masks(
    keys: NDArray[np.uint64], grid: int, *, mask_ratio: float, seed: int, epoch: int, view: int = 0
) -> NDArray[np.bool_]:
    """Draw uniformly random masks, the same number of patches in every image (He et al., MAE, CVPR 2022, §3).

    Args:
        keys: Image keys (`hilum.draws.image_keys`), (N,).
        grid: Patches per side, G.
        mask_ratio: Fraction of masked patches, between 0 and 1; 0.6 in FCMAE.
        seed: Random seed of the run.
        epoch: Epoch from 0.
        view: Index of the view.

    Returns:
        (N, G, G), True where masked: round(mask_ratio · G²) patches of each image.

    Raises:
        HilumError: No patch or all patches would be masked.
    """
    masked = round(mask_ratio * grid * grid)
    if not 0 < masked < grid * grid:
        raise HilumError("mask", expected="some patches masked, not all", found=f"{mask_ratio:g}", fix="Use 0.6.")
    draws = uniforms(seed, keys, grid * grid, epoch=epoch, view=_MASK_VIEW + view)
    order = draws.argsort(axis=1, kind="stable")
    masks = np.zeros((len(keys), grid * grid), dtype=np.bool_)
    np.put_along_axis(masks, order[:, :masked], True, axis=1)
    return masks.reshape(-1, grid, grid)


def _fill(mask: NDArray[np.bool_], wanted: int, tries: NDArray[np.float64]) -> None:
    """Add blocks to a mask until `wanted` patches are masked or all tries are used."""
    grid = len(mask)
    for size, shape, row, column in tries:
        left = wanted - int(mask.sum())
        if left <= 0:
            return
        area = min(left, _LEAST_BLOCK + size * max(left - _LEAST_BLOCK, 0))
        aspect = math.exp((2 * shape - 1) * math.log(1 / _LEAST_ASPECT))
        height = min(max(1, round(math.sqrt(area * aspect))), grid)
        width = min(max(1, round(math.sqrt(area / aspect))), grid)
        top, from_left = int(row * (grid - height + 1)), int(column * (grid - width + 1))
        block = mask[top : top + height, from_left : from_left + width]
        if int((~block).sum()) <= left:
            block[:] = True
