"""Trained encoders as torch modules, and directories of models."""

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
from hilum.renamed import checked_arguments
from hilum.runs.results import Result
from hilum.training.distributed.device import choose_device
from hilum.training.settings import Device


class LoadedModel(nn.Module):
    """Model in evaluation mode, with the preprocessing of its images.

    Attributes:
        card: Model card: architecture, training, and training patients.
        recipe: Preprocessing of images.
        image_size: Side S of the images in pixels.
    """

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card, self.image_size = card, card.image_size
        self.recipe: Recipe = recipe_of(card)

    def preprocess(self, path: str | Path) -> Tensor:
        """Read and preprocess a PNG, JPEG or DICOM file, to (1, 1, S, S) in [0, 1].

        Raises:
            UnreadableImage: The file is not a readable image.
        """
        gray = preprocess(read_gray(Path(path), self.recipe.window), self.recipe)
        return plain_view(torch.from_numpy(gray)[None, None], self.image_size)


class LoadedEncoder(LoadedModel):
    """Encoder in evaluation mode.

    Attributes:
        network: Module from images (B, 1, S, S) in [0, 1] to features (B, D).
        card, recipe, image_size: As in `LoadedModel`.
    """

    def __init__(self, network: nn.Module, card: Card) -> None:
        super().__init__(card)
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Compute features (B, D) of images (B, 1, S, S) in [0, 1]."""
        features: Tensor = self.network(images)
        return features


@checked_arguments
def load_encoder(model: str | Path | Result, *, device: Device = "cpu") -> LoadedEncoder:
    """Load an encoder.

    Args:
        model: Directory of an encoder or of a classifier (for its encoder), result of a run, or name of published
            weights.
        device: Device to load it on.

    Raises:
        HilumError: Missing, damaged or inconsistent files.

    Example:
        >>> import hilum
        >>> encoder = hilum.load_encoder(pretrained)  # doctest: +SKIP
        >>> encoder(encoder.preprocess("0042.png")).shape  # doctest: +SKIP
        torch.Size([1, 512])
    """
    network, card = load_feature_model(model_directory(model))
    return LoadedEncoder(network, card).to(choose_device(device)).eval()


def model_directory(model: str | Path | Result) -> Path:
    """Return the directory of a model: as given, of a run's result, or of published weights (imported if needed).

    Raises:
        HilumError: A result without a model, unknown weights, or a folder of several models.
    """
    if isinstance(model, Result):
        directory = getattr(model, "model", model.directory)
        if directory is None or not (directory / CARD).is_file():
            fix = "Give the result of hilum.pretrain or hilum.finetune."
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
            fix=f"Name one, such as {directory / seeds[0]}. `hilum predict` and hilum.load_classifier also accept all "
            "seeds of a package together (ensemble).",
        )
    return directory


def name_of_model(model: str | Path | Result) -> str:
    """Return the name of a model for records: its directory, or the name of published weights."""
    return str(model_directory(model) if isinstance(model, Result) else model)
