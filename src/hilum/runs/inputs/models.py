"""Finished models, loaded as plain modules."""

from pathlib import Path

import torch
from torch import Tensor, nn

from hilum.augment import plain_view
from hilum.data.pixels import read_gray
from hilum.data.preprocess import Recipe, preprocess
from hilum.encoders.card import CARD, Card
from hilum.encoders.published import find_weights, is_published, resolve_weights
from hilum.errors import HilumError
from hilum.explanation.embedding import load_feature_model, recipe_of
from hilum.runs.results import Result
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
        """Read and preprocess one image file for the encoder, (1, 1, S, S) in [0, 1].

        Raises:
            UnreadableImage: the file is no image that can be read.
        """
        return read_view(path, self.recipe, self.image_size)


def load_encoder(model: str | Path | Result, *, device: Device = "cpu") -> LoadedEncoder:
    """Load an encoder.

    Args:
        model: directory of an encoder or of a classifier (its encoder is taken), the result of a run, or published
            weights by name.
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


def model_directory(model: str | Path | Result) -> Path:
    """The directory of a model: as given, of a run's result, or of published weights, imported if need be.

    Raises:
        HilumError: a result that is no model, unknown weights, or a folder of several models.
    """
    if isinstance(model, Result):
        directory = getattr(model, "model", model.directory)
        if directory is None or not (directory / CARD).is_file():
            fix = "Give what hilum.pretrain or hilum.finetune returned."
            raise HilumError("model", expected="a model", found=type(model).__name__, fix=fix)
        return Path(directory)
    if isinstance(model, str) and is_published(model):
        return resolve_weights(model, find_weights(model).encoder)
    directory = Path(model)
    seeds = sorted(card.parent.name for card in directory.glob(f"*/{CARD}"))
    if seeds and not (directory / CARD).is_file():
        raise HilumError(
            directory,
            expected="one model",
            found=f"a folder of several: {', '.join(seeds)}",
            fix=f"Name one, such as {directory / seeds[0]}. `hilum predict` and hilum.load_classifier also take "
            "all seeds of a package together.",
        )
    return directory


def read_view(path: str | Path, recipe: Recipe, size: int) -> Tensor:
    """Read and preprocess one image file for a model, (1, 1, S, S) in [0, 1].

    Args:
        path: a PNG, JPEG or DICOM file.
        recipe: of the preprocessing.
        size: side S in px.

    Raises:
        UnreadableImage: the file is no image that can be read.
    """
    gray = preprocess(read_gray(Path(path), recipe.window), recipe)
    return plain_view(torch.from_numpy(gray)[None, None], size)
