"""Features of images: output of an encoder, or of a classifier before its head."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.artifacts import whole_directory
from hilum.data.preprocess import Recipe, parse_recipe
from hilum.data.store import Store
from hilum.encoders.card import Card, read_card
from hilum.encoders.weights import load_encoder
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.data_loader import BatchLoader
from hilum.finetuning.weights import load_classifier
from hilum.progress import ProgressReport, silent
from hilum.training.distributed.device import choose_device
from hilum.training.settings import Device

FEATURES, INDEX = "features.npy", "index.parquet"
BATCH = 64


@dataclass(frozen=True)
class Features:
    """Features of N images.

    Attributes:
        image_ids: Ids of the images.
        values: Features, (N, D) float32.
    """

    image_ids: list[str]
    values: NDArray[np.float32]


class BeforeHead(nn.Module):
    """Classifier without its head."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """Compute features (B, D) of images (B, 1, H, W) in [0, 1]."""
        return self.classifier.features(images)


def load_feature_model(directory: Path) -> tuple[nn.Module, Card]:
    """Load an encoder, or a classifier without its head, in evaluation mode, and its card.

    Args:
        directory: Directory of an encoder (`encoder.safetensors`) or of a classifier (`model.safetensors`).

    Raises:
        HilumError: A file is missing, damaged, or of another run.
    """
    if read_card(directory).findings:
        classifier, card = load_classifier(directory)
        return BeforeHead(classifier).eval(), card
    encoder, card = load_encoder(directory)
    return encoder.eval(), card


def recipe_of(card: Card) -> Recipe:
    """Return the preprocessing of the training images of weights.

    Published weights have no recorded preprocessing: images are padded to a square and resized to the input size.
    """
    return parse_recipe(card.preprocessing or [{"square": "pad"}, {"resize": card.image_size}])


def features_of(
    model: nn.Module,
    size: int,
    store: Store,
    image_ids: list[str],
    *,
    device: Device = "auto",
    on_progress: ProgressReport = silent,
) -> Features:
    """Compute the features of images without augmentation, in float32.

    Args:
        model: Model of views (B, 1, size, size) in [0, 1] to (B, D), in evaluation mode.
        size: Side of the views in px, from the card.
        store: Store of the images.
        image_ids: Ids of images in the store.
        device: Device of the computation.
        on_progress: Receives the number of batches done.

    Raises:
        HilumError: No image, or features with NaN or infinity.
    """
    if not image_ids:
        raise HilumError(
            "images", expected="at least one", found="none", fix="Check the images that the store rejected."
        )
    where = choose_device(device)
    loader = BatchLoader(store, size, BATCH, seed=0, workers=1, device=where, precision="fp32")
    values: NDArray[np.float32] = loader.outputs(model.to(where), image_ids, "images", on_progress).cpu().numpy()
    broken = int((~np.isfinite(values).all(1)).sum())
    if broken:
        raise HilumError(
            "features", expected="numbers", found=f"NaN or infinity on {broken:,} images", fix="Train it again."
        )
    return Features(list(image_ids), values)


def write_features(features: Features, directory: Path) -> None:
    """Write `features.npy` (N, D) and `index.parquet` (`row`, `image_id`) to a directory, completely or not at all."""
    with whole_directory(directory) as beside:
        np.save(beside / FEATURES, features.values)
        rows = pl.DataFrame({"image_id": features.image_ids}, schema={"image_id": pl.String})
        rows.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64)).write_parquet(beside / INDEX)


def unit_length(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Normalise rows, (N, D), to unit length, so that dot products are cosines. Rows of zeros are not changed."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    unit: NDArray[np.float32] = values / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
