"""Computing rates of this machine: measured, from a table of machines, or estimated from a matrix product."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from hilum.artifacts import write_json
from hilum.data.patients.pseudonyms import salt_file
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.errors import HilumError

Source = Literal["measured_here", "table", "matrix_product"]
OF_ANY = "any"
UNKNOWN_FRACTION, UNKNOWN_SPREAD = 0.6, 0.5
"""Rate as a fraction of the matrix product, and its spread, for families without a measurement."""
OTHER_MACHINE = 0.15
"""Additional spread of a family that was measured on another machine."""
SPREAD_HERE = 0.2
"""Spread of rates measured on this machine, over image and batch sizes."""
STEPS_SPREAD = 0.5
"""Spread of the time of decoding, which depends on the files."""


class _Family(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    gigaflops: float = Field(gt=0)
    spread: float = Field(ge=0)
    measured: str


class _Machine(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    device: str
    kind: Literal["cpu", "cuda"]
    matrix: float = Field(gt=0)
    families: dict[str, _Family]


@dataclass(frozen=True)
class Rate:
    """Training rate of a family of encoders.

    Attributes:
        gigaflops: 10^9 operations per second.
        spread: Relative uncertainty: times are within seconds / (1 + spread) and seconds · (1 + spread).
        source: "measured_here": by `hilum study plan --measure`; "table": from the table of machines;
            "matrix_product": a matrix product measured now, times the family's fraction of it on other machines.
    """

    gigaflops: float
    spread: float
    source: Source


@dataclass(frozen=True)
class Rates:
    """Rates of this machine by family of encoders; `OF_ANY` for other families.

    Attributes:
        device: Name of the device.
        families: Rates by family.
    """

    device: str
    families: dict[str, Rate]

    def of(self, encoder: str | None) -> Rate:
        """Return the rate of an encoder; None: the rate of any encoder."""
        family = ARCHITECTURES[encoder].family if encoder else OF_ANY
        return self.families.get(_block_family(family), self.families[OF_ANY])

    def as_data(self, encoders: Sequence[str]) -> dict[str, Any]:
        """Return the rates of encoders as JSON data."""
        rows = {name: self.of(name) for name in dict.fromkeys(encoders)}
        return {
            "device": self.device,
            "encoders": {
                name: {"gigaflops": rate.gigaflops, "spread": rate.spread, "source": rate.source}
                for name, rate in rows.items()
            },
        }


def rates_of_this_machine() -> Rates:
    """Return the best known rates; takes about half a second if none was measured on this machine."""
    device, kind = device_name()
    known = {name: Rate(each["gigaflops"], each["spread"], "measured_here") for name, each in _read_own(device).items()}
    for machine in _table():
        if machine.kind == kind and machine.device == device:
            table = {name: Rate(each.gigaflops, each.spread, "table") for name, each in machine.families.items()}
            known = {OF_ANY: Rate(UNKNOWN_FRACTION * machine.matrix, UNKNOWN_SPREAD, "table")} | table | known
    if OF_ANY in known:
        return Rates(device, known)
    product = matrix_gigaflops()
    guessed = {OF_ANY: Rate(UNKNOWN_FRACTION * product, UNKNOWN_SPREAD, "matrix_product")}
    for machine in _table():
        for name, each in machine.families.items():
            fraction = each.gigaflops / machine.matrix
            guessed.setdefault(name, Rate(fraction * product, each.spread + OTHER_MACHINE, "matrix_product"))
    return Rates(device, guessed | known)


def measure_rates(encoders: Sequence[str], size: int, *, seconds: float = 5.0) -> Rates:
    """Measure encoders in a few training steps, and save their rates for this user and machine.

    Args:
        encoders: Names of encoders; the last one of a family is used.
        size: Side length of the images in pixels.
        seconds: Approximate total time in seconds, without the creation of encoders.
    """
    device, _ = device_name()
    found = {
        _block_family(ARCHITECTURES[name].family): {
            "gigaflops": trained_gigaflops(name, size, seconds=seconds / len(encoders)),
            "spread": SPREAD_HERE,
        }
        for name in encoders
    }
    own = _read_all()
    own[device] = own.get(device, {}) | found
    try:
        rates_file().parent.mkdir(parents=True, exist_ok=True)
        write_json(rates_file(), own)
    except OSError as error:
        raise HilumError(
            rates_file(), expected="to write what was measured", found=str(error), fix="Set XDG_CONFIG_HOME."
        ) from error
    return rates_of_this_machine()


def trained_gigaflops(name: str, size: int, *, seconds: float) -> float:
    """Measure the rate of the fastest training step of an encoder, in the precision of training."""
    import torch

    from hilum.encoders.zoo import create_encoder
    from hilum.study.cost import FORWARDS_A_TRAINING_STEP, forward_gigaflops
    from hilum.training.distributed.device import choose_device
    from hilum.training.precision import AUTOCAST, choose_precision

    device = choose_device("auto")
    dtype = AUTOCAST.get(choose_precision("auto", device))
    encoder = create_encoder(name, seed=0).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    batch = 128 if device.type == "cuda" else 16
    images = torch.rand(batch, 1, size, size, device=device)
    best, taken = float("inf"), 0
    began = time.perf_counter()
    while taken < 3 or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        encoder.zero_grad()
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            loss = encoder(images).square().mean()
        loss.backward()
        float(loss.detach())
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best, taken = min(best, time.perf_counter() - start), taken + 1
    return float(FORWARDS_A_TRAINING_STEP * forward_gigaflops(name, size) * batch / best)


@cache
def matrix_gigaflops() -> float:
    """Measure the rate of matrix products in the precision of training, once a process; takes about half a second."""
    import torch

    from hilum.training.distributed.device import choose_device
    from hilum.training.precision import AUTOCAST, choose_precision

    device = choose_device("auto")
    dtype = AUTOCAST.get(choose_precision("auto", device), torch.float32)
    side = 8192 if device.type == "cuda" else 1536
    matrix = torch.ones(side, side, dtype=dtype, device=device)
    products, best = 0, 0.0
    began = time.perf_counter()
    while time.perf_counter() - began < 0.4 or products < 3:
        start = time.perf_counter()
        float((matrix @ matrix)[0, 0])
        best = max(best, 2 * side**3 / (time.perf_counter() - start) / 1e9)
        products += 1
    return best


def device_name() -> tuple[str, Literal["cpu", "cuda"]]:
    """Return name and kind of the training device: the GPU, or cores and instruction set of the CPU."""
    import torch

    from hilum.training.distributed.device import choose_device

    device = choose_device("auto")
    if device.type == "cuda":
        return torch.cuda.get_device_name(device), "cuda"
    return f"CPU, {torch.get_num_threads()} of {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}", "cpu"


def rates_file() -> Path:
    """Return the path of this user's measurements."""
    return salt_file().with_name("rates.json")


def _read_all() -> dict[str, Any]:
    try:
        content = json.loads(rates_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_own(device: str) -> dict[str, Any]:
    own: dict[str, Any] = _read_all().get(device, {})
    return own


def _block_family(family: str) -> str:
    """Map families with the same blocks to one."""
    return "vit" if family in ("dinov2", "dinov3", "eva_x") else family


@cache
def _table() -> list[_Machine]:
    content = yaml.safe_load(files("hilum.study").joinpath("rates.yaml").read_text(encoding="utf-8"))
    return [_Machine.model_validate(each) for each in content["machines"]]
