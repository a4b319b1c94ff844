"""The mean loss of images that nothing is learnt from."""

import math

import torch
from lightning.fabric import Fabric

from hilum.data.batches import Batches
from hilum.errors import HilumError, TrainingFailedError
from hilum.training.distributed import summed
from hilum.training.trainable import Trainable


def validation_loss(trainable: Trainable, batches: Batches, fabric: Fabric, *, epoch: int) -> float:
    """Mean over the terms of all images, of all processes.

    Args:
        trainable: put into evaluation mode.
        batches: this process's part of the images.
        fabric: of the run, for its precision and device.
        epoch: just finished, from 1, for the message.

    Raises:
        HilumError: it is not finite, or no image has a label.
    """
    trainable.eval()
    batches.load_state_dict({"epoch": 0, "position": 0})
    total = count = 0.0
    with torch.no_grad(), fabric.autocast():
        for batch in batches:
            if not len(batch):  # a last batch of fewer images than processes
                continue
            loss, terms = trainable.validation_loss(batch)
            total, count = total + float(loss), count + float(terms)
    total, count = summed(torch.tensor([total, count], dtype=torch.float64, device=fabric.device)).tolist()
    mean = total / count if count else math.nan
    if not math.isfinite(mean):
        where, found = f"validation after epoch {epoch}", f"{total} over {count:g} labels"
        if count == 0:
            raise HilumError(where, expected="a loss", found=found, fix="Validate on images with labels.")
        fix = "Lower `lr`, or use precision fp32."
        raise TrainingFailedError("diverged", where, expected="a finite loss", found=found, fix=fix)
    return mean
