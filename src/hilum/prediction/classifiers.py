"""Any finished classifier as a plain module: of a run, of a study, or packaged."""

import json
from pathlib import Path

from torch import Tensor, nn

from hilum.data.preprocess import Recipe
from hilum.encoders.card import Card
from hilum.errors import HilumError
from hilum.explanation.embedding import recipe_of
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.weights import load_classifier as read_classifier
from hilum.prediction.description import MODEL, ModelDescription
from hilum.prediction.loading import Ensemble, load_package
from hilum.runs.inputs import model_directory, read_view
from hilum.runs.results import Result
from hilum.training.distributed.device import choose_device
from hilum.training.settings import Device


class LoadedClassifier(nn.Module):
    """A classifier in evaluation mode, with all that its images need.

    Attributes:
        network: a classifier with its encoder and head, or an ensemble of several.
        cards: what it is, and whose images it has learnt from: one, or those of an ensemble.
        findings: F names, in the order of the outputs.
        thresholds: by finding, the threshold chosen on validation images; None where there is none.
        description: calibration, codes, and numbers with intervals of a package; None of a run.
        recipe: how images are preprocessed.
        image_size: side S of its images in px.
    """

    def __init__(
        self,
        network: Classifier | Ensemble,
        cards: tuple[Card, ...],
        thresholds: dict[str, float | None],
        description: ModelDescription | None = None,
    ) -> None:
        super().__init__()
        self.network, self.cards, self.image_size = network, cards, cards[0].image_size
        self.findings = list(cards[0].findings)
        self.thresholds = {finding: thresholds.get(finding) for finding in self.findings}
        self.description = description
        self.recipe: Recipe = recipe_of(cards[0])

    @property
    def card(self) -> Card:
        """Of the one classifier, or of the first of an ensemble."""
        return self.cards[0]

    def forward(self, images: Tensor) -> Tensor:
        """Probabilities of the findings, (B, 1, S, S) in [0, 1] to (B, F) in [0, 1]."""
        if isinstance(self.network, Ensemble):
            return self.network.probabilities(images)
        probabilities: Tensor = self.network.output_type.probabilities(self.network(images))
        return probabilities

    def preprocess(self, path: str | Path) -> Tensor:
        """Read and preprocess one image file for the classifier, (1, 1, S, S) in [0, 1].

        Raises:
            UnreadableImage: the file is no image that can be read.
        """
        return read_view(path, self.recipe, self.image_size)


def load_classifier(
    model: str | Path | Result, *, ensemble: bool = False, device: Device = "cpu", self_test: bool = True
) -> LoadedClassifier:
    """Load a classifier; its outputs are probabilities, in float32.

    Args:
        model: the result of `hilum.finetune`, a directory as fine-tuning or a study wrote it, or a package of
            `hilum package`: of one classifier (`DIR/seed-0`), or of an arm (`DIR`).
        ensemble: all seeds of an arm's package, by their mean probability.
        device: where to put it.
        self_test: of a package: refuse one that does not reproduce its reference outputs.

    Raises:
        HilumError: something is missing, damaged, or not of one run; a package of several seeds without `ensemble`; or
            one that does not reproduce its reference outputs.

    Example:
        >>> import hilum
        >>> classifier = hilum.load_classifier("models/simclr", ensemble=True)  # doctest: +SKIP
        >>> dict(zip(classifier.findings, classifier(classifier.preprocess("0042.png"))[0]))  # doctest: +SKIP
    """
    if not isinstance(model, Result) and (Path(model) / MODEL).is_file():
        package = load_package(model, ensemble=ensemble, device=device, self_test=self_test)
        return LoadedClassifier(package.model, package.cards, package.thresholds, package.description).eval()
    directory = model_directory(model)
    if ensemble:
        fix = "Make one with `hilum package`, or leave out ensemble=True."
        raise HilumError(directory, expected="a package of an arm", found="a single classifier", fix=fix)
    classifier, card = read_classifier(directory)
    described = directory.parent / "finetune.json"
    thresholds = json.loads(described.read_text(encoding="utf-8"))["thresholds"] if described.is_file() else {}
    return LoadedClassifier(classifier, (card,), thresholds).to(choose_device(device)).eval()
