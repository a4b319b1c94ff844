"""Checks of the tensors in a file: their values, and the rotary embedding against the encoder's."""

import re
from collections.abc import Mapping
from math import isqrt
from typing import Any

import torch
from torch import Tensor

from hilum.encoders.families import rotary
from hilum.encoders.published.key_maps.layout import Layout, Mapped, format_shape, some
from hilum.errors import HilumErrors
from hilum.notes import Code, Note, note

_COUNTER = "num_batches_tracked"
_HALF = (torch.bfloat16, torch.float16)


def check_numbers(mapped: Mapped, tensors: Mapping[str, Tensor], where: object) -> list[Note]:
    """Check that tensors have valid values.

    Args:
        mapped: Tensors of the file under the body's keys.
        tensors: Tensors of the file by native key.
        where: File, for messages.

    Returns:
        A note for each dtype other than float32.

    Raises:
        HilumErrors: Tensors that are not floating point (except batch counters), not finite in float32, all-zero
            kernels or matrices, or negative variances.
    """
    problems, kinds = [], dict[str, int]()
    for key, natives in mapped.origins.items():
        for native in natives:
            tensor = tensors[native]
            if key.endswith(_COUNTER):
                continue
            if not tensor.is_floating_point():
                problems.append(f"{native} ({format_shape(tensor.shape)}): {_kind(tensor)}, not floating point")
                continue
            if tensor.dtype != torch.float32:
                kinds[_kind(tensor)] = kinds.get(_kind(tensor), 0) + 1
            matrix = mapped.tensors[key].ndim > 1 if key in mapped.tensors else False
            if matrix and key.endswith(".weight") and tensor.numel() and not tensor.float().any():
                problems.append(f"{native} ({format_shape(tensor.shape)}): all zeros")
    for key, tensor in mapped.tensors.items():
        if key.endswith(_COUNTER) or not tensor.is_floating_point():
            continue
        name, numbers = ", ".join(mapped.origins.get(key, [key])), tensor.float()
        broken = int((~numbers.isfinite()).sum())
        if broken:
            problems.append(f"{name}: {broken:,} of {tensor.numel():,} values are not finite")
        elif key.endswith("running_var") and bool((numbers < 0).any()):
            problems.append(f"{name} ({format_shape(tensor.shape)}): variances below zero")
    if problems:
        raise HilumErrors(where, some(problems), fix="nothing was loaded; the file is damaged or invalid.")
    return [note(Code.CONVERTED_TENSORS, tensors=count, dtype=kind) for kind, count in sorted(kinds.items())]


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def check_rotary(
    body: Any, layout: Layout, tensors: Mapping[str, Tensor], where: object
) -> tuple[Tensor | None, list[Note]]:
    """Compare a file's periods and angles with the architecture's.

    Args:
        body: Body of the encoder, newly created.
        layout: Layout of the file.
        tensors: Tensors of the file by native key.
        where: File, for messages.

    Returns:
        Periods of the file (None without) and notes on rounded values.

    Raises:
        HilumErrors: Tensors that differ by more than rounding to half precision (another base, periods or grid).
    """
    problems, notes, periods = [], [], None
    for native, given in tensors.items():
        if layout.periods and re.fullmatch(layout.periods, native):
            own = rotary.periods(body)
            if own is None or not agree(given, own):
                other = "none" if own is None else _some(own)
                problems.append(f"{native}: {_some(given)} in the file, {other} in the architecture")
            elif not torch.allclose(given.float(), own, rtol=1e-6, atol=0):
                notes.append(note(Code.ROUNDED_PERIODS, key=native))
            periods = given.float()
        elif layout.angles and (found := re.fullmatch(layout.angles, native)):
            side = isqrt(len(given)) if given.ndim == 2 else 0
            own = rotary.angles(body, side)[found[1]] if side and side * side == len(given) else torch.zeros(0)
            if not agree(given, own):
                problems.append(f"{native} ({format_shape(given.shape)}): other angles than the architecture's")
    if problems:
        fix = "nothing was loaded; the file is of a network with another rotary embedding."
        raise HilumErrors(where, some(problems), fix=fix)
    return periods, notes


def agree(given: Tensor, own: Tensor) -> bool:
    """Return whether tensors are equal up to float32 rounding, or the first is the second in half precision."""
    if given.shape != own.shape or not given.is_floating_point():
        return False
    numbers, apart = given.float(), (given.float() - own).abs()
    if bool((apart <= 1e-5 + 1e-6 * own.abs()).all()):
        return True
    return any(
        bool((numbers == numbers.to(half).float()).all())
        and bool((apart <= 1e-5 + torch.finfo(half).eps / 2 * own.abs()).all())
        for half in _HALF
    )


def _some(numbers: Tensor) -> str:
    return ", ".join(f"{number:.4g}" for number in numbers.flatten()[:4].tolist()) + ", …"
