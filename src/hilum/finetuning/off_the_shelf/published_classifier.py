"""Scores of a published classifier without training."""

from collections.abc import Sequence
from pathlib import Path

import torch

from hilum.artifacts import whole_directory
from hilum.data.labelled_images import LabelledImages
from hilum.data.patients import pseudonymised_names
from hilum.data.store import Store
from hilum.encoders.card import Card
from hilum.encoders.published import read_classifier
from hilum.encoders.weights import load_encoder
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.data_loader import BatchLoader
from hilum.finetuning.finetune import scored
from hilum.finetuning.monitoring import write_learning
from hilum.finetuning.monitoring.starting_probe import Probes, starting_probe
from hilum.finetuning.off_the_shelf.feature_arm import no_training, write_no_curves
from hilum.finetuning.scores import write_run_scores
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.weights import write_classifier
from hilum.progress import ProgressReport, silent


def load_published_classifier(directory: Path, findings: Sequence[str], size: int) -> tuple[Classifier, Card]:
    """Load the classifier of imported weights for some of its findings, in the given order.

    Args:
        directory: Directory of imported weights (`hilum.encoders.published.import_weights`).
        findings: Findings by Hilum's names.
        size: Side of the network input in px.

    Returns:
        Classifier in evaluation mode, and the card of the weights.

    Raises:
        HilumError: The weights have no classifier, or a finding is missing in it.
    """
    encoder, card = load_encoder(directory)
    own, weight, bias = read_classifier(directory)
    lacking = [finding for finding in findings if finding not in own]
    if lacking:
        raise HilumError(
            directory,
            expected=f"a classifier of {', '.join(findings)}",
            found=f"none of {', '.join(lacking)}; it has {', '.join(own)}",
            fix="Score findings of this classifier, or fine-tune a head.",
        )
    rows = [own.index(finding) for finding in findings]
    classifier = Classifier(encoder, len(findings), size=size)
    with torch.no_grad():
        head = classifier.head
        assert isinstance(head, torch.nn.Linear)
        head.weight.copy_(weight[rows])
        head.bias.copy_(bias[rows])
    return classifier.eval(), card


def score_as_published(
    weights: Path,
    store: Store,
    train: LabelledImages,
    val: LabelledImages,
    predict_ids: Sequence[str],
    findings: Sequence[str],
    *,
    settings: FinetuneSettings,
    seed: int,
    directory: Path,
    on_progress: ProgressReport = silent,
    probes: Probes | None = None,
) -> Path:
    """Score images with a published classifier, and write the files of `hilum.finetuning.finetune`.

    The curves have no rows. The linear probe of its features is fitted to the training images.

    Args:
        weights: Directory of imported weights.
        store: Pixels of all images.
        train, val: Images with targets, for the linear probe.
        predict_ids: Images to score.
        findings: Findings to score.
        settings: `size`, `tta`, `batch_size`, `precision`, `device` and `workers` are used.
        seed: Seed in the card; nothing is random.
        directory: Output directory.
        on_progress: Called while scoring.
        probes: Probes of earlier runs of the same study; see `hilum.finetuning.monitoring.starting_probe`.

    Raises:
        HilumError: As `load_published_classifier`.
    """
    loader = BatchLoader.of(store, settings, seed)
    classifier, origin = load_published_classifier(weights, findings, loader.size)
    with whole_directory(directory) as beside:
        probed = starting_probe(classifier, loader, train, val, predict_ids, on_progress, probes)
        logits, probabilities = scored(classifier, loader, predict_ids, settings, on_progress)
        write_run_scores(probabilities, probed, findings, store, predict_ids, beside)
        write_no_curves(beside / "curves.parquet")
        write_learning(no_training(float(logits.std(axis=0).max())), beside)
        card = Card(
            encoder=origin.encoder,
            method="as published",
            starts_from=origin.sha256,
            settings={
                "output_type": "multilabel",
                "head": "linear",
                "pooling": "own",
                "tta": settings.tta,
                "unfreeze": 0,
            },
            preprocessing=store.recipe.as_data(),
            image_size=loader.size,
            mean=float(classifier.encoder.mean),
            std=float(classifier.encoder.std),
            seed=seed,
            split="",
            training_patients=pseudonymised_names(origin.training_patients),
            n_training_images=0,
            statements=origin.statements,
            findings=list(findings),
        )
        write_classifier(classifier, card, beside)
    return directory
