"""Precision of training (bf16, fp16, fp32) and deterministic algorithms."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch

from hilum.errors import HilumError
from hilum.training.distributed.device import choose_device
from hilum.training.settings import Precision

if TYPE_CHECKING:
    from lightning.fabric.plugins import Precision as Arithmetic

ResolvedPrecision = Literal["bf16", "fp16", "fp32"]
"""Precision without "auto"."""

AUTOCAST: Mapping[ResolvedPrecision, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""Autocast dtype of matrix products by precision; none for fp32."""


def choose_precision(requested: Precision = "auto", device: torch.device | None = None) -> ResolvedPrecision:
    """Resolve the precision: "auto" is bf16 with hardware support, otherwise fp32.

    Weights, optimiser state and losses are float32 (autocast). Measured for ResNet-18 on a CPU with AVX-512 BF16, 224
    px: 2.0 times the images per second of float32.

    Args:
        requested: "bf16", "fp16" and "fp32" are returned unchanged; bf16 without hardware support is slow.
        device: Device; None: `choose_device()`.

    Raises:
        HilumError: "fp16" on a CPU.
    """
    device = device or choose_device()
    if requested == "fp16" and device.type != "cuda":
        raise HilumError("precision", expected="bf16 or fp32 on a CPU", found="fp16", fix="Use auto, or a GPU.")
    if requested != "auto":
        return requested
    return "bf16" if (_gpu_has_bf16(device) if device.type == "cuda" else _cpu_has_bf16()) else "fp32"


def arithmetic(precision: ResolvedPrecision, device: torch.device) -> "Arithmetic":
    """Return Fabric's precision plugin: autocast, and loss scaling for fp16.

    The scale halves after an overflow of gradients, which skips the step, and doubles after 2,000 steps without one
    (Micikevicius et al., "Mixed precision training", ICLR 2018, §3.2). Its `state_dict` is part of checkpoints.
    """
    # imported here, since Lightning loads torch's compiler, which prediction does not need
    from lightning.fabric.plugins import MixedPrecision, Precision as Arithmetic

    if precision == "fp32":
        return Arithmetic()
    return MixedPrecision("bf16-mixed" if precision == "bf16" else "16-mixed", device.type)


def _gpu_has_bf16(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device) >= (8, 0)


def _cpu_has_bf16() -> bool:
    # may be missing in torch; then float32
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16"))


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Use deterministic algorithms within the context, and restore torch's flags.

    On a CPU, an operation without deterministic kernel raises an error; on a GPU torch warns, since some pooling
    gradients have none. Results also depend on the number of CPU threads, which the caller sets.
    """
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, fill = torch.backends.cudnn.benchmark, torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read by cuBLAS at its first product
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    torch.backends.cudnn.benchmark = False
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
