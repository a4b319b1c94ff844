"""Random draw of the parameters of each view: affine map, brightness, contrast, blur, noise, erasing."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.augment.augmentation import Augmentation
from hilum.augment.finish import Finish
from hilum.augment.lungs import enlarge_window, lung_points, shrink_window
from hilum.data.resampling import COPIES
from hilum.draws import uniforms

_DRAWS = 24  # one column per parameter, used or not, so that changing one range does not change other draws


@dataclass(frozen=True)
class ViewParameters:
    """Parameters of the views of N images; row i belongs to image i.

    Args:
        maps: Affine maps from view pixels (x, y, 1) to source pixels (x, y), (N, 2, 3); pixel centres at integers.
        brightness, contrast: Factors, (N,) each.
        sigma: Standard deviation of the blur in px of the view, (N,); 0: none.
        finish: Parameters after the blur; None: none.
    """

    maps: NDArray[np.float64]
    brightness: NDArray[np.float64]
    contrast: NDArray[np.float64]
    sigma: NDArray[np.float64]
    finish: Finish | None = None


def plain_parameters(count: int, source: int, size: int) -> ViewParameters:
    """Return parameters that only resize, from `source` to `size` px per side."""
    whole = np.broadcast_to(np.eye(2, 3), (count, 2, 3))
    ones = np.ones(count)
    return ViewParameters(_in_pixels(whole, source, size), ones, ones, np.zeros(count))


def crop_parameters(count: int, source: int, size: int, fraction: float, centre: tuple[float, float]) -> ViewParameters:
    """Return parameters of a square crop, resized to `size` px per side.

    Args:
        count: Number of images.
        source, size: Side of image and view in px.
        fraction: Side of the crop as a fraction of the image's.
        centre: Position of the crop, from -1 (left, top) to 1 (right, bottom).
    """
    whole = np.eye(2, 3) * fraction
    whole[:, 2] = np.asarray(centre) * (1 - fraction)
    ones = np.ones(count)
    maps = _in_pixels(np.broadcast_to(whole, (count, 2, 3)), source, size)
    return ViewParameters(maps, ones, ones, np.zeros(count))


def flip_and_rotation(flip: bool, degrees: float) -> NDArray[np.float64]:
    """Return the linear map (2, 2) from view to source of a horizontal flip and a rotation about the centre.

    Args:
        flip: Horizontal flip.
        degrees: Rotation in degrees, counter-clockwise.
    """
    angle = np.deg2rad(degrees)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.diag([-1.0, 1.0]) @ turned if flip else turned


def copy_transforms(copies: NDArray[np.int8] | None) -> NDArray[np.float64] | None:
    """Return the linear maps of oversampled copies, (N, 2, 2); None if there are none.

    Args:
        copies: Number of the copy, (N,): 0 for the image itself, else `hilum.data.resampling.COPIES[number - 1]`.
    """
    if copies is None or not copies.any():
        return None
    known = np.stack([np.eye(2), *(flip_and_rotation(copy.flip, copy.degrees) for copy in COPIES)])
    return known[copies]


def compose(before: NDArray[np.float64] | None, parameters: ViewParameters, source: int) -> ViewParameters:
    """Compose linear maps of the images with the maps of their views, for one resampling.

    Args:
        before: Linear maps about the image's centre, (N, 2, 2), as from `flip_and_rotation`; None: none.
        parameters: Parameters of the views.
        source: Side of the images in px.
    """
    if before is None:
        return parameters
    middle = (source - 1) / 2
    linear = before @ parameters.maps[:, :, :2]
    offset = before @ (parameters.maps[:, :, 2:] - middle) + middle
    return replace(parameters, maps=np.concatenate([linear, offset], axis=2))


def draw_parameters(
    keys: NDArray[np.uint64], augmentation: Augmentation, source: int, size: int, *, seed: int, epoch: int, view: int
) -> ViewParameters:
    """Draw the parameters of one view of each image.

    Args:
        keys: Image keys (`hilum.draws.image_keys`), (N,).
        augmentation: Ranges.
        source, size: Side of images and views in px.
        seed, epoch, view: As in `hilum.draws.uniforms`.

    Returns:
        Parameters; row i depends on keys[i] and the other arguments only.
    """
    draws = uniforms(seed, keys, _DRAWS, epoch=epoch, view=view).T
    half, centre = _window(draws[0:4], augmentation.crop_area, augmentation.crop_aspect)
    angle = np.deg2rad(augmentation.rotate * (2 * draws[4] - 1))
    shift = 2 * augmentation.shift * (2 * draws[5:7].T - 1)
    scale = _between(draws[7], augmentation.scale)
    mirror = np.where(draws[8] < augmentation.flip, -1.0, 1.0)
    turned = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
    lungs = np.empty((len(keys), 0, 2))
    if augmentation.keep_lungs > 0 or augmentation.erase_lungs < 1:
        lungs = lung_points() @ turned * scale[:, None, None] + shift[:, None]
    if augmentation.keep_lungs > 0:
        half, centre = enlarge_window(half, centre, lungs, augmentation.keep_lungs)

    # View -> source: mirror, into the crop, then undo shift, scale and rotation.
    back = turned / scale[:, None, None]
    linear = back * np.stack([mirror * half[:, 0], half[:, 1]], axis=1)[:, None, :]
    offset = back @ (centre - shift)[:, :, None]
    jittered = draws[13] < augmentation.jitter_probability
    visible = (lungs - centre[:, None]) / half[:, None] * np.stack([mirror, np.ones_like(mirror)], axis=1)[:, None]
    return ViewParameters(
        maps=_in_pixels(np.concatenate([linear, offset], axis=2), source, size),
        brightness=np.where(jittered, 1 + augmentation.brightness * (2 * draws[9] - 1), 1.0),
        contrast=np.where(jittered, 1 + augmentation.contrast * (2 * draws[10] - 1), 1.0),
        sigma=np.where(draws[11] < augmentation.blur_probability, _between(draws[12], augmentation.blur_sigma), 0.0),
        finish=_finish(draws, jittered, visible, augmentation, size),
    )


def footprints(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the extent of a view pixel in the source along x and y, (N, 2), in source px.

    A square pixel maps to a parallelogram, which is replaced by an axis-aligned box with the same second moments.
    """
    return np.hypot(maps[:, :, 0], maps[:, :, 1])


def _window(
    draws: NDArray[np.float64], area: tuple[float, float], aspect: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw half sides and centre, (N, 2) each, of a rectangle in [-1, 1]² from uniform draws (4, N)."""
    covered = _between(draws[0], area)
    # The rectangle fits into the square if its aspect is between its area and the inverse.
    low, high = (np.log(np.clip(end, covered, 1 / covered)) for end in aspect)
    ratio = np.exp(low + draws[1] * (high - low))
    half = np.stack([np.sqrt(covered * ratio), np.sqrt(covered / ratio)], axis=1)
    return half, (2 * draws[2:4].T - 1) * (1 - half)


def _finish(
    draws: NDArray[np.float64],
    jittered: NDArray[np.bool_],
    lungs: NDArray[np.float64],
    augmentation: Augmentation,
    size: int,
) -> Finish | None:
    """Draw the parameters after the blur; `lungs`, (N, K, 2), in the view's coordinates."""
    erases = augmentation.erase_probability > 0
    if not (
        erases or augmentation.gamma != (1.0, 1.0) or augmentation.solarize_probability > 0 or augmentation.noise[1] > 0
    ):
        return None
    low, high = np.log(augmentation.gamma)
    half, centre = _window(draws[20:24], augmentation.erase_area, augmentation.erase_aspect)
    if augmentation.erase_lungs < 1:
        half = shrink_window(half, centre, lungs, augmentation.erase_lungs)
    # Erase the pixels whose centre is in the rectangle.
    edges = np.stack([centre - half, centre + half], axis=2)[:, ::-1].reshape(-1, 4)
    pixels = np.ceil((edges + 1) * (size / 2) - 0.5).clip(0, size).astype(np.int64)
    return Finish(
        gamma=np.where(jittered, np.exp(low + draws[14] * (high - low)), 1.0),
        solarized=draws[15] < augmentation.solarize_probability,
        noise=_between(draws[16], augmentation.noise),
        noise_keys=(draws[17:19].T * 2.0**32).astype(np.uint64),
        erased=np.where((draws[19] < augmentation.erase_probability)[:, None], pixels, 0),
    )


def _between(draw: NDArray[np.float64], ends: tuple[float, float]) -> NDArray[np.float64]:
    return ends[0] + draw * (ends[1] - ends[0])


def _in_pixels(maps: NDArray[np.float64], source: int, size: int) -> NDArray[np.float64]:
    """Convert maps between squares [-1, 1]² to maps between pixel indices."""
    linear = maps[:, :, :2] * (source / size)
    offset = maps[:, :, 2] * (source / 2) + (source - 1) / 2 - linear.sum(axis=2) * ((size - 1) / 2)
    return np.concatenate([linear, offset[:, :, None]], axis=2)
