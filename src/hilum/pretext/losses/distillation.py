"""Self-distillation losses of DINO, iBOT and DINOv2: cross-entropy between student and teacher, and centering.

Caron et al., "Emerging properties in self-supervised vision transformers" (DINO, ICCV 2021), §3.1; Zhou et al., "iBOT"
(ICLR 2022), §3.2; Oquab et al., "DINOv2" (2023), §4.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hilum.training.distributed import all_reduce_sum, global_mean_part


def view_distillation(student: list[Tensor], teacher: list[Tensor], temperature: float) -> Tensor:
    """Compute DINO's loss: mean cross-entropy of student and teacher over all pairs of different crops (eq. 3).

    Args:
        student: Logits of each crop, (N, K) each; the first `len(teacher)` crops are the global ones.
        teacher: Probabilities of each global crop, (N, K) each, without gradient.
        temperature: Temperature of the student, > 0; 0.1 in DINO.

    Returns:
        Scalar; log K if both distributions are uniform.
    """
    terms = [
        _cross_entropy(logits, probabilities, temperature).mean()
        for t, probabilities in enumerate(teacher)
        for s, logits in enumerate(student)
        if s != t
    ]
    return torch.stack(terms).mean()


def patch_distillation(
    student: Tensor,
    teacher: Tensor,
    images: Tensor,
    temperature: float,
    *,
    views: int | None = None,
    masked_views: Tensor | None = None,
    parts: int = 1,
) -> Tensor:
    """Compute iBOT's loss: cross-entropy at the masked patches, mean over patches of a view, then over views (eq. 2).

    Args:
        student: Logits at the M masked patches of the batch, (M, K).
        teacher: Probabilities of the teacher, which gets the unmasked image, at the same patches, (M, K).
        images: Index of each patch's view in the batch, (M,), int64.
        temperature: Temperature of the student, > 0.
        views: Number of views; None computes it, which synchronises with the GPU.
        masked_views: Number of views with masked patches in this process's whole batch, if this is a part of it; it is
            summed over processes.
        parts: Gradient accumulation steps (`hilum.training.distributed.collectives.global_mean_part`).

    Returns:
        Scalar; 0 if nothing is masked. Views without a masked patch do not count.
    """
    if views is None:
        views = int(images.max()) + 1 if len(images) else 0
    masked = torch.zeros(views, dtype=torch.int64, device=student.device).index_add_(0, images, torch.ones_like(images))
    total = (_cross_entropy(student, teacher, temperature) / masked[images]).sum()
    own = (masked > 0).sum()
    return global_mean_part(total, own if masked_views is None else masked_views, parts)


def teacher_probabilities(logits: Tensor, center: Tensor, temperature: float) -> Tensor:
    """Compute the teacher's softmax with centering and sharpening (eq. 1).

    Centering prevents that one prototype dominates; a low temperature (sharpening) prevents a uniform output.

    Args:
        logits: Teacher logits, (N, K).
        center: Running mean of the logits, (K,).
        temperature: Temperature, > 0, below the student's; DINO's rises from 0.04 to 0.07.
    """
    return F.softmax((logits.float() - center) / temperature, dim=-1)


@torch.no_grad()
def update_center(center: Tensor, logits: Tensor, momentum: float, *, counts: Tensor | None = None) -> Tensor:
    """Update the EMA of the teacher's logits with a batch of all processes (centering, eq. 4).

    Args:
        center: Current center, (K,).
        logits: Teacher logits or sums of them, (N, K).
        momentum: EMA momentum, 0 to 1; 0.9 in DINO.
        counts: Number of logits summed in each row, (N,); None: 1.

    Returns:
        New center, (K,); unchanged without logits.
    """
    count = all_reduce_sum(torch.full((), len(logits), device=logits.device) if counts is None else counts.sum())
    mean = all_reduce_sum(logits.float().sum(0)) / count.clamp(min=1)
    return torch.where(count > 0, center * momentum + mean * (1 - momentum), center)


def teacher_entropy(probabilities: Tensor) -> Tensor:
    """Compute the mean entropy of (N, K) probabilities in nats: 0 for one-hot rows, log K for uniform rows."""
    logs = probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()
    return -(probabilities * logs).sum(-1).mean()


def _cross_entropy(logits: Tensor, probabilities: Tensor, temperature: float) -> Tensor:
    """Compute the cross-entropy of each row, in float32 or wider also under autocast."""
    with torch.autocast(logits.device.type, enabled=False):
        wide = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
        return -(probabilities * F.log_softmax(wide / temperature, dim=-1)).sum(-1)
