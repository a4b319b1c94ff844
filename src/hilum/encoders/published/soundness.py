"""Check of tensor values: finite floating point, non-zero matrices, non-negative variances."""

from collections.abc import Mapping

import torch
from torch import Tensor

from hilum.encoders.published.key_maps.layout import Mapped, format_shape, some
from hilum.errors import HilumErrors
from hilum.notes import Code, Note, note

_COUNTER = "num_batches_tracked"


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
