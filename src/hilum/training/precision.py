"""What the arithmetic runs on, and in which precision."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from hilum.errors import HilumError
from hilum.training.ranks import rank, world_size
from hilum.training.settings import Device, Precision


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


def choose_precision(requested: Precision = "auto", device: torch.device | None = None) -> Literal["bf16", "fp32"]:
    """Precision of the products: "auto" is bfloat16 where the hardware multiplies in it.

    Weights, optimiser state and losses stay in float32 (autocast). Measured for ResNet-18 on a CPU with AVX-512 BF16,
    224 px: 2.0 times the images a second of float32.

    Args:
        requested: "bf16" and "fp32" are taken at their word; bfloat16 without hardware for it works, but slowly.
        device: where it will run; None: `choose_device()`.
    """
    if requested != "auto":
        return requested
    device = device or choose_device()
    return "bf16" if (_gpu_has_bf16(device) if device.type == "cuda" else _cpu_has_bf16()) else "fp32"


def _gpu_has_bf16(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device) >= (8, 0)


def _cpu_has_bf16() -> bool:
    # torch 2.11 may lack this; float32 is then the safe choice
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16"))


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Ask torch for the same bits every time, and leave its flags as they were.

    On a CPU an operation without a deterministic kernel is an error. On a GPU torch warns instead: some pooling
    gradients have none there. The same number of CPU threads is up to the caller, since it is part of the arithmetic.
    """
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, fill = torch.backends.cudnn.benchmark, torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it once, at its first product
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    torch.backends.cudnn.benchmark = False
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
