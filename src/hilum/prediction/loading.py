"""Loading of packaged models, with a self-test."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.augment import plain_view
from hilum.data.pixels import read_gray
from hilum.data.preprocess import Recipe, parse_recipe, preprocess
from hilum.encoders.card import Card
from hilum.encoders.ledger import Ledger
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.weights import load_classifier as load_weights_and_card
from hilum.prediction.description import ModelDescription, read_description
from hilum.prediction.self_test import REFERENCE, check_reference
from hilum.training.distributed.device import choose_device
from hilum.training.precision import AUTOCAST, ResolvedPrecision, choose_precision, deterministic
from hilum.training.settings import Device

_LEAST_BATCH = 2
"""Kernels for a batch of one round differently from those for larger batches, so a single image is repeated."""


class Ensemble(nn.Module):
    """Ensemble: mean probability of several classifiers of the same findings.

    Args:
        members: Classifiers, at least one.
    """

    def __init__(self, members: Sequence[Classifier]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the log-odds (B, F) of the mean probability of images (B, 1, H, W) in [0, 1]."""
        return torch.logit(self.probabilities(images), eps=1e-7)

    def probabilities(self, images: Tensor) -> Tensor:
        """Compute the mean probability (B, F) of images (B, 1, H, W) in [0, 1]."""
        return torch.stack([probabilities_of(member, images) for member in self.classifiers]).mean(0)

    @property
    def classifiers(self) -> list[Classifier]:
        """Members of the ensemble."""
        return [member for member in self.members if isinstance(member, Classifier)]


@dataclass(frozen=True)
class PackagedClassifier:
    """Packaged model, loaded for prediction.

    Attributes:
        model: Module in evaluation mode, from images (B, 1, S, S) in [0, 1] to logits (B, F); S is `image_size`.
        cards: Cards of its classifiers: one, or one per member of an ensemble.
        description: Findings, thresholds, calibration and metrics.
        recipe: Preprocessing.
        directory: Directory of the package.
        precision: Numerical precision; as in training, if this machine supports it.
    """

    model: Classifier | Ensemble
    cards: tuple[Card, ...]
    description: ModelDescription
    recipe: Recipe
    directory: Path
    precision: ResolvedPrecision

    @property
    def findings(self) -> list[str]:
        """Canonical names of the F findings, in the order of the outputs."""
        return self.description.finding_names

    @property
    def thresholds(self) -> dict[str, float | None]:
        """Threshold of each finding on the probability; None if there is none."""
        return {finding.name: finding.threshold for finding in self.description.findings}

    @property
    def image_size(self) -> int:
        """Side S of the images in pixels."""
        return self.cards[0].image_size

    @property
    def ledger(self) -> Ledger:
        """Patients that the weights were trained on."""
        return Ledger(patient for card in self.cards for patient in card.training_patients)

    @property
    def classifiers(self) -> list[Classifier]:
        """The classifier, or the members of the ensemble."""
        return self.model.classifiers if isinstance(self.model, Ensemble) else [self.model]

    @property
    def reference_directory(self) -> Path:
        """Directory of the synthetic radiographs of the self-test; for an ensemble, those of its first member."""
        members = self.description.members if isinstance(self.model, Ensemble) else []
        return (self.directory / members[0] if members else self.directory) / REFERENCE

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return self.classifiers[0].positive_weights.device

    def preprocess(self, image: Path | NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Preprocess an image, to (S, S) uint8.

        Args:
            image: PNG, JPEG or DICOM file; or decoded gray values, (H, W).

        Raises:
            UnreadableImage: The file is not a readable radiograph.
        """
        gray = read_gray(image, self.recipe.window) if isinstance(image, Path) else image
        return preprocess(gray, self.recipe)

    def views(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Convert pixels (N, S, S) uint8 to model input (N, 1, image_size, image_size) float32 in [0, 1]."""
        images = torch.from_numpy(np.ascontiguousarray(pixels))[:, None].to(self.device)
        return plain_view(images, self.image_size)

    @property
    def batch_size(self) -> int:
        """Number of images per batch, as in the study."""
        return int(self.cards[0].settings.get("batch_size", 32))

    def probabilities(
        self, pixels: NDArray[np.uint8], *, precision: ResolvedPrecision | None = None, fill_to: int = _LEAST_BATCH
    ) -> NDArray[np.float32]:
        """Compute probabilities (N, F), 0 to 1, of preprocessed images (N, S, S).

        Scoring is deterministic and equals that of the study: same precision, no augmentation. The last bit of a
        probability can depend on the batch size (choice of kernels); filled to `batch_size`, an image gets the same
        value as in a full batch of its study.

        Args:
            pixels: Images of `preprocess`.
            precision: Precision to use instead of the model's.
            fill_to: Minimum batch size; smaller batches are filled with copies of the first image, which are dropped.
        """
        if 0 < len(pixels) < fill_to:
            filled = np.concatenate([pixels, np.repeat(pixels[:1], fill_to - len(pixels), axis=0)])
            return self.probabilities(filled, precision=precision)[: len(pixels)]
        with deterministic(self.device), torch.no_grad(), _autocast(self.device, precision or self.precision):
            views = self.views(pixels)
            parts = [probabilities_of(member, views) for member in self.classifiers]
        found = parts[0] if len(parts) == 1 else torch.stack(parts).mean(0)
        return np.asarray(found.cpu().numpy(), dtype=np.float32)


def load_package(
    directory: Path | str, *, ensemble: bool = False, device: Device = "auto", self_test: bool = True
) -> PackagedClassifier:
    """Load a model directory of `hilum package`, and verify its outputs on reference radiographs.

    Args:
        directory: Directory of one classifier (`DIR/seed-0`), or of an arm (`DIR`).
        ensemble: Average the probabilities of all seeds of an arm; no effect for an arm with one seed.
        device: auto, cpu or cuda.
        self_test: Refuse a model that does not reproduce its reference outputs.

    Raises:
        HilumError: Missing or damaged files; an arm of several seeds without `ensemble`; or outputs that differ from
            the packaged ones by more than `hilum.prediction.self_test.TOLERANCE`.
    """
    directory = Path(directory)
    description = read_description(directory)
    if ensemble and not description.members:
        fix = "Give the directory of the arm, or omit --ensemble."
        raise HilumError(directory, expected="an arm with its seeds", found="a single classifier", fix=fix)
    if len(description.members) > 1 and not ensemble:
        first = directory / description.members[0]
        raise HilumError(
            directory,
            expected="one classifier, or --ensemble for the mean of all seeds",
            found=f"an arm of {len(description.members)} seeds",
            fix=f"Add --ensemble, or name one seed: {first}.",
        )
    directories = [directory / member for member in description.members] or [directory]
    if len(directories) == 1:
        description = read_description(directories[0])
    chosen = choose_device(device)
    loaded = []
    for each in directories:
        classifier, card = load_weights_and_card(each)
        _check_same_findings(each, card, description)
        one = PackagedClassifier(
            classifier.to(device=chosen, memory_format=torch.channels_last),  # type: ignore[call-overload]
            (card,),
            description if len(directories) == 1 else read_description(each),
            parse_recipe(card.preprocessing),
            each,
            _precision(card, chosen),
        )
        if self_test:
            check_reference(each, one.preprocess, partial(one.probabilities, precision="fp32"))
        loaded.append(one)
    if len(loaded) == 1:
        return loaded[0]
    one = loaded[0]
    for other in loaded[1:]:
        if (other.recipe, other.image_size) != (one.recipe, one.image_size):
            fix = "Package the arm again."
            raise HilumError(other.directory, expected="the preprocessing of its arm", found="another", fix=fix)
    members = Ensemble([classifier for each in loaded for classifier in each.classifiers]).eval()
    cards = tuple(card for each in loaded for card in each.cards)
    return PackagedClassifier(members, cards, description, one.recipe, directory, one.precision)


def probabilities_of(classifier: Classifier, views: Tensor) -> Tensor:
    """Compute the probabilities (B, F) of a classifier on images (B, 1, H, W) in [0, 1], in float32."""
    return classifier.output_type.probabilities(classifier(views).float())


def _precision(card: Card, device: torch.device) -> ResolvedPrecision:
    """Return the precision of the training if this machine supports it natively; else this machine's default."""
    own = choose_precision("auto", device)
    trained: ResolvedPrecision = card.settings.get("precision", own)
    same_device = card.settings.get("device", device.type) == device.type
    return trained if same_device and trained in (own, "fp32") else own


def _autocast(device: torch.device, precision: ResolvedPrecision) -> AbstractContextManager[None]:
    return torch.autocast(device.type, AUTOCAST.get(precision), enabled=precision in AUTOCAST)


def _check_same_findings(directory: Path, card: Card, description: ModelDescription) -> None:
    if card.findings != description.finding_names:
        raise HilumError(
            directory,
            expected=f"a classifier of {', '.join(description.finding_names)}",
            found=", ".join(card.findings),
            fix="card.json and model.json do not belong together; package the model again.",
        )
