"""Synchronised batch norm: statistics over the batch of all processes (Ioffe & Szegedy, ICML 2015, algorithm 1).

torch's SyncBatchNorm supports GPUs only. This one runs on any backend. It replaces `torch.nn.functional.batch_norm`
within a context, so that it applies to all modules (torch's and timm's) and leaves modules and checkpoint keys the same
as in a single process.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.overrides import TorchFunctionMode

from hilum.training.distributed.collectives import all_gather_no_grad, all_reduce_sum


class SyncBatchNormMode(TorchFunctionMode):
    """Context in which batch norm in training mode uses the statistics of all processes."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Replace batch norm; called by torch for each function."""
        kwargs = kwargs or {}
        if func is F.batch_norm:
            return _batch_norm(*args, **kwargs)
        return func(*args, **kwargs)


def _batch_norm(
    input: Tensor,  # noqa: A002 (torch's name)
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Compute `torch.nn.functional.batch_norm` over the batch of all processes."""
    if not training:
        return F.batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    normalised: Tensor
    normalised, mean, variance, count = _Normalised.apply(input, eps)
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            running_var.lerp_((variance * (count / (count - 1))).to(running_var.dtype), momentum)
    if weight is not None:
        normalised = normalised * _by_channel(weight, input)
    if bias is not None:
        normalised = normalised + _by_channel(bias, input)
    return normalised.to(input.dtype)


class _Normalised(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) per channel in float32 or wider; also returns mean, variance and count."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values = given.float() if given.dtype in (torch.float16, torch.bfloat16) else given
        own_variance, own_mean = torch.var_mean(values, dim=_but_channels(values), correction=0)
        number = torch.full_like(own_mean, values.numel() / values.shape[1])
        # (processes, 3, channels); combined as in Chan, Golub & LeVeque (1983)
        numbers, means, variances = all_gather_no_grad(torch.stack([number, own_mean, own_variance])[None]).unbind(1)
        count = numbers.sum(0)
        mean = (numbers * means).sum(0) / count
        variance = (numbers * (variances + (means - mean).square())).sum(0) / count
        scale = (variance + eps).rsqrt()
        normalised = (values - _by_channel(mean, values)) * _by_channel(scale, values)
        ctx.save_for_backward(normalised, scale, count)
        ctx.mark_non_differentiable(mean, variance, count)
        ctx.dtype = given.dtype
        return normalised, mean, variance, count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, None]:
        normalised, scale, count = ctx.saved_tensors
        dims = _but_channels(normalised)
        sums = all_reduce_sum(torch.stack([gradient.sum(dims), (gradient * normalised).sum(dims)])) / count
        centred = gradient - _by_channel(sums[0], normalised) - normalised * _by_channel(sums[1], normalised)
        return (centred * _by_channel(scale, normalised)).to(ctx.dtype), None


def _but_channels(values: Tensor) -> list[int]:
    return [dim for dim in range(values.ndim) if dim != 1]


def _by_channel(of_channels: Tensor, values: Tensor) -> Tensor:
    return of_channels.reshape(1, -1, *[1] * (values.ndim - 2))
