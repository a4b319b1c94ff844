"""Creation of optimisers, and updates of their learning rate and weight decay."""

import torch
from timm.optim.lars import Lars

from hilum.training.settings import TrainingSettings
from hilum.training.trainable import Trainable

SGD_MOMENTUM = 0.9
LARS_TRUST = 0.001
"""Trust coefficient η of LARS: You, Gitman & Ginsburg, "Large batch training of convolutional networks", 2017, eq. 6.
As in SimCLR (Chen et al. 2020, §2.2 and §B.6), biases and gains of norms are neither scaled nor decayed."""
WITH_FUSED_KERNELS = ("cpu", "cuda")
"""Devices with fused Adam kernels: on two cores 9 ms per step instead of 35 for ResNet-18."""


def create_optimizer(trainable: Trainable, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Create the optimiser of the module's parameter groups; each group stores its peak learning rate as `peak_lr`.

    Args:
        trainable: Module, already on its device, which decides on fused kernels.
        settings: Settings of the run.
    """
    groups = [{"lr": settings.lr, **group} for group in trainable.parameter_groups(settings)]
    for group in groups:
        group["peak_lr"] = group["lr"]
    if settings.optimizer == "sgd":
        fused = _on_gpu(trainable) and settings.precision != "fp16"
        return torch.optim.SGD(groups, lr=settings.lr, momentum=SGD_MOMENTUM, fused=fused or None)
    if settings.optimizer == "lars":
        for group in groups:
            group["always_adapt"] = group.get("decays", group.get("weight_decay", 0) > 0)
        return Lars(groups, lr=settings.lr, momentum=SGD_MOMENTUM, trust_coeff=LARS_TRUST, eps=0.0)
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=settings.lr, fused=_has_fused_kernels(trainable, settings))


def _has_fused_kernels(trainable: Trainable, settings: TrainingSettings) -> bool:
    """Return whether fused kernels can be used; with fp16 they unscale gradients, which prevents clipping."""
    devices = {parameter.device.type for parameter in trainable.parameters()}
    return devices <= set(WITH_FUSED_KERNELS) and settings.precision != "fp16"


def _on_gpu(trainable: Trainable) -> bool:
    return all(parameter.device.type == "cuda" for parameter in trainable.parameters())


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rate of each group to `factor` times its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


def set_weight_decay(optimizer: torch.optim.Optimizer, weight_decay: float) -> None:
    """Set the weight decay of every group that has one (see `hilum.training.param_groups.decay_groups`)."""
    for group in optimizer.param_groups:
        if group.get("decays", group["weight_decay"] > 0):
            group["weight_decay"] = weight_decay
