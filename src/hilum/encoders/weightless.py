"""Networks without numbers, for shapes and parameter counts; and networks whose numbers are read from a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_FILLING = frozenset({"add_", "clamp_", "copy_", "erfinv_", "fill_", "mul_", "normal_", "sub_", "uniform_", "zero_"})
"""Operations of initialisation, without effect on the meta device."""
_DRAWING = frozenset(
    {
        "erfinv_",
        "kaiming_normal_",
        "kaiming_uniform_",
        "normal_",
        "trunc_normal_",
        "uniform_",
        "xavier_normal_",
        "xavier_uniform_",
    }
)
"""Operations that draw random weights."""


class _Undrawn(TorchFunctionMode):
    """Skip random initialisation."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if getattr(func, "__name__", "") in _DRAWING:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


class _Unfilled(TorchFunctionMode):
    """Skip initialisation of meta tensors, which takes milliseconds per call."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if args and isinstance(args[0], Tensor) and args[0].is_meta and getattr(func, "__name__", "") in _FILLING:
            return args[0]
        return func(*args, **(kwargs or {}))


@contextmanager
def weightless() -> Iterator[None]:
    """Build networks on the meta device without initialisation.

    >>> with weightless():
    ...     layer = torch.nn.Linear(3, 2)
    >>> layer.weight.device, layer.weight.shape
    (device(type='meta'), torch.Size([2, 3]))
    """
    with torch.device("meta"), _Unfilled():
        yield


@contextmanager
def undrawn() -> Iterator[None]:
    """Build networks whose weights are all read from a file afterwards: random initialisation is skipped.

    It takes most of the time of building a network. Weights are then undefined; buffers have their values.

    >>> with undrawn():
    ...     layer = torch.nn.Linear(3, 2)
    >>> layer.weight.device, layer.weight.shape
    (device(type='cpu'), torch.Size([2, 3]))
    """
    with _Undrawn():
        yield
