"""What an encoder says of films as they are, in the middle of its training."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from hilum.views import plain_view


@torch.no_grad()
def plain_features(encoder: nn.Module, films: Iterable[Tensor], size: int) -> Tensor:
    """Features of plain views: evaluation mode, float32.

    Args:
        encoder: its mode is left as it was.
        films: chunks of films, (n, 1, S, S) uint8 each.
        size: of the views in px.

    Returns:
        (N, D), on the encoder's device.
    """
    device = next(encoder.parameters()).device
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    with torch.autocast(device.type, enabled=False):
        features = torch.cat([encoder(plain_view(chunk.to(device), size)) for chunk in films])
    for module, training in modes:
        module.training = training
    return features
