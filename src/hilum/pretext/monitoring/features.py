"""What an encoder says of images as they are, in the middle of its training."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from hilum.augment import plain_view


@torch.no_grad()
def eval_features(encoder: nn.Module, images: Iterable[Tensor], size: int) -> Tensor:
    """Features of plain views: evaluation mode, float32.

    Args:
        encoder: its mode is left as it was.
        images: chunks of images, (n, 1, S, S) uint8 each.
        size: of the views in px.

    Returns:
        (N, D), on the encoder's device.
    """
    device = next(encoder.parameters()).device
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    with torch.autocast(device.type, enabled=False):
        features = torch.cat([encoder(plain_view(chunk.to(device), size)) for chunk in images])
    for module, training in modes:
        module.training = training
    return features
