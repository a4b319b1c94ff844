"""Views on GPUs: the arithmetic of `hilum.augment.kernel` in tensor operations.

Only element-wise operations and gathers, accumulated tap by tap: unlike convolutions and matrix products, results do
not depend on the rest of the batch. Taps that an image does not need have weight zero.
"""

import math

import numpy as np
import torch
from torch import Tensor

from hilum.augment.finish import MEAN_STEPS, finish_with_tensors
from hilum.augment.kernel import BLUR_REACH
from hilum.augment.parameters import ViewParameters, footprints
from hilum.data.transfer import to_device


def render_views_with_tensors(images: Tensor, parameters: ViewParameters, size: int) -> Tensor:
    """Render views of a batch on any device.

    Coordinates are float32: errors up to 1e-4 of the gray range on images of up to 1,024 px per side.

    Args:
        images: Images, (N, S, S), uint8 or float in [0, 1].
        parameters: Parameters, one row per image.
        size: Side of the views in px, T.

    Returns:
        (N, T, T), float32 in [0, 1], on the device of `images`.
    """
    views = _resample(images, parameters, size)
    if (parameters.brightness != 1).any() or (parameters.contrast != 1).any():
        views = _adjust(views, parameters)
    if parameters.sigma.any():
        views = _blur(views, parameters)
    return views if parameters.finish is None else finish_with_tensors(views, parameters.finish)


def _resample(images: Tensor, parameters: ViewParameters, size: int) -> Tensor:
    count, side = len(images), images.shape[-1]
    extents = footprints(parameters.maps)
    maps = to_device(parameters.maps, images.device, torch.float32)
    steps = torch.arange(size, dtype=torch.float32, device=images.device)
    across, down = steps[None, None, :], steps[None, :, None]
    axes = []
    on_device = to_device(extents, images.device, torch.float32)
    for axis, extent_of_axis in enumerate(on_device.unbind(1)):
        along_x, along_y, offset = maps[:, axis, :, None, None].unbind(1)
        position = along_x * across + (along_y * down + offset)
        extent = extent_of_axis[:, None, None]
        axes.append(_axis_taps(position, extent, side, 1 + math.ceil(max(extents[:, axis].max(), 1.0))))
    flat = images.reshape(count, -1)
    grey = torch.zeros(count, size * size, device=images.device)
    for row, weight_y in axes[1]:
        line = torch.zeros_like(grey)
        for column, weight_x in axes[0]:
            pixels = flat.gather(1, (row * side + column).flatten(1)).float()
            line = line + weight_x.flatten(1) * pixels
        grey = grey + weight_y.flatten(1) * line
    white = 255.0 if images.dtype == torch.uint8 else 1.0
    return (grey / white).clamp(max=1.0).reshape(count, size, size)


def _axis_taps(position: Tensor, extent: Tensor, side: int, taps: int) -> list[tuple[Tensor, Tensor]]:
    """Compute pixel indices and weights, (N, T, T) each, of every tap along one axis."""
    box = extent.clamp(min=1.0)
    low, high = position - box / 2, position + box / 2
    inside = (position + extent / 2).clamp(max=side - 0.5) - (position - extent / 2).clamp(min=-0.5)
    covered = (inside / extent).clamp(0.0, 1.0)
    first = (low + 0.5).floor()
    found = []
    for tap in range(taps):
        pixel = first + tap
        weight = (torch.minimum(high, pixel + 0.5) - torch.maximum(low, pixel - 0.5)).clamp(min=0.0) / box
        # With minification, the part of the footprint outside is black; otherwise the outermost pixel is extended.
        beyond = ((pixel < 0) | (pixel > side - 1)) & (extent > 1.0)
        weight = torch.where(beyond, 0.0, weight) * torch.where(extent > 1.0, 1.0, covered)
        found.append((pixel.clamp(0, side - 1).long(), weight))
    return found


def _adjust(views: Tensor, parameters: ViewParameters) -> Tensor:
    device = views.device
    factors = to_device(np.stack([parameters.brightness, parameters.contrast]), device, torch.float32)
    brightness, contrast = factors[0, :, None, None], factors[1, :, None, None]
    total = (views * MEAN_STEPS).long().sum(dim=(1, 2), keepdim=True)
    mean = total.float() / (MEAN_STEPS * views.shape[1] * views.shape[2])
    return (brightness * contrast * views + brightness * (1.0 - contrast) * mean).clamp(0.0, 1.0)


def _blur(views: Tensor, parameters: ViewParameters) -> Tensor:
    size = views.shape[-1]
    reaches = (BLUR_REACH * parameters.sigma + 0.5).astype(np.int64)
    reach = int(reaches.max())
    offsets = np.arange(-reach, reach + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = np.exp(-0.5 * (offsets / parameters.sigma[:, None]) ** 2)
    exact[:, reach] = 1.0
    exact[np.abs(offsets) > reaches[:, None]] = 0.0
    weights = to_device(exact / exact.sum(axis=1, keepdims=True), views.device, torch.float32)
    places = torch.arange(-reach, size + reach, device=views.device) % (2 * size)
    places = torch.minimum(places, 2 * size - 1 - places)
    for dimension in (2, 1):
        padded = views.index_select(dimension, places)
        views = torch.zeros_like(views)
        for tap in range(2 * reach + 1):
            views = views + weights[:, tap, None, None] * padded.narrow(dimension, tap, size)
    return views.clamp(max=1.0)
