"""Features in evaluation mode, without augmentation, of an encoder in training."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from hilum.augment import plain_view


@torch.no_grad()
def eval_features(encoder: nn.Module, images: Iterable[Tensor], size: int) -> Tensor:
    """Compute features in evaluation mode and float32, without augmentation.

    Args:
        encoder: Encoder; its training mode is restored.
        images: Chunks of images, (n, 1, S, S) uint8 each.
        size: Side in px to which images are resized.

    Returns:
        Features, (N, D), on the encoder's device.
    """
    device = next(encoder.parameters()).device
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    with torch.autocast(device.type, enabled=False):
        features = torch.cat([encoder(plain_view(chunk.to(device), size)) for chunk in images])
    for module, training in modes:
        module.training = training
    return features
