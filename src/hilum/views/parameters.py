"""From a policy and a batch's keys to the affine map, grey-level line and blur of each view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.draws import uniforms
from hilum.views.policies import ViewPolicy

_DRAWS = 13  # one column a parameter, also where a policy does not use it: changing one range moves no other draw


@dataclass(frozen=True)
class ViewParameters:
    """What is done to each of N images; row i belongs to image i.

    Args:
        maps: (N, 2, 3), from a view's pixel (x, y, 1) to the source's (x, y); pixel centres lie at integers.
        brightness, contrast: factors, (N,).
        sigma: of the blur in pixels of the view, (N,); 0 for none.
    """

    maps: NDArray[np.float64]
    brightness: NDArray[np.float64]
    contrast: NDArray[np.float64]
    sigma: NDArray[np.float64]


def plain_parameters(count: int, source: int, size: int) -> ViewParameters:
    """Parameters that only resize, from `source` to `size` pixels a side."""
    whole = np.broadcast_to(np.eye(2, 3), (count, 2, 3))
    ones = np.ones(count)
    return ViewParameters(_in_pixels(whole, source, size), ones, ones, np.zeros(count))


def draw_parameters(
    keys: NDArray[np.uint64], policy: ViewPolicy, source: int, size: int, *, seed: int, epoch: int, view: int
) -> ViewParameters:
    """Draw the parameters of one view of each image.

    Args:
        keys: `hilum.draws.image_keys`, (N,).
        policy: the ranges.
        source: pixels a side of the images.
        size: pixels a side of the views.
        seed: as in `hilum.draws.uniforms`.
        epoch: as in `hilum.draws.uniforms`.
        view: as in `hilum.draws.uniforms`.

    Returns:
        Row i depends on keys[i] and the arguments after it, not on the other rows.
    """
    draws = uniforms(seed, keys, _DRAWS, epoch=epoch, view=view).T
    area = _between(draws[0], policy.crop_area)
    # The whole crop lies in the image where its aspect is between its area and the inverse of it.
    low, high = (np.log(np.clip(aspect, area, 1 / area)) for aspect in policy.crop_aspect)
    aspect = np.exp(low + draws[1] * (high - low))
    half = np.stack([np.sqrt(area * aspect), np.sqrt(area / aspect)], axis=1)  # of the crop; the image's half side is 1
    centre = (2 * draws[2:4].T - 1) * (1 - half)
    angle = np.deg2rad(policy.rotate * (2 * draws[4] - 1))
    shift = 2 * policy.shift * (2 * draws[5:7].T - 1)
    scale = _between(draws[7], policy.scale)
    mirror = np.where(draws[8] < policy.flip, -1.0, 1.0)

    # View -> source: mirror, into the crop, then undo shift, scale and rotation.
    back = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
    back /= scale[:, None, None]
    linear = back * np.stack([mirror * half[:, 0], half[:, 1]], axis=1)[:, None, :]
    offset = back @ (centre - shift)[:, :, None]
    return ViewParameters(
        maps=_in_pixels(np.concatenate([linear, offset], axis=2), source, size),
        brightness=1 + policy.brightness * (2 * draws[9] - 1),
        contrast=1 + policy.contrast * (2 * draws[10] - 1),
        sigma=np.where(draws[11] < policy.blur_probability, _between(draws[12], policy.blur_sigma), 0.0),
    )


def footprints(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Extent of a view's pixel in the source along x and y, (N, 2), in source pixels.

    The square pixel becomes a parallelogram; the box along the axes that stands for it has the same second moments.
    """
    return np.hypot(maps[:, :, 0], maps[:, :, 1])


def _between(draw: NDArray[np.float64], ends: tuple[float, float]) -> NDArray[np.float64]:
    return ends[0] + draw * (ends[1] - ends[0])


def _in_pixels(maps: NDArray[np.float64], source: int, size: int) -> NDArray[np.float64]:
    """Maps between squares of [-1, 1] to maps between pixel indices."""
    linear = maps[:, :, :2] * (source / size)
    offset = maps[:, :, 2] * (source / 2) + (source - 1) / 2 - linear.sum(axis=2) * ((size - 1) / 2)
    return np.concatenate([linear, offset[:, :, None]], axis=2)
