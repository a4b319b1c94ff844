"""Trained classifiers as torch modules: of a run, of a study, or packaged."""

import json
from pathlib import Path

from torch import Tensor

from hilum.encoders.card import Card
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.weights import load_classifier as read_classifier
from hilum.prediction.description import MODEL, ModelDescription
from hilum.prediction.loading import Ensemble, load_package
from hilum.renamed import checked_arguments
from hilum.runs.inputs import LoadedModel, model_directory
from hilum.runs.results import Result
from hilum.training.distributed.device import choose_device
from hilum.training.settings import Device


class LoadedClassifier(LoadedModel):
    """Classifier in evaluation mode, with the preprocessing of its images.

    Attributes:
        network: Classifier (encoder and head), or ensemble of classifiers.
        cards: Model cards: architecture, training, and training patients; one, or one per member of an ensemble.
        findings: F names of findings, in the order of the outputs.
        thresholds: Threshold of each finding, chosen on validation images; None if there is none.
        description: Calibration, codes, and metrics of a package; None for a run.
        card: Card of the classifier, or of the first member of an ensemble.
        recipe, image_size: As in `hilum.runs.inputs.LoadedModel`.
    """

    def __init__(
        self,
        network: Classifier | Ensemble,
        cards: tuple[Card, ...],
        thresholds: dict[str, float | None],
        description: ModelDescription | None = None,
    ) -> None:
        super().__init__(cards[0])
        self.network, self.cards = network, cards
        self.findings = list(cards[0].findings)
        self.thresholds = {finding: thresholds.get(finding) for finding in self.findings}
        self.description = description

    def forward(self, images: Tensor) -> Tensor:
        """Compute probabilities (B, F) of the findings on images (B, 1, S, S) in [0, 1]."""
        if isinstance(self.network, Ensemble):
            return self.network.probabilities(images)
        probabilities: Tensor = self.network.output_type.probabilities(self.network(images))
        return probabilities


@checked_arguments
def load_classifier(
    model: str | Path | Result, *, ensemble: bool = False, device: Device = "cpu", self_test: bool = True
) -> LoadedClassifier:
    """Load a classifier; its outputs are probabilities, in float32.

    Args:
        model: Result of `hilum.finetune`, directory of a classifier of a run or a study, or package of `hilum package`:
            of one classifier (`DIR/seed-0`), or of an arm (`DIR`).
        ensemble: Average the probabilities of all seeds of an arm's package.
        device: Device to load it on.
        self_test: For a package: verify that it reproduces its reference outputs.

    Raises:
        HilumError: Missing, damaged or inconsistent files; a package of several seeds without `ensemble`; or a package
            that does not reproduce its reference outputs.

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
        fix = "Create one with `hilum package`, or omit ensemble=True."
        raise HilumError(directory, expected="a package of an arm", found="a single classifier", fix=fix)
    classifier, card = read_classifier(directory)
    described = directory.parent / "finetune.json"
    thresholds = json.loads(described.read_text(encoding="utf-8"))["thresholds"] if described.is_file() else {}
    return LoadedClassifier(classifier, (card,), thresholds).to(choose_device(device)).eval()
