"""Finished models, loaded as plain modules."""

from pathlib import Path

import torch
from torch import Tensor, nn

from hilum.augment import plain_view
from hilum.data.pixels import read_gray
from hilum.data.preprocess import Recipe, preprocess
from hilum.encoders.card import Card
from hilum.encoders.published import find_weights, is_published, resolve_weights
from hilum.explanation.embedding import load_feature_model, recipe_of
from hilum.training.distributed.device import choose_device
from hilum.training.settings import Device


class LoadedEncoder(nn.Module):
    """An encoder in evaluation mode, with all that its images need.

    Attributes:
        network: (B, 1, S, S) in [0, 1] to (B, D).
        card: what it is, and whose images it has learnt from.
        recipe: how images are preprocessed.
        image_size: side S of its images in px.
    """

    def __init__(self, network: nn.Module, card: Card) -> None:
        super().__init__()
        self.network, self.card, self.image_size = network, card, card.image_size
        self.recipe: Recipe = recipe_of(card)

    def forward(self, images: Tensor) -> Tensor:
        """Features of images, (B, 1, S, S) in [0, 1] to (B, D)."""
        features: Tensor = self.network(images)
        return features

    def preprocess(self, path: str | Path) -> Tensor:
        """Read one image file as the encoder wants it, (1, 1, S, S) in [0, 1].

        Raises:
            UnreadableImage: the file is no image that can be read.
        """
        gray = preprocess(read_gray(Path(path), self.recipe.window), self.recipe)
        return plain_view(torch.from_numpy(gray)[None, None], self.image_size)


def load_encoder(model: str | Path, *, device: Device = "cpu") -> LoadedEncoder:
    """Load an encoder.

    Args:
        model: directory of an encoder, or of a classifier (its encoder is taken); or published weights by name.
        device: where to put it.

    Raises:
        HilumError: something is missing, damaged, or not of one run.

    Example:
        >>> import hilum
        >>> encoder = hilum.load_encoder(pretrained)  # doctest: +SKIP
        >>> encoder(encoder.preprocess("0042.png")).shape  # doctest: +SKIP
        torch.Size([1, 512])
    """
    network, card = load_feature_model(model_directory(model))
    return LoadedEncoder(network, card).to(choose_device(device)).eval()


def model_directory(model: str | Path) -> Path:
    """The directory of a model: as given, or that of published weights of this name, imported if need be."""
    if isinstance(model, str) and is_published(model):
        return resolve_weights(model, find_weights(model).encoder)
    return Path(model)
