"""Named grids of trials of published papers."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product

from hilum.finetuning.settings import FinetuneSettings, PoolingName

ELWIREHARDJA_LRS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
ELWIREHARDJA_DECAYS = (0.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
ELWIREHARDJA_DROPOUTS = (0.0, 0.2, 0.4)

DINOV2_POOLINGS: tuple[PoolingName, ...] = ("cls", "cls_mean", "cls_last4", "cls_last4_mean")
DINOV2_LRS = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1)
"""Learning rates for batches of 256; scaled linearly for other batch sizes."""


def elwirehardja2025(settings: FinetuneSettings) -> list[FinetuneSettings]:
    """Return the 90 settings of one backbone and depth: learning rate, L2 and dropout (Elwirehardja et al. 2025, §3.4).

    Args:
        settings: All other settings, including the depth (`unfreeze`). Those of the paper: head "mlp", output_type
            "multiclass", batches of 8, 50 epochs, patience 10, a constant learning rate, and the L2 penalty of
            optimizer "adam" ("adamw" decouples it).
    """
    return [
        replace(settings, lr=lr, head_lr=None, weight_decay=weight_decay, dropout=dropout)
        for lr, weight_decay, dropout in product(ELWIREHARDJA_LRS, ELWIREHARDJA_DECAYS, ELWIREHARDJA_DROPOUTS)
    ]


def dinov2_linear(settings: FinetuneSettings) -> list[FinetuneSettings]:
    """Return the 52 linear heads of DINOv2's linear probes: 13 learning rates on four features of a frozen encoder.

    Oquab et al., TMLR 2024, appendix B.3: SGD with momentum 0.9, no weight decay, a cosine schedule without warm-up,
    and the best head on validation. Features are the class token of the last block, or of the last four blocks
    (concatenated), each with and without the mean over the patches of the last block.

    Args:
        settings: All other settings. Those of the paper: 12,500 steps of batches of 1,024.
    """
    return [
        replace(
            settings,
            unfreeze=0,
            head="linear",
            dropout=0.0,
            pooling=pooling,
            optimizer="sgd",
            schedule="cosine",
            warmup_epochs=0.0,
            weight_decay=0.0,
            lr=lr * settings.batch_size / 256,
            head_lr=None,
        )
        for lr, pooling in product(DINOV2_LRS, DINOV2_POOLINGS)
    ]


GRIDS: Mapping[str, Callable[[FinetuneSettings], list[FinetuneSettings]]] = {
    "elwirehardja2025": elwirehardja2025,
    "dinov2_linear": dinov2_linear,
}
