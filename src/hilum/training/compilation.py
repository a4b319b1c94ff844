"""Compiled encoders: `torch.compile` of each block, where it was measured to pay and computes the same.

Blocks are compiled one by one: blocks that are built alike share what is compiled, so that it takes a fraction of the
time of a whole network, and what is hooked onto an encoder keeps its effect. Only the training steps run compiled;
validation, probes and scoring stay as they are.
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
"""Of loss and gradient of a step, relative to what is not compiled, by what products are computed in. Measured on a
CPU in float32: 1e-5 and less."""
LEAST_GAIN = 0.05
"""Share of a step's time that compiling has to save."""
LEAST_SECONDS = 300.0
"""Shorter runs are not compiled: compiling takes half a minute to two."""
STEPS_TIMED = 5
MOST_GRAPHS = 64
"""Kinds of blocks times sizes of views times modes; torch's 8 are too few for a multi-crop ConvNeXt."""


@dataclass(frozen=True)
class Compilation:
    """Whether a run was compiled, and why.

    Attributes:
        code: "compiled", or why it was not: "off" as asked, or by default on a CPU; "not_faster", "too_short",
            "failed", "differs" beyond `TOLERANCE`, "nothing_to_compile" (no encoder trains), "several_processes",
            "activation_checkpointing" (activations that are computed again).
        eager_seconds, compiled_seconds: of the forward and backward pass of a step, medians; None where not measured.
        difference: of loss and gradient, relative; None where not measured.
        reason: torch's message, where it failed.
    """

    code: Code
    eager_seconds: float | None = None
    compiled_seconds: float | None = None
    difference: float | None = None
    reason: str = ""

    def as_data(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


class CompiledBlocks:
    """The blocks of encoders, compiled; in effect while `active`.

    Args:
        encoders: changed only while active.
    """

    def __init__(self, encoders: Iterable[Encoder]) -> None:
        self.units = [unit for encoder in encoders for block in encoder.blocks[1:] for unit in _units(block)]
        self._calls: list[Callable[..., Any]] = []
        options = {"fallback_random": True} if BACKEND == "inductor" else None  # dropout as without
        for unit in self.units:
            unit.compile(backend=BACKEND, dynamic=False, options=options)
            self._calls.append(unit._compiled_call_impl)  # type: ignore[arg-type]
            unit._compiled_call_impl = None

    @contextmanager
    def active(self) -> Iterator[None]:
        """While open, calling a block calls what was compiled."""
        import torch._dynamo

        for unit, call in zip(self.units, self._calls, strict=True):
            unit._compiled_call_impl = call
        try:
            with warnings.catch_warnings(), torch._dynamo.config.patch(recompile_limit=MOST_GRAPHS):
                warnings.simplefilter("ignore")  # of the compiler, about its own looking around
                yield
        finally:
            for unit in self.units:
                unit._compiled_call_impl = None


def decide_compilation(
    asked: Compile,
    trainable: nn.Module,
    loss_of: Callable[[nn.Module], Tensor],
    *,
    device: torch.device,
    dtype: torch.dtype,
    steps: int,
    processes: int = 1,
    activation_checkpointing: bool = False,
) -> Compilation:
    """Whether a run must be compiled; tried on a copy, so that no run is changed by it.

    Args:
        asked: "on": wherever it works; "auto": where it works and was measured to pay, on a GPU only; "off".
        trainable: left as it is.
        loss_of: the loss of the run's first batch, of the trainable or a copy of it.
        device: of the run.
        dtype: that products are computed in.
        steps: that are left.
        processes: that train together.
        activation_checkpointing: as in `TrainingSettings`.
    """
    if asked == "off" or (asked == "auto" and device.type != "cuda"):
        return Compilation("off")
    if activation_checkpointing:
        return Compilation("activation_checkpointing")
    if processes > 1 and asked == "auto":
        return Compilation("several_processes")
    tried = copy.deepcopy(trainable)
    encoders = [module for module in tried.modules() if isinstance(module, Encoder)]
    if not any(parameter.requires_grad for encoder in encoders for parameter in encoder.parameters()):
        return Compilation("nothing_to_compile")
    eager = _timed(tried, loss_of, device)
    if asked == "auto" and eager.seconds * steps < LEAST_SECONDS:
        return Compilation("too_short", eager.seconds)
    tried = copy.deepcopy(trainable)
    try:
        blocks = CompiledBlocks(module for module in tried.modules() if isinstance(module, Encoder))
        with blocks.active():
            compiled = _timed(tried, loss_of, device)
    except Exception as error:  # noqa: BLE001 - whatever a compiler does not take, the run goes on without it
        text = " ".join(str(error).split())
        return Compilation("failed", eager.seconds, reason=f"{type(error).__name__}: {text}"[:300])
    apart = compiled.difference(eager)
    found = eager.seconds, compiled.seconds, apart
    if not apart <= TOLERANCE[dtype]:
        return Compilation("differs", *found)
    if asked == "auto" and compiled.seconds > (1 - LEAST_GAIN) * eager.seconds:
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
    """Loss and gradient of the first step, and the median time of those behind the first two."""
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
    """What is called of a block, part by part."""
    if isinstance(block, nn.ModuleList | nn.Sequential):
        return [unit for part in block for unit in _units(part)]
    return [block] if any(True for _ in block.parameters()) else []
