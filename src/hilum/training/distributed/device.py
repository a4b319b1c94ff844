"""Choice of the device of a process."""

import torch

from hilum.errors import HilumError
from hilum.training.distributed import rank, world_size
from hilum.training.settings import Device


def choose_device(requested: Device = "auto") -> torch.device:
    """Return the GPU of this process (by rank), or the CPU.

    Raises:
        HilumError: A GPU is requested but not available to torch.
    """
    available = torch.cuda.is_available()
    if requested == "cuda" and not available:
        raise HilumError("device", expected="a GPU", found="none that torch can use", fix="Use device auto or cpu.")
    if not available or requested == "cpu":
        return torch.device("cpu")
    return torch.device("cuda", rank() % torch.cuda.device_count() if world_size() > 1 else 0)
