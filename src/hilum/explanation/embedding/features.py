"""Features of images: what a finished encoder, or a classifier before its head, makes of each of them."""

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
from hilum.finetuning.data_loader import Feed
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
        image_ids: of the images.
        values: (N, D) float32.
    """

    image_ids: list[str]
    values: NDArray[np.float32]

    def of(self, image_ids: list[str]) -> NDArray[np.float32]:
        """The rows of some images, in their order."""
        row = {image_id: number for number, image_id in enumerate(self.image_ids)}
        return self.values[[row[image_id] for image_id in image_ids]]


class BeforeHead(nn.Module):
    """A classifier without its head: what the head reads."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """(B, 1, H, W) in [0, 1] to (B, D)."""
        return self.classifier.features(images)


def load_feature_model(directory: Path) -> tuple[nn.Module, Card]:
    """What makes features of views, in evaluation mode, and its card.

    Args:
        directory: of an encoder (`encoder.safetensors`) or of a classifier (`model.safetensors`).

    Raises:
        HilumError: something is missing, damaged, or not of one run.
    """
    if read_card(directory).findings:
        classifier, card = load_classifier(directory)
        return BeforeHead(classifier).eval(), card
    encoder, card = load_encoder(directory)
    return encoder.eval(), card


def recipe_of(card: Card) -> Recipe:
    """How images must be preprocessed for weights: as those that they have learnt from.

    Published weights come without a recipe: their images are padded to a square and resized to the weights' size.
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
    """Features of the plain views of images, in float32.

    Args:
        model: views (B, 1, size, size) in [0, 1] to (B, D); in evaluation mode.
        size: side of the views in px, as its card says.
        store: of the images.
        image_ids: images that the store holds.
        device: where to compute.
        on_progress: receives the batches done.

    Raises:
        HilumError: no image, or features that are not numbers.
    """
    if not image_ids:
        raise HilumError("images", expected="at least one", found="none", fix="See what the store has rejected.")
    where = choose_device(device)
    feed = Feed(store, size, BATCH, seed=0, workers=1, device=where, precision="fp32")
    values: NDArray[np.float32] = feed.outputs(model.to(where), image_ids, "images", on_progress).cpu().numpy()
    broken = int((~np.isfinite(values).all(1)).sum())
    if broken:
        raise HilumError(
            "features", expected="numbers", found=f"NaN or infinity on {broken:,} images", fix="Train it again."
        )
    return Features(list(image_ids), values)


def write_features(features: Features, directory: Path) -> None:
    """Write `features.npy` (N, D) and `index.parquet` (`row`, `image_id`): a directory, complete or absent."""
    with whole_directory(directory) as beside:
        np.save(beside / FEATURES, features.values)
        rows = pl.DataFrame({"image_id": features.image_ids}, schema={"image_id": pl.String})
        rows.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64)).write_parquet(beside / INDEX)


def read_features(directory: Path) -> Features:
    """Read what `write_features` wrote.

    Raises:
        HilumError: missing, damaged, or files that do not belong together.
    """
    try:
        values = np.load(directory / FEATURES)
        ids = pl.read_parquet(directory / INDEX).sort("row")["image_id"].to_list()
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise HilumError(
            directory, expected="features and their index", found=str(error), fix="Run `hilum embed` again."
        ) from error
    if values.ndim != 2 or len(values) != len(ids):
        found = f"features of shape {values.shape} for {len(ids):,} images"
        raise HilumError(directory, expected="a row for each image", found=found, fix="Run `hilum embed` again.")
    return Features(ids, values)


def unit_length(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows divided by their lengths, (N, D): a dot product is then a cosine. Rows of zeros stay."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    unit: NDArray[np.float32] = values / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
