"""Choice of the device of a process."""

from typing import get_args

import torch

from hilum.errors import HilumError
from hilum.training.distributed import rank, world_size
from hilum.training.settings import Device


def choose_device(requested: Device = "auto") -> torch.device:
    """Return the GPU of this process (by rank), or the CPU.

    Raises:
        HilumError: Another name, or a GPU is requested but not available to torch.
    """
    if requested not in get_args(Device):
        expected = f"one of {', '.join(get_args(Device))}"
        raise HilumError("device", expected=expected, found=str(requested), fix="Use device auto.")
    available = torch.cuda.is_available()
    if requested == "cuda" and not available:
        raise HilumError("device", expected="a GPU", found="none that torch can use", fix="Use device auto or cpu.")
    if not available or requested == "cpu":
        return torch.device("cpu")
    return torch.device("cuda", rank() % torch.cuda.device_count() if world_size() > 1 else 0)
