"""The losses of DINO and DINOv2: a student says what a teacher says of another view, or of what it cannot see.

Caron et al., "Emerging properties in self-supervised vision transformers" (DINO, ICCV 2021), §3.1; Zhou et al., "iBOT"
(ICLR 2022), §3.2; Oquab et al., "DINOv2" (2023), §4.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hilum.training.distributed import all_reduce_sum, global_mean_part


def view_distillation(student: list[Tensor], teacher: list[Tensor], temperature: float) -> Tensor:
    """Mean cross-entropy of the student's views against the teacher's, never of a view against itself (eq. 3).

    Args:
        student: logits of each view, (N, K) each; the first `len(teacher)` views are those that the teacher saw too.
        teacher: probabilities of each global view, (N, K) each, without gradient.
        temperature: of the student, > 0; DINO's is 0.1.

    Returns:
        Scalar. log K where both say nothing.
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
    """Cross-entropy at the masked patches, mean over the patches of an image, then over images (iBOT, eq. 2).

    Args:
        student: logits at the M masked patches of the batch, (M, K).
        teacher: probabilities at the same patches, which the teacher saw, (M, K).
        images: which view of the batch each patch is of, (M,), int64.
        temperature: of the student, > 0.
        views: how many views there are; None: found out, for which a GPU has to be waited for.
        masked_views: how many views have masked patches in the whole batch, where this is a part of it; of all
            processes it is the sum.
        parts: see `hilum.training.distributed.collectives.global_mean_part`.

    Returns:
        Scalar; 0 where nothing was masked. Views without a masked patch do not count.
    """
    if views is None:
        views = int(images.max()) + 1 if len(images) else 0
    masked = torch.zeros(views, dtype=torch.int64, device=student.device).index_add_(0, images, torch.ones_like(images))
    total = (_cross_entropy(student, teacher, temperature) / masked[images]).sum()
    own = (masked > 0).sum()
    return global_mean_part(total, own if masked_views is None else masked_views, parts)


def teacher_probabilities(logits: Tensor, center: Tensor, temperature: float) -> Tensor:
    """A teacher's probabilities: centred, so that no prototype takes all; sharpened, so that not all are alike (eq. 1).

    Args:
        logits: (N, K).
        center: running mean of logits, (K,).
        temperature: > 0, below the student's; DINO's rises from 0.04 to 0.07.
    """
    return F.softmax((logits.float() - center) / temperature, dim=-1)


@torch.no_grad()
def update_center(center: Tensor, logits: Tensor, momentum: float, *, counts: Tensor | None = None) -> Tensor:
    """The center after one more batch (eq. 4), of all processes.

    Args:
        center: (K,).
        logits: of the teacher, (N, K); or sums of them.
        momentum: 0 to 1; DINO's is 0.9.
        counts: of how many logits each row is the sum, (N,); None: of one.

    Returns:
        (K,). As it was where there were no logits.
    """
    count = all_reduce_sum(torch.full((), len(logits), device=logits.device) if counts is None else counts.sum())
    mean = all_reduce_sum(logits.float().sum(0)) / count.clamp(min=1)
    return torch.where(count > 0, center * momentum + mean * (1 - momentum), center)


def teacher_entropy(probabilities: Tensor) -> Tensor:
    """Mean entropy of a teacher's answers, in nats: 0 where each is one prototype, log K where each says nothing."""
    logs = probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()
    return -(probabilities * logs).sum(-1).mean()


def _cross_entropy(logits: Tensor, probabilities: Tensor, temperature: float) -> Tensor:
    """Of each row, in float32 or wider also under autocast."""
    with torch.autocast(logits.device.type, enabled=False):
        wide = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
        return -(probabilities * F.log_softmax(wide / temperature, dim=-1)).sum(-1)
