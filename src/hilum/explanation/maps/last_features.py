"""Last spatial features of an encoder, and the gradients of scores with respect to them.

For networks with a feature map, it is that map before pooling. For transformers, it is the input of the last block as
a grid without class token and registers: after the last block the class token contains the whole image, and if it is
the feature, the other tokens have no gradient. Grid and prefix tokens are known from the encoder.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hilum.encoders.zoo import Encoder
from hilum.explanation.methods import TRANSFORMERS
from hilum.finetuning.classifier import Classifier


def is_transformer(encoder: Encoder) -> bool:
    """Return whether every block of an encoder attends to the whole image."""
    return encoder.architecture.family in TRANSFORMERS


def activations_and_gradients(classifier: Classifier, images: Tensor, wanted: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Compute the last spatial features, and the gradients of logits with respect to them.

    Weights and their gradients are not changed.

    Args:
        classifier: Classifier in evaluation mode.
        images: Views, (B, 1, H, W) in [0, 1], on the classifier's device.
        wanted: Indices of F findings among the logits.

    Returns:
        Features (B, C, rows, columns) and gradients (F, B, C, rows, columns), of `encoder.patch_grid` rows and columns.
    """
    encoder = classifier.encoder
    with _fixed_weights(classifier), torch.enable_grad():
        if is_transformer(encoder):
            entered, logits = _entering_last_block(classifier, images)
        else:
            entered = encoder.feature_map(images).detach().requires_grad_()
            logits = logits_of_map(classifier, entered)
        totals = logits[:, list(wanted)].sum(0)
        gradients = torch.stack(
            [torch.autograd.grad(total, entered, retain_graph=True, materialize_grads=True)[0] for total in totals]
        )
    if is_transformer(encoder):
        grid = encoder.patch_grid((images.shape[2], images.shape[3]))
        return _as_grid(entered.detach(), encoder, grid), _as_grid(gradients, encoder, grid)
    return entered.detach(), gradients


def logits_of_map(classifier: Classifier, maps: Tensor) -> Tensor:
    """Compute the logits (B, findings) of a classifier from its feature map (B, C, rows, columns)."""
    encoder = classifier.encoder
    if classifier.pooling is not None:
        features = encoder.norm_pooled(classifier.pooling(maps.float().flatten(2).transpose(1, 2))).flatten(1)
    elif encoder.family.pooling == "flatten":
        features = maps.float().flatten(1)
    else:
        features = encoder.norm_pooled(maps.float().mean((2, 3)))
    return classifier.score(features)


def _entering_last_block(classifier: Classifier, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the input tokens of the last block, as leaves of the graph of the logits, and the logits."""
    entered: list[Tensor] = []

    def start_here(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ARG001
        entered.append(arguments[0].detach().requires_grad_())
        return (entered[0], *arguments[1:])

    *_, last = classifier.encoder.body.get_submodule("blocks").children()
    handle = last.register_forward_pre_hook(start_here)
    try:
        logits = classifier(images)
    finally:
        handle.remove()
    return entered[0], logits


def _as_grid(tokens: Tensor, encoder: Encoder, grid: tuple[int, int]) -> Tensor:
    """Reshape tokens (…, prefix + rows · columns, C) to (…, C, rows, columns)."""
    places = tokens[..., encoder.prefix_tokens :, :].transpose(-1, -2)
    return places.reshape(*places.shape[:-1], *grid)


@contextmanager
def _fixed_weights(module: nn.Module) -> Iterator[None]:
    """Disable gradients of weights, so that no graph is stored before the features."""
    training = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        for parameter in training:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in training:
            parameter.requires_grad_(True)
