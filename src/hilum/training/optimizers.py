"""The optimiser of a run."""

import torch

from hilum.training.lars import LARS
from hilum.training.settings import TrainingSettings
from hilum.training.trainable import Trainable

SGD_MOMENTUM = 0.9


def create_optimizer(trainable: Trainable, settings: TrainingSettings) -> torch.optim.Optimizer:
    """The optimiser over the module's parameter groups; each group keeps its peak learning rate as `peak_lr`."""
    groups = [{"lr": settings.lr, **group} for group in trainable.parameter_groups(settings)]
    for group in groups:
        group["peak_lr"] = group["lr"]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=SGD_MOMENTUM)
    if settings.optimizer == "lars":
        return LARS(groups, lr=settings.lr, momentum=SGD_MOMENTUM)
    if settings.optimizer == "adam":
        return torch.optim.Adam(groups, lr=settings.lr)
    return torch.optim.AdamW(groups, lr=settings.lr)


def set_learning_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set every group to this share of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * share


def set_weight_decay(optimizer: torch.optim.Optimizer, weight_decay: float) -> None:
    """Set the weight decay of every group that has one (see `hilum.training.groups.decay_groups`)."""
    for group in optimizer.param_groups:
        if group.get("decays", group["weight_decay"] > 0):
            group["weight_decay"] = weight_decay
