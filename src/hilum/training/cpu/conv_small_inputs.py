"""Convolutions of maps smaller than their kernel, as products of matrices.

Local views, and images of 32 to 64 pixels, leave the last layers of a convolutional encoder maps of 2 x 2 or of one
position. Most of a 3 x 3 kernel then lies on padding, which oneDNN multiplies, too: nine taps for one position at
worst; and its gradient of the weights is slow on such maps. Here an output is one product: of what its window holds of
the map with the part of the kernel that lies on it. Forward and back on two cores, 512 channels, 192 maps of 2 x 2: 20
to 24 ms against 41 to 51 in bfloat16, 38 to 46 against 61 to 82 in float32; of one position: 3 against 15 to 20.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

MOST_TAPS_ON_MAP = 1 / 2
"""Share of the taps of all windows. Of a 3 x 3 kernel: 16 of 36 on maps of 2 x 2; on maps of 3 x 3, where 49 of 81 are,
the convolution is as fast."""
NARROWEST = 128
"""Channels in and out. With fewer, as in the dense blocks of a DenseNet, many small products take longer."""


class Overlap(NamedTuple):
    """Where a window and the map meet, along one side."""

    of_map: slice
    of_kernel: slice


Overlaps = list[Overlap]
"""Of each window along one side."""


@contextmanager
def small_convolutions_as_products(module: nn.Module) -> Iterator[None]:
    """While open, convolutions in `module` multiply small maps without their padding, on a CPU, in training mode.

    Values are those of the convolution but for rounding. Larger maps, convolutions that are grouped, dilated or have a
    bias, evaluation mode and GPUs are left as they are.
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
        share = share_on_map(rows, layer.kernel_size[0]) * share_on_map(columns, layer.kernel_size[1])
        if share <= MOST_TAPS_ON_MAP:
            return _multiplied(maps, layer.weight, rows, columns)
    return nn.Conv2d.forward(layer, maps)


def _multiplied(maps: Tensor, weight: Tensor, rows: Overlaps, columns: Overlaps) -> Tensor:
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else maps.dtype
    with torch.autocast("cpu", enabled=False):
        product: Tensor = _Product.apply(maps.to(dtype), weight, rows, columns)
        return product


def overlaps(length: int, kernel: int, stride: int, padding: int) -> Overlaps:
    """Where each window of a convolution meets the map, along one side of both.

    Args:
        length: of the map.
        kernel, stride, padding: of the convolution.
    """
    met = []
    for start in range(-padding, length + padding - kernel + 1, stride):
        first = max(start, 0)
        stop = max(min(start + kernel, length), first)
        met.append(Overlap(slice(first, stop), slice(first - start, stop - start)))
    return met


def share_on_map(met: Overlaps, kernel: int) -> float:
    """Of the taps of all windows along one side; 1 where there is no window."""
    return sum(each.of_map.stop - each.of_map.start for each in met) / (len(met) * kernel) if met else 1.0


class _Product(torch.autograd.Function):
    """Of maps (N, C, H, W) and a kernel (O, C, h, w), in the maps' precision: (N, O, rows, columns).

    Gradients are summed over the outputs in float32 or wider, as the convolution does.
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
    """(N, values); without a copy where the part is all of it and channels come last."""
    return values[:, rows, columns].flatten(1)
