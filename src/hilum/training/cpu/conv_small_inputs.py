"""Convolutions of small feature maps as matrix products.

Local crops and images of 32 to 64 px give feature maps of 2 x 2 or 1 x 1 in the last layers. Most of a 3 x 3 kernel
then multiplies padding in oneDNN, and its weight gradient is slow on such maps. Here each output is a product of the
valid part of its window with the matching part of the kernel. Forward and backward pass on two cores, 512 channels, 192
maps of 2 x 2: 20 to 24 ms instead of 41 to 51 in bfloat16, 38 to 46 instead of 61 to 82 in float32; 1 x 1: 3 instead of
15 to 20.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

MOST_TAPS_ON_MAP = 1 / 2
"""Maximum fraction of kernel taps on the map. For a 3 x 3 kernel: 16 of 36 on maps of 2 x 2; on maps of 3 x 3 (49 of
81) the convolution is as fast."""
NARROWEST = 128
"""Minimum input and output channels. With fewer, as in DenseNet, many small products are slower."""


class Overlap(NamedTuple):
    """Overlap of a window with the map along one axis."""

    of_map: slice
    of_kernel: slice


Overlaps = list[Overlap]
"""Overlap of each window along one axis."""


@contextmanager
def small_convolutions_as_products(module: nn.Module) -> Iterator[None]:
    """Compute convolutions of small maps in `module` as matrix products within the context: on a CPU, in training mode.

    Results equal those of the convolution up to rounding. Larger maps, grouped or dilated convolutions, those with a
    bias, evaluation mode and GPUs are not affected.
    """
    layers = [each for each in module.modules() if type(each) is nn.Conv2d and _may_multiply(each)]
    for layer in layers:
        layer.forward = partial(_forward, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _may_multiply(layer: nn.Conv2d) -> bool:
    plain = layer.groups == 1 and layer.dilation == (1, 1) and layer.padding_mode == "zeros" and layer.bias is None
    wide = min(layer.in_channels, layer.out_channels) >= NARROWEST
    return plain and wide and not isinstance(layer.padding, str) and any(layer.padding)


def _forward(layer: nn.Conv2d, maps: Tensor) -> Tensor:
    if layer.training and maps.device.type == "cpu" and maps.ndim == 4:
        padding = cast(tuple[int, ...], layer.padding)
        rows, columns = map(overlaps, maps.shape[2:], layer.kernel_size, layer.stride, padding)
        fraction = fraction_on_map(rows, layer.kernel_size[0]) * fraction_on_map(columns, layer.kernel_size[1])
        if fraction <= MOST_TAPS_ON_MAP:
            return _multiplied(maps, layer.weight, rows, columns)
    return nn.Conv2d.forward(layer, maps)


def _multiplied(maps: Tensor, weight: Tensor, rows: Overlaps, columns: Overlaps) -> Tensor:
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else maps.dtype
    with torch.autocast("cpu", enabled=False):
        product: Tensor = _Product.apply(maps.to(dtype), weight, rows, columns)
        return product


def overlaps(length: int, kernel: int, stride: int, padding: int) -> Overlaps:
    """Compute the overlap of each window of a convolution with the map along one axis.

    Args:
        length: Length of the map.
        kernel, stride, padding: Parameters of the convolution.
    """
    met = []
    for start in range(-padding, length + padding - kernel + 1, stride):
        first = max(start, 0)
        stop = max(min(start + kernel, length), first)
        met.append(Overlap(slice(first, stop), slice(first - start, stop - start)))
    return met


def fraction_on_map(met: Overlaps, kernel: int) -> float:
    """Return the fraction of kernel taps on the map along one axis; 1 without windows."""
    return sum(each.of_map.stop - each.of_map.start for each in met) / (len(met) * kernel) if met else 1.0


class _Product(torch.autograd.Function):
    """Convolution of maps (N, C, H, W) with a kernel (O, C, h, w) in the maps' dtype, to (N, O, rows, columns).

    Gradients are summed over outputs in float32 or wider, as in torch's convolution.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, rows: Overlaps, columns: Overlaps) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.rows, ctx.columns = rows, columns
        images, kernel = _channels_last(maps), _channels_last(weight.to(maps.dtype))
        outputs = [
            torch.stack(
                [
                    _part(images, row.of_map, column.of_map) @ _part(kernel, row.of_kernel, column.of_kernel).T
                    for column in columns
                ],
                1,
            )
            for row in rows
        ]
        return torch.stack(outputs, 1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        images, kernel = _channels_last(maps), _channels_last(weight.to(maps.dtype))
        of_images = torch.zeros_like(images, dtype=torch.promote_types(images.dtype, torch.float32))
        of_kernel = torch.zeros_like(_channels_last(weight))
        for y, row in enumerate(ctx.rows):
            for x, column in enumerate(ctx.columns):
                of_output = gradient[:, :, y, x].contiguous()
                if ctx.needs_input_grad[0]:
                    met = of_images[:, row.of_map, column.of_map]
                    met += (of_output @ _part(kernel, row.of_kernel, column.of_kernel)).view_as(met)
                if ctx.needs_input_grad[1]:
                    met = of_kernel[:, row.of_kernel, column.of_kernel]
                    met += (of_output.T @ _part(images, row.of_map, column.of_map)).view_as(met)
        return of_images.to(images.dtype).permute(0, 3, 1, 2), of_kernel.permute(0, 3, 1, 2), None, None


def _channels_last(values: Tensor) -> Tensor:
    return values.permute(0, 2, 3, 1)


def _part(values: Tensor, rows: slice, columns: slice) -> Tensor:
    """Return a part of maps as (N, values), without a copy if it is the whole map in channels-last format."""
    return values[:, rows, columns].flatten(1)
