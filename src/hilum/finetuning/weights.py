"""Classifiers on disk: `model.safetensors` and `card.json`."""

from pathlib import Path

from hilum.encoders.card import Card, read_card, write_card
from hilum.encoders.weightless import undrawn
from hilum.encoders.weights import load_weights, stamp, write_weights
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier

MODEL_WEIGHTS = "model.safetensors"


def write_classifier(classifier: Classifier, card: Card, directory: Path) -> Card:
    """Write weights and card to a directory; return the written card."""
    return write_card(stamp(card, write_weights(classifier, directory / MODEL_WEIGHTS)), directory)


def load_classifier(directory: Path) -> tuple[Classifier, Card]:
    """Load the classifier of a directory written by `finetune`, in evaluation mode, and its card.

    Raises:
        HilumError: A file is missing or damaged, or files are of different runs.
    """
    card = read_card(directory)
    if not card.findings:
        raise HilumError(
            directory, expected="a classifier", found="an encoder without findings", fix="Fine-tune it first."
        )
    with undrawn():
        classifier = Classifier(
            create_encoder(card.encoder, seed=0),
            len(card.findings),
            size=card.image_size,
            head=card.settings.get("head", "linear"),
            pooling=card.settings.get("pooling", "own"),
            output_type=card.settings.get("output_type", "multilabel"),
        )
    load_weights(classifier, directory / MODEL_WEIGHTS, card.sha256)
    return classifier.eval(), card
