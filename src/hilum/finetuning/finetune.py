"""Fine-tuning of a classifier from an encoder and labelled images, and its scores."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.artifacts import whole_file
from hilum.augment import Augmentation, augmentation_of
from hilum.data.labelled_images import UNCERTAIN_CLASS, LabelledImages
from hilum.data.patients import pseudonymised_names
from hilum.data.store import Store
from hilum.encoders.card import Card
from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.weights import load_encoder
from hilum.encoders.zoo import Encoder, create_encoder
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier, HeadOnFeatures
from hilum.finetuning.data_loader import BatchLoader
from hilum.finetuning.monitoring import diagnose, write_learning
from hilum.finetuning.monitoring.starting_probe import Probes, starting_probe
from hilum.finetuning.output_types import OutputType, make_output_type
from hilum.finetuning.scores import write_run_scores
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.weight_averaging import Averaged, copy_for_averaging
from hilum.finetuning.weights import write_classifier
from hilum.progress import ProgressReport, silent
from hilum.training.checkpoint import delete_checkpoints, resume_only_same_run
from hilum.training.distributed import rank, run_directory, run_on_rank0
from hilum.training.fit import Fit, fit
from hilum.wording import counted


def finetune(
    init: Path | str,
    encoder_name: str,
    store: Store,
    train: LabelledImages,
    val: LabelledImages,
    predict_ids: Sequence[str],
    findings: Sequence[str],
    *,
    settings: FinetuneSettings,
    seed: int,
    directory: Path,
    split_title: str = "",
    patients_apart: bool = True,
    on_progress: ProgressReport = silent,
    probes: Probes | None = None,
) -> Path:
    """Train a classifier with labels, select an epoch by validation loss (or as in the settings), and score images.

    Files in `directory`: model.safetensors, card.json, curves.parquet (see `hilum.training.fit.Fit`; `selected` is true
    in the row of the selected epoch), learning.json (signs of unfinished training,
    `hilum.finetuning.monitoring.diagnosis`), scores.parquet (`p_<finding>` in [0, 1], without augmentation, in the
    precision of the training; see `hilum.finetuning.scores`), and probe_scores.parquet, the scores of a linear probe of
    the initial features (`hilum.finetuning.monitoring.starting_probe`). The directory is complete or absent; a repeated
    call after an interruption resumes with bit-identical results.

    Args:
        init: "random", or a directory with encoder.safetensors and card.json.
        encoder_name: One of `hilum.encoders.zoo.ENCODERS`.
        store: Pixels of all images.
        train: Training images with targets.
        val: Validation images with targets, of other patients.
        predict_ids: Images to score; their labels are not used.
        findings: Columns of the targets.
        settings: Settings of the run.
        seed: Random seed of weights, order, augmentation and dropout.
        directory: Output directory.
        split_title: Title of the split, for the card.
        patients_apart: Refuse patients in both training and validation; False only for published splits by image.
        on_progress: Called while training, and then while scoring.
        probes: Probes of earlier runs of the same study; see `hilum.finetuning.monitoring.starting_probe`.

    Returns:
        `directory`.

    Raises:
        HilumError: Inputs do not match, or training fails (see `hilum.training.fit.fit`).
    """
    check_inputs(train, val, predict_ids, findings, settings, patients_apart)
    store.rows([*train.image_ids, *val.image_ids, *predict_ids])  # find missing images before training
    loader = BatchLoader.of(store, settings, seed)
    encoder, origin = start_encoder(init, encoder_name, seed)
    starts_from = origin.sha256 if origin else "random"
    all_train, train = train, resampled_images(train, settings, seed)
    classifier = build_classifier(encoder, train, settings, loader)
    # before the training, since the salt of the patient ids may be unavailable
    before = origin.training_patients if origin else []
    training_patients = run_on_rank0(lambda: pseudonymised_names([*before, *all_train.patient_ids, *val.patient_ids]))
    with run_directory(directory) as beside:
        resume_only_same_run(
            beside,
            [fingerprint_fields(settings), loader.device.type, loader.precision, seed, encoder_name, starts_from,
             store.recipe.as_data(), list(findings), digest_of(train), digest_of(val), list(predict_ids)],
        )  # fmt: skip
        probed = starting_probe(classifier, loader, all_train, val, predict_ids, on_progress, probes)
        run = _train(classifier, train, val, settings, loader, beside, on_progress)
        logits, probabilities = scored(classifier, loader, predict_ids, settings, on_progress)
        if rank() == 0:
            write_run_scores(probabilities, probed, findings, store, predict_ids, beside)
            weights = classifier.positive_weights.cpu().numpy()
            learning = diagnose(
                pl.read_parquet(beside / "curves.parquet"),
                logits,
                planned_epochs=settings.epochs_of(len(train.image_ids)),
                chance_loss=classifier.output_type.chance_loss(train.targets, weights),
            )
            write_learning(learning, beside)
            _mark_selected(beside / "curves.parquet", run.best_epoch)
            card = _card(classifier, origin, all_train, training_patients, findings, settings, loader, split_title)
            write_classifier(classifier, card, beside)
        delete_checkpoints(beside)
    return directory


def scored(
    classifier: Classifier,
    loader: BatchLoader,
    image_ids: Sequence[str],
    settings: FinetuneSettings,
    on_progress: ProgressReport = silent,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute logits and probabilities of images, (N, findings) each; with `tta` the means over test-time augmentation.

    Args:
        classifier: Classifier; moved to the loader's device, in evaluation mode.
        loader: BatchLoader of the run.
        image_ids: N image ids.
        settings: Settings of the run.
        on_progress: Called after every batch.
    """
    classifier.to(loader.device).eval()
    if settings.tta == "none":
        logits = loader.outputs(classifier, image_ids, "scoring", on_progress)
        return logits.cpu().numpy(), classifier.output_type.probabilities(logits).cpu().numpy()

    def both(views: Tensor) -> Tensor:
        found = classifier(views).float()
        return torch.cat([found, classifier.output_type.probabilities(found)], dim=1)

    halves = loader.outputs(both, image_ids, "scoring", on_progress, tta=settings.tta).cpu().numpy()
    findings = halves.shape[1] // 2
    return halves[:, :findings], halves[:, findings:]


def resampled_images(train: LabelledImages, settings: FinetuneSettings, seed: int) -> LabelledImages:
    """Return the training images of an epoch, resampled if set."""
    return train if settings.resample is None else train.resampled(settings.resample, seed)


def _mark_selected(path: Path, epoch: int) -> None:
    curves = pl.read_parquet(path).with_columns(selected=pl.col("epoch") == epoch)
    with whole_file(path) as beside:
        curves.write_parquet(beside)


def start_encoder(init: Path | str, encoder_name: str, seed: int) -> tuple[Encoder, Card | None]:
    """Return the initial encoder and the card of its weights; None for random weights.

    Raises:
        HilumError: The weights are of another encoder.
    """
    if init == "random":
        return create_encoder(encoder_name, seed=seed), None
    encoder, card = load_encoder(Path(init))
    if encoder.name != encoder_name:
        raise HilumError(
            init, expected=f"weights of {encoder_name}", found=f"weights of {encoder.name}", fix="Name that encoder."
        )
    return encoder, card


def build_classifier(
    encoder: Encoder, train: LabelledImages, settings: FinetuneSettings, loader: BatchLoader
) -> Classifier:
    """Build the untrained classifier; blocks of `encoder` are frozen in place by the settings."""
    freeze_all_but_last(encoder, settings.unfreeze)
    findings = train.targets.shape[1]
    output_type = output_type_of(settings)
    weights = output_type.class_weights(train.targets, settings.class_weights, most=settings.max_class_weight)
    return Classifier(
        encoder,
        findings,
        size=loader.size,
        augmentation=augmentation_of(settings.augmentation),
        seed=loader.seed,
        positive_weights=torch.from_numpy(weights),
        dropout=settings.dropout,
        head_lr=settings.head_lr,
        output_type=output_type,
        head=settings.head,
        pooling=settings.pooling,
    )


def output_type_of(settings: FinetuneSettings) -> OutputType:
    """Return the output type with the loss of these settings."""
    return make_output_type(
        settings.output_type,
        focal=settings.focal,
        label_smoothing=settings.label_smoothing,
        weighted_mean=settings.reduction == "weighted_mean",
    )


def _train(
    classifier: Classifier,
    train: LabelledImages,
    val: LabelledImages,
    settings: FinetuneSettings,
    loader: BatchLoader,
    directory: Path,
    on_progress: ProgressReport,
) -> Fit:
    trainable: Classifier | HeadOnFeatures = classifier
    average = None if settings.ema is None else copy_for_averaging(classifier)
    averaged: Classifier | HeadOnFeatures | None = average
    if classifier.features_are_fixed and augmentation_of(settings.augmentation) == Augmentation():
        # Features do not change: compute them once.
        classifier.to(device=loader.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        trainable = HeadOnFeatures(
            classifier,
            train=loader.outputs(
                classifier.features, train.image_ids, "features of training images", on_progress, copies=train.copies
            ),
            val=loader.outputs(classifier.features, val.image_ids, "features of validation images", on_progress),
        )
        if average is not None:
            averaged = HeadOnFeatures(average, trainable.train_features, trainable.val_features)
    run = fit(
        trainable if averaged is None or settings.ema is None else Averaged(trainable, averaged, settings.ema),
        loader.training(train, drop_last=settings.drop_last),
        validation=loader.plain(val.image_ids, val.targets),
        settings=settings.training(loader.seed, len(train.image_ids)),
        directory=directory,
        on_progress=on_progress,
    )
    if average is not None:
        classifier.load_state_dict(average.state_dict())
    return run


def _card(
    classifier: Classifier,
    origin: Card | None,
    train: LabelledImages,
    training_patients: list[str],
    findings: Sequence[str],
    settings: FinetuneSettings,
    loader: BatchLoader,
    split_title: str,
) -> Card:
    positives = (train.targets == 1).sum(0)
    weights = classifier.positive_weights.tolist()
    return Card(
        encoder=classifier.encoder.name,
        method="finetune",
        starts_from=origin.sha256 if origin else "random",
        settings={
            **fingerprint_fields(settings),
            "precision": loader.precision,
            "device": loader.device.type,
            "positive_weights": dict(zip(findings, weights, strict=True)),
            "without_positives": [finding for finding, n in zip(findings, positives, strict=True) if n == 0],
        },
        preprocessing=loader.store.recipe.as_data(),
        image_size=loader.size,
        mean=float(classifier.encoder.mean),
        std=float(classifier.encoder.std),
        seed=loader.seed,
        split=split_title,
        training_patients=training_patients,
        n_training_images=len(train.image_ids),
        statements=origin.statements if origin else [],
        findings=list(findings),
    )


def fingerprint_fields(settings: FinetuneSettings) -> dict[str, Any]:
    """Return the settings that determine the result."""
    excluded = "workers", "device", "compile", "checkpoint_every_seconds"
    return {name: value for name, value in asdict(settings).items() if name not in excluded}


def digest_of(images: LabelledImages) -> list[Any]:
    """Return ids and a digest of the targets, as JSON data."""
    copies = [] if images.copies is None else [images.copies.tolist()]
    return [images.image_ids, images.patient_ids, hashlib.sha256(images.targets.tobytes()).hexdigest(), *copies]


def check_inputs(
    train: LabelledImages,
    val: LabelledImages,
    predict_ids: Sequence[str],
    findings: Sequence[str],
    settings: FinetuneSettings,
    patients_apart: bool,
) -> None:
    """Refuse inputs that do not match, before anything is written.

    Raises:
        HilumError: With the inputs and a fix.
    """
    for part, images in (("training images", train), ("validation images", val)):
        if not images.image_ids:
            raise HilumError(part, expected="at least one", found="none", fix="Choose another split.")
        if images.targets.shape[1] != len(findings):
            raise HilumError(
                part,
                expected=f"one column of targets for each of {len(findings)} findings",
                found=f"{images.targets.shape[1]} columns",
                fix="Give targets and findings in the same order.",
            )
        if (images.targets == UNCERTAIN_CLASS).any() and settings.output_type != "multilabel_u_multiclass":
            raise HilumError(
                part,
                expected="targets 0, 1 or NaN",
                found="a third class",
                fix="Set output_type to multilabel_u_multiclass, or mask them.",
            )
        unknown = np.isnan(images.targets).all(1)
        several = ((np.nan_to_num(images.targets).sum(1) != 1) & ~unknown).sum()
        if settings.output_type == "multiclass" and several:
            raise HilumError(
                part,
                expected="exactly one finding for each image (output_type multiclass)",
                found=f"{counted(several)} with none or several",
                fix="Select images with exactly_one_of, or use output_type multilabel.",
            )
    if not predict_ids:
        raise HilumError(
            "images to score", expected="at least one", found="none", fix="Give the ids of the test images."
        )
    shared = sorted(set(train.patient_ids) & set(val.patient_ids))
    if shared and patients_apart:
        raise HilumError(
            "patients",
            expected="none in both training and validation",
            found=f"{len(shared)} in both ({', '.join(shared[:5])})",
            fix="Split by patient.",
        )
    augmentation_of(settings.augmentation, "finetune.augmentation")
