"""What this machine computes in a second: measured here, from the table of measured machines, or guessed from both."""

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
UNKNOWN_SHARE, UNKNOWN_SPREAD = 0.6, 0.5
"""Of the matrix product, of families that were measured nowhere."""
OTHER_MACHINE = 0.15
"""Added to the spread of a family that is estimated by its share of another machine's matrix product."""
SPREAD_HERE = 0.2
"""Of what was measured here in a second or two, over other sizes and batches."""
STEPS_SPREAD = 0.5
"""Of decoding, which goes with the files."""


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
    """What one family of encoders trains at.

    Attributes:
        gigaflops: 10^9 operations a second.
        spread: what it may be off, as a share; times lie within seconds / (1 + spread) and seconds · (1 + spread).
        source: "measured_here": by `hilum study plan --measure`; "table": this device is in the table of measured
            machines; "matrix_product": that of this machine, just measured, by the family's share of it elsewhere.
    """

    gigaflops: float
    spread: float
    source: Source


@dataclass(frozen=True)
class Rates:
    """Rates of this machine by family of encoders; `OF_ANY` for the others.

    Attributes:
        device: its name.
        families: by name.
    """

    device: str
    families: dict[str, Rate]

    def of(self, encoder: str | None) -> Rate:
        """The rate of an encoder; of any, where none is named."""
        family = ARCHITECTURES[encoder].family if encoder else OF_ANY
        return self.families.get(_kin(family), self.families[OF_ANY])

    def as_data(self, encoders: Sequence[str]) -> dict[str, Any]:
        """What holds for these encoders, as JSON can hold it."""
        rows = {name: self.of(name) for name in dict.fromkeys(encoders)}
        return {
            "device": self.device,
            "encoders": {
                name: {"gigaflops": rate.gigaflops, "spread": rate.spread, "source": rate.source}
                for name, rate in rows.items()
            },
        }


def rates_of_this_machine() -> Rates:
    """The best that is known; takes about half a second where nothing was measured here."""
    device, kind = device_name()
    known = {name: Rate(each["gigaflops"], each["spread"], "measured_here") for name, each in _read_own(device).items()}
    for machine in _table():
        if machine.kind == kind and machine.device == device:
            table = {name: Rate(each.gigaflops, each.spread, "table") for name, each in machine.families.items()}
            known = {OF_ANY: Rate(UNKNOWN_SHARE * machine.matrix, UNKNOWN_SPREAD, "table")} | table | known
    if OF_ANY in known:
        return Rates(device, known)
    product = matrix_gigaflops()
    guessed = {OF_ANY: Rate(UNKNOWN_SHARE * product, UNKNOWN_SPREAD, "matrix_product")}
    for machine in _table():
        for name, each in machine.families.items():
            share = each.gigaflops / machine.matrix
            guessed.setdefault(name, Rate(share * product, each.spread + OTHER_MACHINE, "matrix_product"))
    return Rates(device, guessed | known)


def measure_rates(encoders: Sequence[str], size: int, *, seconds: float = 5.0) -> Rates:
    """Train these encoders for a few steps, and keep what was found for later plans of this user on this machine.

    Args:
        encoders: by name; of a family the last one counts.
        size: of the images in px.
        seconds: about, in all, once the encoders are made.
    """
    device, _ = device_name()
    found = {
        _kin(ARCHITECTURES[name].family): {
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
    """10^9 operations a second of the fastest training step of an encoder, in the precision that it will use."""
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


def matrix_gigaflops() -> float:
    """10^9 operations a second of matrix products in the precision that training will use; about half a second."""
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
    """What this machine trains on, and its kind: the GPU's name, or cores and instructions of the CPU."""
    import torch

    from hilum.training.distributed.device import choose_device

    device = choose_device("auto")
    if device.type == "cuda":
        return torch.cuda.get_device_name(device), "cuda"
    return f"CPU, {torch.get_num_threads()} of {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}", "cpu"


def rates_file() -> Path:
    """Where this user's own measurements are kept."""
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


def _kin(family: str) -> str:
    """Families that are built of the same blocks are one."""
    return "vit" if family in ("dinov2", "dinov3", "eva_x") else family


@cache
def _table() -> list[_Machine]:
    content = yaml.safe_load(files("hilum.study").joinpath("rates.yaml").read_text(encoding="utf-8"))
    return [_Machine.model_validate(each) for each in content["machines"]]
