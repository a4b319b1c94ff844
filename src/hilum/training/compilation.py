"""`torch.compile` of encoder blocks, if it is measured to be faster and to give the same results.

Blocks are compiled separately: identical blocks share the compiled code, which takes a fraction of the time of a whole
network, and hooks on the encoder keep working. Only training steps run compiled; validation, probes and prediction do
not.
"""

import copy
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hilum.encoders.zoo import Encoder
from hilum.training.settings import Compile

Code = Literal[
    "off",
    "compiled",
    "not_faster",
    "too_short",
    "failed",
    "differs",
    "nothing_to_compile",
    "several_processes",
    "activation_checkpointing",
]
BACKEND = "inductor"
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2, torch.float16: 5e-2}
"""Maximum relative difference of loss and gradient of a step from eager mode, by dtype. Measured on a CPU in float32:
1e-5 or less."""
LEAST_GAIN = 0.05
"""Minimum fraction of the step time that compilation must save."""
LEAST_SECONDS = 300.0
"""Minimum duration of a run in s; compilation takes 30 to 120 s."""
STEPS_TIMED = 5
MOST_GRAPHS = 64
"""Recompilation limit: block types × view sizes × modes; torch's 8 are too few for ConvNeXt with multi-crop."""


@dataclass(frozen=True)
class Compilation:
    """Decision whether a run is compiled, with its reason.

    Attributes:
        code: "compiled", or the reason against it: "off" (requested, or default on a CPU), "not_faster", "too_short",
            "failed", "differs" (beyond `TOLERANCE`), "nothing_to_compile" (no encoder trains), "several_processes",
            "activation_checkpointing".
        eager_seconds, compiled_seconds: Median time of forward and backward pass of a step; None: not measured.
        difference: Relative difference of loss and gradient; None: not measured.
        reason: torch's message after a failure.
    """

    code: Code
    eager_seconds: float | None = None
    compiled_seconds: float | None = None
    difference: float | None = None
    reason: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return a dictionary for JSON."""
        return asdict(self)


class CompiledBlocks:
    """Compiled blocks of encoders, used while `active`.

    Args:
        encoders: Encoders; changed only while active.
    """

    def __init__(self, encoders: Iterable[Encoder]) -> None:
        self.units = [unit for encoder in encoders for block in encoder.blocks[1:] for unit in _units(block)]
        self._calls: list[Callable[..., Any]] = []
        options = {"fallback_random": True} if BACKEND == "inductor" else None  # the same dropout as in eager mode
        for unit in self.units:
            unit.compile(backend=BACKEND, dynamic=False, options=options)
            self._calls.append(unit._compiled_call_impl)  # type: ignore[arg-type]
            unit._compiled_call_impl = None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Use the compiled blocks within the context."""
        import torch._dynamo

        for unit, call in zip(self.units, self._calls, strict=True):
            unit._compiled_call_impl = call
        try:
            with warnings.catch_warnings(), torch._dynamo.config.patch(recompile_limit=MOST_GRAPHS):
                warnings.simplefilter("ignore")  # of the compiler itself
                yield
        finally:
            for unit in self.units:
                unit._compiled_call_impl = None


def decide_compilation(
    requested: Compile,
    trainable: nn.Module,
    loss_of: Callable[[nn.Module], Tensor],
    *,
    device: torch.device,
    dtype: torch.dtype,
    steps: int,
    processes: int = 1,
    activation_checkpointing: bool = False,
) -> Compilation:
    """Decide whether to compile a run, by a trial on a copy.

    Args:
        requested: "on": if it works; "auto": if it works and is faster, on a GPU only; "off".
        trainable: Module, not changed.
        loss_of: Function of the module or a copy to the loss of the run's first batch.
        device: Device of the run.
        dtype: Dtype of matrix products.
        steps: Remaining optimiser steps.
        processes: Number of processes.
        activation_checkpointing: As in `TrainingSettings`.
    """
    if requested == "off" or (requested == "auto" and device.type != "cuda"):
        return Compilation("off")
    if activation_checkpointing:
        return Compilation("activation_checkpointing")
    if processes > 1 and requested == "auto":
        return Compilation("several_processes")
    tried = copy.deepcopy(trainable)
    encoders = [module for module in tried.modules() if isinstance(module, Encoder)]
    if not any(parameter.requires_grad for encoder in encoders for parameter in encoder.parameters()):
        return Compilation("nothing_to_compile")
    eager = _timed(tried, loss_of, device)
    if requested == "auto" and eager.seconds * steps < LEAST_SECONDS:
        return Compilation("too_short", eager.seconds)
    tried = copy.deepcopy(trainable)
    try:
        blocks = CompiledBlocks(module for module in tried.modules() if isinstance(module, Encoder))
        with blocks.active():
            compiled = _timed(tried, loss_of, device)
    except Exception as error:  # noqa: BLE001 - whatever the compiler cannot handle runs in eager mode
        text = " ".join(str(error).split())
        return Compilation("failed", eager.seconds, reason=f"{type(error).__name__}: {text}"[:300])
    apart = compiled.difference(eager)
    found = eager.seconds, compiled.seconds, apart
    if not apart <= TOLERANCE[dtype]:
        return Compilation("differs", *found)
    if requested == "auto" and compiled.seconds > (1 - LEAST_GAIN) * eager.seconds:
        return Compilation("not_faster", *found)
    return Compilation("compiled", *found)


@dataclass(frozen=True)
class _Timed:
    seconds: float
    loss: float
    gradient: Tensor

    def difference(self, other: "_Timed") -> float:
        of_loss = abs(self.loss - other.loss) / max(abs(other.loss), 1e-12)
        of_gradient = float((self.gradient - other.gradient).norm() / other.gradient.norm().clamp(min=1e-12))
        return max(of_loss, of_gradient)


def _timed(tried: nn.Module, loss_of: Callable[[nn.Module], Tensor], device: torch.device) -> _Timed:
    """Return loss and gradient of the first step, and the median time of the steps after the first two."""
    first: tuple[float, Tensor] | None = None
    seconds = []
    for _ in range(2 + (STEPS_TIMED if device.type == "cuda" else 1)):
        tried.zero_grad()
        began = _now(device)
        torch.manual_seed(0)
        loss = loss_of(tried)
        loss.backward()  # type: ignore[no-untyped-call]
        seconds.append(_now(device) - began)
        if first is None:
            gradients = [each.grad.float().flatten() for each in tried.parameters() if each.grad is not None]
            first = float(loss.detach()), torch.cat(gradients)
    assert first is not None
    return _Timed(sorted(seconds[2:])[len(seconds[2:]) // 2], *first)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _units(block: nn.Module) -> list[nn.Module]:
    """List the modules of a block that are called separately."""
    if isinstance(block, nn.ModuleList | nn.Sequential):
        return [unit for part in block for unit in _units(part)]
    return [block] if any(True for _ in block.parameters()) else []
