"""Class activation maps from the activations of a layer and the gradients of a score.

Grad-CAM (Selvaraju et al., ICCV 2017), Grad-CAM++ (Chattopadhyay et al., WACV 2018), LayerCAM (Jiang et al., IEEE TIP
2021). Each takes activations A and the gradients G of one score with respect to them, both (B, C, h, w), and returns
(B, h, w), at least 0. Maps are not scaled, so that maps of one image for two findings are comparable.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

import torch
from torch import Tensor

Method: TypeAlias = Literal["gradcam", "gradcam++", "layercam"]


def grad_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Compute Grad-CAM: ReLU of the channels weighted by their mean gradients (Selvaraju et al., eq. 1 and 2)."""
    weights = gradients.mean((2, 3), keepdim=True)
    return (weights * activations).sum(1).relu()


def grad_cam_plus_plus(activations: Tensor, gradients: Tensor) -> Tensor:
    """Compute Grad-CAM++: channels weighted by the positive gradients of pixels (Chattopadhyay et al., eq. 10 and 19).

    The second and third derivatives of exp(score) are powers of the gradient times exp(score) if the following layers
    are piecewise linear; exp(score) cancels in the pixel weights and only scales the whole map, so it is omitted.
    """
    squared, cubed = gradients**2, gradients**3
    below = 2 * squared + activations.sum((2, 3), keepdim=True) * cubed
    pixel_weights = torch.where(below != 0, squared / torch.where(below != 0, below, torch.ones_like(below)), 0.0)
    weights = (pixel_weights * gradients.relu()).sum((2, 3), keepdim=True)
    return (weights * activations).sum(1).relu()


def layer_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Compute LayerCAM: pixels of each channel weighted by their positive gradients (Jiang et al., eq. 6 and 7)."""
    return (gradients.relu() * activations).sum(1).relu()


METHODS: dict[Method, Callable[[Tensor, Tensor], Tensor]] = {
    "gradcam": grad_cam,
    "gradcam++": grad_cam_plus_plus,
    "layercam": layer_cam,
}
"""Functions by the names of `hilum explain --method`."""
