"""Loading a model directory: weights, what belongs to them, and a self-test before the first prediction."""

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
"""Kernels of a batch of one round otherwise than those of several: one image is computed twice instead."""


class Ensemble(nn.Module):
    """The mean probability of several classifiers of the same findings.

    Args:
        members: at least one.
    """

    def __init__(self, members: Sequence[Classifier]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        """Log-odds of the mean probability, views (B, 1, H, W) in [0, 1] to (B, findings)."""
        return torch.logit(self.probabilities(images), eps=1e-7)

    def probabilities(self, images: Tensor) -> Tensor:
        """Mean probability, (B, findings) in [0, 1]."""
        return torch.stack([probabilities_of(member, images) for member in self.classifiers]).mean(0)

    @property
    def classifiers(self) -> list[Classifier]:
        """The members."""
        return [member for member in self.members if isinstance(member, Classifier)]


@dataclass(frozen=True)
class PackagedClassifier:
    """A model that is ready to be used.

    Attributes:
        model: in evaluation mode: views (B, 1, S, S) in [0, 1] to logits (B, F); S is `image_size`.
        cards: of the classifiers in it; one, or those of an ensemble.
        description: findings, thresholds, calibration, what it was measured at.
        recipe: of the preprocessing.
        directory: that it came from.
        precision: of the products; as in training where this machine has it.
    """

    model: Classifier | Ensemble
    cards: tuple[Card, ...]
    description: ModelDescription
    recipe: Recipe
    directory: Path
    precision: ResolvedPrecision

    @property
    def findings(self) -> list[str]:
        """F canonical names, in the order of the outputs."""
        return self.description.finding_names

    @property
    def thresholds(self) -> dict[str, float | None]:
        """By finding, on the scale of the probabilities."""
        return {finding.name: finding.threshold for finding in self.description.findings}

    @property
    def image_size(self) -> int:
        """Side of the views in px."""
        return self.cards[0].image_size

    @property
    def ledger(self) -> Ledger:
        """Patients whose images had a part in the weights."""
        return Ledger(patient for card in self.cards for patient in card.training_patients)

    @property
    def classifiers(self) -> list[Classifier]:
        """The one classifier, or the members of the ensemble."""
        return self.model.classifiers if isinstance(self.model, Ensemble) else [self.model]

    @property
    def reference_directory(self) -> Path:
        """Of the generated radiographs of its self-test; of an ensemble those of its first member."""
        members = self.description.members if isinstance(self.model, Ensemble) else []
        return (self.directory / members[0] if members else self.directory) / REFERENCE

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.classifiers[0].positive_weights.device

    def preprocess(self, image: Path | NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
        """An image as the recipe makes it, (S, S) uint8.

        Args:
            image: a PNG, JPEG or DICOM file; or decoded gray values, (H, W).

        Raises:
            UnreadableImage: the file holds no radiograph that can be read.
        """
        gray = read_gray(image, self.recipe.window) if isinstance(image, Path) else image
        return preprocess(gray, self.recipe)

    def views(self, pixels: NDArray[np.uint8]) -> Tensor:
        """What the model takes: (N, S, S) uint8 to (N, 1, image_size, image_size) float32 in [0, 1], on its device."""
        images = torch.from_numpy(np.ascontiguousarray(pixels))[:, None].to(self.device)
        return plain_view(images, self.image_size)

    @property
    def batch_size(self) -> int:
        """Images that a study scores together."""
        return int(self.cards[0].settings.get("batch_size", 32))

    def probabilities(
        self, pixels: NDArray[np.uint8], *, precision: ResolvedPrecision | None = None, fill_to: int = _LEAST_BATCH
    ) -> NDArray[np.float32]:
        """Probabilities of preprocessed images, (N, S, S) to (N, F), 0 to 1.

        As in a study's own scoring: with the precision of the training, on plain views, deterministic. Which kernels a
        processor's library takes can depend on the size of a batch, and so can the last bit of a probability: filled to
        `batch_size`, an image gets what it gets in a full batch of its study.

        Args:
            pixels: of `preprocess`.
            precision: another one than the model's.
            fill_to: images; fewer are computed together with copies of the first one, which are dropped.
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
    """Load a model directory that `hilum package` wrote, and try it on its reference radiographs.

    Args:
        directory: of one classifier (`DIR/seed-0`), or of an arm (`DIR`).
        ensemble: all seeds of an arm, by their mean probability. Of an arm with one seed it changes nothing.
        device: auto, cpu or cuda.
        self_test: refuse a model that does not reproduce its reference outputs.

    Raises:
        HilumError: something is missing or damaged; an arm of several seeds without `ensemble`; or outputs that differ
            from those that it was packaged with by more than `hilum.prediction.self_test.TOLERANCE`.
    """
    directory = Path(directory)
    description = read_description(directory)
    if ensemble and not description.members:
        fix = "Give the directory of the arm, or leave out --ensemble."
        raise HilumError(directory, expected="an arm with its seeds", found="a single classifier", fix=fix)
    if len(description.members) > 1 and not ensemble:
        first = directory / description.members[0]
        raise HilumError(
            directory,
            expected="one classifier, or --ensemble for the mean of all seeds",
            found=f"an arm of {len(description.members)} seeds",
            fix=f"Say --ensemble, or name one seed: {first}.",
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
    """What a classifier gives each finding, (B, 1, H, W) in [0, 1] to (B, F) float32 in [0, 1]."""
    return classifier.output_type.probabilities(classifier(views).float())


def _precision(card: Card, device: torch.device) -> ResolvedPrecision:
    """That of the training where this machine computes in it natively; its own choice elsewhere."""
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
            fix="Card and model.json are not of one model; package it again.",
        )
