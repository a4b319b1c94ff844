"""Asynchronous transfers between host and GPU.

A copy from pageable memory to a GPU waits for all queued work and blocks the queueing of more. A copy from page-locked
memory is only queued.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_device(values: NDArray[Any] | Tensor, device: torch.device | str, dtype: torch.dtype | None = None) -> Tensor:
    """Return host values as a tensor on a device.

    Args:
        values: Array, or tensor; a tensor that is already on the device is returned as it is.
        device: Target device.
        dtype: Type after conversion on the host; None keeps the type.

    Returns:
        On a CPU the values themselves if no conversion is needed; on a GPU a copy in the current stream, before all
        later work of that stream.
    """
    device = torch.device(device)
    here = torch.from_numpy(np.require(values, requirements=["C", "W"])) if isinstance(values, np.ndarray) else values
    here = here if dtype is None else here.to(dtype)
    if device.type != "cuda" or here.device.type == "cuda":
        return here.to(device)
    return here.pin_memory().to(device, non_blocking=True)


class Awaited:
    """Numbers on their way to the host; reading them waits only for earlier work of the GPU.

    `Tensor.item` waits for all queued work, also for work queued after the number. Here the copy is queued directly
    after the computation of the number.

    Args:
        value: A scalar, or one row of numbers.
    """

    def __init__(self, value: Tensor) -> None:
        self._event: torch.cuda.Event | None = None
        self._value = value
        if value.device.type == "cuda":
            self._value = torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
            self._value.copy_(value, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()

    def get(self) -> float:
        """Wait for a scalar and return it."""
        (value,) = self.tolist()
        return value

    def tolist(self) -> list[float]:
        """Wait for all numbers and return them."""
        if self._event is not None:
            self._event.synchronize()
        return [float(value) for value in self._value.reshape(-1).tolist()]
