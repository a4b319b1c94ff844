"""The device that a process computes on."""

import torch

from hilum.errors import HilumError
from hilum.training.distributed import rank, world_size
from hilum.training.settings import Device


def choose_device(requested: Device = "auto") -> torch.device:
    """The first GPU, or the CPU. Each of several processes on a machine has a GPU of its own, where there are as many.

    Raises:
        HilumError: a GPU is asked for and torch sees none.
    """
    there = torch.cuda.is_available()
    if requested == "cuda" and not there:
        raise HilumError("device", expected="a GPU", found="none that torch can use", fix="Use device auto or cpu.")
    if not there or requested == "cpu":
        return torch.device("cpu")
    return torch.device("cuda", rank() % torch.cuda.device_count() if world_size() > 1 else 0)
