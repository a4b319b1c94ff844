"""LARS: You, Gitman & Ginsburg, "Large batch training of convolutional networks", 2017, algorithm 1.

As in SimCLR (Chen et al. 2020, §2.2 and §B.6), parameters with one dimension (biases, gains of norms) are neither
scaled nor decayed.
"""

from collections.abc import Callable
from typing import Any, overload

import torch

TRUST = 0.001
"""Trust coefficient η of eq. 6; 0.001 in the paper and in SimCLR."""


class LARS(torch.optim.Optimizer):
    """SGD with momentum and layer-wise learning rates proportional to the norm of the weights.

    v ← m v + λ (g + β w), w ← w - lr v with λ = η ‖w‖ / (‖g‖ + β ‖w‖); λ = 1 for parameters with one dimension and if a
    norm is zero.

    Args:
        params: As in torch's optimisers.
        lr: Learning rate, about 1/η times that of SGD.
        momentum: Momentum m.
        weight_decay: Weight decay β.
        trust: Trust coefficient η.
    """

    def __init__(
        self, params: Any, lr: float, *, momentum: float = 0.9, weight_decay: float = 0.0, trust: float = TRUST
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is None:
                    continue
                change = weights.grad.add(weights, alpha=group["weight_decay"])
                if weights.ndim >= 2:
                    size, slope = weights.norm(), weights.grad.norm()
                    ratio = group["trust"] * size / (slope + group["weight_decay"] * size)
                    change = change * torch.where((size > 0) & (slope > 0), ratio, 1.0)
                state = self.state[weights]
                if "velocity" not in state:
                    state["velocity"] = torch.zeros_like(weights)
                velocity = state["velocity"].mul_(group["momentum"]).add_(change)
                weights.sub_(velocity * group["lr"])
        return loss
