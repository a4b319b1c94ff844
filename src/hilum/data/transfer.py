"""From the host to the device without making either wait for the other.

A copy from ordinary memory to a GPU waits until the GPU has done all that it was given before, and while it waits
nothing new is given to it. A copy from page-locked memory is only put in line.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_device(values: NDArray[Any] | Tensor, device: torch.device | str, dtype: torch.dtype | None = None) -> Tensor:
    """A tensor of host values on a device.

    Args:
        values: an array, or a tensor in host memory; a tensor that is on the device already is given back.
        device: where to.
        dtype: converted on the host; None keeps it.

    Returns:
        On a CPU the values themselves where nothing has to be converted; on a GPU a copy that is put in line, behind
        which whatever uses it stands by itself.
    """
    device = torch.device(device)
    here = torch.from_numpy(np.require(values, requirements=["C", "W"])) if isinstance(values, np.ndarray) else values
    here = here if dtype is None else here.to(dtype)
    if device.type != "cuda" or here.device.type == "cuda":
        return here.to(device)
    return here.pin_memory().to(device, non_blocking=True)


class Awaited:
    """Numbers on their way to the host; asked for later, they make it wait for what comes before them and no more.

    Reading a GPU's number waits for all work in line, also for what was put in line after the number. Here the copy
    stands in line where the number does.

    Args:
        value: a scalar, or one row of numbers.
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
        """The number of a scalar."""
        (value,) = self.tolist()
        return value

    def tolist(self) -> list[float]:
        """All numbers."""
        if self._event is not None:
            self._event.synchronize()
        return [float(value) for value in self._value.reshape(-1).tolist()]
