"""Networks without numbers, whose shapes are all that is asked of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_FILLING = frozenset({"add_", "clamp_", "copy_", "erfinv_", "fill_", "mul_", "normal_", "sub_", "uniform_", "zero_"})
"""What initialisation is made of: of tensors on the meta device, these change nothing."""


class _Unfilled(TorchFunctionMode):
    """Leave out what only fills tensors without numbers; on the meta device some of it takes milliseconds each."""

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
    """Build networks on the meta device, without the time that their initialisation takes there.

    >>> with weightless():
    ...     layer = torch.nn.Linear(3, 2)
    >>> layer.weight.device, layer.weight.shape
    (device(type='meta'), torch.Size([2, 3]))
    """
    with torch.device("meta"), _Unfilled():
        yield
