"""Validation loss and macro AUROC."""

import math

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor

from hilum.data.batches import Batches
from hilum.encoders.probe import mean_auroc
from hilum.errors import HilumError, TrainingFailedError
from hilum.training.distributed import all_reduce_sum
from hilum.training.trainable import Trainable


def validation_loss(
    trainable: Trainable, batches: Batches, fabric: Fabric, *, epoch: int, with_auroc: bool = False
) -> tuple[float, float | None]:
    """Compute the mean loss over all terms of all processes, and optionally the macro AUROC.

    Args:
        trainable: Module; set to evaluation mode.
        batches: This process's part of the images.
        fabric: Fabric of the run, for precision and device.
        epoch: Finished epoch from 1, for messages.
        with_auroc: Also compute the mean AUROC over findings with positives and negatives.

    Raises:
        HilumError: The loss is not finite, or no image has a label.
    """
    trainable.eval()
    batches.load_state_dict({"epoch": 0, "position": 0})
    total = count = 0.0
    scores = torch.zeros(0, device=fabric.device)
    with torch.no_grad(), fabric.autocast():
        for batch in batches:
            if not len(batch):  # fewer images than processes in the last batch
                continue
            if with_auroc:
                loss, terms, ranked = trainable.validation_with_scores(batch)
                if not len(scores):
                    scores = torch.zeros(len(batches.image_ids), 2, ranked.shape[1], device=fabric.device)
                assert batch.targets is not None
                scores[torch.from_numpy(batch.rows)] = torch.stack([ranked.float(), batch.targets], dim=1)
            else:
                loss, terms = trainable.validation_loss(batch)
            total, count = total + float(loss), count + float(terms)
    total, count = all_reduce_sum(torch.tensor([total, count], dtype=torch.float64, device=fabric.device)).tolist()
    mean = total / count if count else math.nan
    if not math.isfinite(mean):
        where, found = f"validation after epoch {epoch}", f"{total} over {count:g} labels"
        if count == 0:
            raise HilumError(where, expected="a loss", found=found, fix="Validate on images with labels.")
        fix = "Lower `lr`, or use precision fp32."
        raise TrainingFailedError("diverged", where, expected="a finite loss", found=found, fix=fix)
    return mean, auroc_of(scores) if with_auroc else None


def auroc_of(scores: Tensor) -> float:
    """Compute the macro AUROC over findings with positives and negatives.

    Args:
        scores: (N, 2, findings): score and target, 1 or 0 (others are masked), of this process's images; 0 elsewhere.
    """
    found = all_reduce_sum(scores).cpu().numpy()
    targets = np.where(np.isin(found[:, 1], (0.0, 1.0)), found[:, 1], np.float32(np.nan))
    return mean_auroc(found[:, 0], targets)
