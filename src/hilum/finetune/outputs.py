"""What a trained module says of films, once each, as they are."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from hilum.data.batches import Batches
from hilum.progress import ProgressReport, silent
from hilum.training.precision import deterministic
from hilum.views import plain_view


def plain_outputs(
    module: Callable[[Tensor], Tensor],
    batches: Batches,
    *,
    size: int,
    precision: Literal["bf16", "fp32"],
    device: torch.device,
    note: str,
    on_progress: ProgressReport = silent,
) -> Tensor:
    """Outputs for the plain views of films, in the order of `batches`, which must not shuffle.

    Args:
        module: in evaluation mode; views (B, 1, size, size) in [0, 1] to (B, D).
        batches: films.
        size: side of the views in px.
        precision: of the products, as in training.
        device: where module and batches are.
        note: for `on_progress`, called after every batch.

    Returns:
        (N, D) float32.
    """
    outputs = []
    with deterministic(device), torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        for step, batch in enumerate(batches, 1):
            outputs.append(module(plain_view(batch.images, size)).float())
            on_progress(step, len(batches), note)
    return torch.cat(outputs)
