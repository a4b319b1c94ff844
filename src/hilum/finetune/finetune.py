"""From an encoder and labelled films to a classifier and its scores."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from hilum.artifacts import whole_file
from hilum.data.labelled_films import UNCERTAIN_CLASS, LabelledFilms
from hilum.data.store import Store
from hilum.encoders.card import Card
from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.seen import read_seen, seen_films, write_seen
from hilum.encoders.weights import load_encoder
from hilum.encoders.zoo import Encoder, create_encoder
from hilum.errors import HilumError
from hilum.finetune.answers import make_answers
from hilum.finetune.classifier import Classifier, HeadOnFeatures
from hilum.finetune.feed import Feed
from hilum.finetune.settings import FinetuneSettings
from hilum.finetune.weights import write_classifier
from hilum.progress import ProgressReport, silent
from hilum.training.checkpoint import delete_checkpoints, resume_only_same_run
from hilum.training.fit import fit
from hilum.training.precision import choose_device, choose_precision
from hilum.training.processes import run_directory
from hilum.training.ranks import rank
from hilum.views import ViewPolicy, policy_of


def finetune(
    init: Path | str,
    encoder_name: str,
    store: Store,
    train: LabelledFilms,
    val: LabelledFilms,
    predict_ids: Sequence[str],
    findings: Sequence[str],
    *,
    settings: FinetuneSettings,
    seed: int,
    directory: Path,
    split_title: str = "",
    patients_apart: bool = True,
    on_progress: ProgressReport = silent,
) -> Path:
    """Train with labels, keep the weights of the lowest validation loss, and score films.

    `directory` then holds model.safetensors, card.json, seen.parquet (whose films had a part in it), curves.parquet
    and scores.parquet (`image_id`, and `p_<finding>` in [0, 1]: of plain views, in the precision of the training). It
    is complete or absent; a killed call that is made again goes on where it was and ends with the same bits.

    Args:
        init: "random", or a directory with encoder.safetensors and card.json.
        encoder_name: one of `hilum.encoders.zoo.ENCODERS`.
        store: pixels of all films named here.
        train: films with targets.
        val: films with targets, of other patients.
        predict_ids: films to score. Their labels, where there are any, are not known here.
        findings: columns of the targets.
        settings: of the run.
        seed: of weights, order, views and dropout.
        directory: to make.
        split_title: for the card.
        patients_apart: refuse patients in both training and validation; a published rule that divides films instead of
            patients says so in its split, and is the only reason not to.
        on_progress: called while training, and then while scoring.

    Returns:
        `directory`.

    Raises:
        HilumError: inputs do not fit together, or training fails (see `hilum.training.fit.fit`).
    """
    check_inputs(train, val, predict_ids, findings, settings, patients_apart)
    store.rows([*train.image_ids, *val.image_ids, *predict_ids])  # so that a missing film is not found after training
    device = choose_device(settings.device)
    feed = Feed(
        store,
        size=settings.size or store.recipe.size,
        batch_size=settings.batch_size,
        seed=seed,
        workers=settings.workers,
        device=device,
        precision=choose_precision(settings.precision, device),
    )
    encoder, origin = start_encoder(init, encoder_name, seed)
    starts_from = origin.sha256 if origin else "random"
    classifier = untrained_classifier(encoder, train, settings, feed)
    with run_directory(directory) as beside:
        resume_only_same_run(
            beside,
            [decisive(settings), device.type, feed.precision, seed, encoder_name, starts_from,
             store.recipe.as_data(), list(findings), digest_of(train), digest_of(val), list(predict_ids)],
        )  # fmt: skip
        _train(classifier, train, val, settings, feed, beside, on_progress)
        logits = feed.outputs(classifier.to(device).eval(), predict_ids, "scoring", on_progress)
        probabilities = classifier.answers.probabilities(logits).cpu().numpy()
        scores = pl.DataFrame(probabilities, schema=[f"p_{finding}" for finding in findings])
        if rank() == 0:
            with whole_file(beside / "scores.parquet") as path:
                scores.insert_column(0, pl.Series("image_id", list(predict_ids), dtype=pl.String)).write_parquet(path)
            write_classifier(
                classifier, _card(classifier, origin, train, val, findings, settings, feed, split_title), beside
            )
            earlier = None if init == "random" else read_seen(Path(init))
            write_seen(
                beside,
                seen_films(train.image_ids, train.patient_ids, "train"),
                seen_films(val.image_ids, val.patient_ids, "val"),
                *([] if earlier is None else [earlier]),
            )
        delete_checkpoints(beside)
    return directory


def start_encoder(init: Path | str, encoder_name: str, seed: int) -> tuple[Encoder, Card | None]:
    """The encoder that training starts from, and the card that came with its weights; None for random ones.

    Raises:
        HilumError: the weights are of another encoder.
    """
    if init == "random":
        return create_encoder(encoder_name, seed=seed), None
    encoder, card = load_encoder(Path(init))
    if encoder.name != encoder_name:
        raise HilumError(
            init, expected=f"weights of {encoder_name}", found=f"weights of {encoder.name}", fix="Name that encoder."
        )
    return encoder, card


def untrained_classifier(encoder: Encoder, train: LabelledFilms, settings: FinetuneSettings, feed: Feed) -> Classifier:
    """A classifier as it is before its first step; `encoder` is frozen in place as the settings say."""
    freeze_all_but_last(encoder, settings.unfreeze)
    findings = train.targets.shape[1]
    weights = np.ones(findings, np.float32)
    if settings.weighted:
        weights = make_answers(settings.answer).balanced(train.targets, limit=settings.positive_weight_limit)
    return Classifier(
        encoder,
        findings,
        size=feed.size,
        policy=policy_of(settings.policy),
        seed=feed.seed,
        positive_weights=torch.from_numpy(weights),
        dropout=settings.dropout,
        head_lr=settings.head_lr,
        answer=settings.answer,
        head=settings.head,
        pooling=settings.pooling,
    )


def _train(
    classifier: Classifier,
    train: LabelledFilms,
    val: LabelledFilms,
    settings: FinetuneSettings,
    feed: Feed,
    directory: Path,
    on_progress: ProgressReport,
) -> None:
    trainable: Classifier | HeadOnFeatures = classifier
    if classifier.features_are_fixed and policy_of(settings.policy) == ViewPolicy():
        # Nothing before the head changes: compute it once.
        classifier.to(device=feed.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        trainable = HeadOnFeatures(
            classifier,
            train=feed.outputs(classifier.features, train.image_ids, "features of training films", on_progress),
            val=feed.outputs(classifier.features, val.image_ids, "features of validation films", on_progress),
        )
    fit(
        trainable,
        feed.training(train),
        validation=feed.plain(val.image_ids, val.targets),
        settings=settings.training(feed.seed),
        directory=directory,
        on_progress=on_progress,
    )


def _card(
    classifier: Classifier,
    origin: Card | None,
    train: LabelledFilms,
    val: LabelledFilms,
    findings: Sequence[str],
    settings: FinetuneSettings,
    feed: Feed,
    split_title: str,
) -> Card:
    positives = (train.targets == 1).sum(0)
    weights = classifier.positive_weights.tolist()
    return Card(
        encoder=classifier.encoder.name,
        method="finetune",
        starts_from=origin.sha256 if origin else "random",
        settings={
            **decisive(settings),
            "precision": feed.precision,
            "device": feed.device.type,
            "positive_weights": dict(zip(findings, weights, strict=True)),
            "without_positives": [finding for finding, n in zip(findings, positives, strict=True) if n == 0],
        },
        preprocessing=feed.store.recipe.as_data(),
        image_size=feed.size,
        mean=float(classifier.encoder.mean),
        std=float(classifier.encoder.std),
        seed=feed.seed,
        split=split_title,
        patients_seen=sorted({*(origin.patients_seen if origin else ()), *train.patient_ids, *val.patient_ids}),
        images_seen=len(train.image_ids),
        statements=origin.statements if origin else [],
        findings=list(findings),
    )


def decisive(settings: FinetuneSettings) -> dict[str, Any]:
    """Settings that the result depends on."""
    indifferent = "workers", "device", "checkpoint_every_seconds"
    return {name: value for name, value in asdict(settings).items() if name not in indifferent}


def digest_of(films: LabelledFilms) -> list[Any]:
    """What tells films and targets from others, as JSON can hold it."""
    return [films.image_ids, films.patient_ids, hashlib.sha256(films.targets.tobytes()).hexdigest()]


def check_inputs(
    train: LabelledFilms,
    val: LabelledFilms,
    predict_ids: Sequence[str],
    findings: Sequence[str],
    settings: FinetuneSettings,
    patients_apart: bool,
) -> None:
    """Refuse inputs that do not fit together, before anything is written.

    Raises:
        HilumError: says which, and what to do.
    """
    for part, films in (("training films", train), ("validation films", val)):
        if not films.image_ids:
            raise HilumError(part, expected="at least one", found="none", fix="Choose another split.")
        if films.targets.shape[1] != len(findings):
            raise HilumError(
                part,
                expected=f"one column of targets for each of {len(findings)} findings",
                found=f"{films.targets.shape[1]} columns",
                fix="Give targets and findings in the same order.",
            )
        if (films.targets == UNCERTAIN_CLASS).any() and settings.answer != "each_or_uncertain":
            raise HilumError(
                part,
                expected="targets 0, 1 or NaN",
                found="a third class",
                fix="Set answer to each_or_uncertain, or mask them.",
            )
        if settings.answer == "exclusive" and (several := (np.nan_to_num(films.targets).sum(1) != 1).sum()):
            raise HilumError(
                part,
                expected="exactly one finding for each film, since they exclude each other",
                found=f"{several:,} films with none or several",
                fix="Choose the films with exactly_one_of, or answer for each finding.",
            )
    if not predict_ids:
        raise HilumError("films to score", expected="at least one", found="none", fix="Give the ids of the test films.")
    shared = sorted(set(train.patient_ids) & set(val.patient_ids))
    if shared and patients_apart:
        raise HilumError(
            "patients",
            expected="none in both training and validation",
            found=f"{len(shared)} in both ({', '.join(shared[:5])})",
            fix="Split by patient.",
        )
    policy_of(settings.policy, "finetune.policy")
