"""From an encoder and labelled films to a classifier and its scores."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from hilum.artifacts import whole_directory, whole_file
from hilum.data.batches import Batches
from hilum.data.store import Store
from hilum.encoders.card import Card
from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.weights import load_encoder
from hilum.encoders.zoo import Encoder, create_encoder
from hilum.errors import HilumError
from hilum.finetune.classifier import Classifier, HeadOnFeatures
from hilum.finetune.films import LabelledFilms
from hilum.finetune.losses import balancing_weights
from hilum.finetune.outputs import plain_outputs
from hilum.finetune.settings import FinetuneSettings
from hilum.finetune.weights import write_classifier
from hilum.progress import ProgressReport, silent
from hilum.training.checkpoint import delete_checkpoints, resume_only_same_run
from hilum.training.fit import fit
from hilum.training.precision import choose_device, choose_precision
from hilum.views import POLICIES


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
    on_progress: ProgressReport = silent,
) -> Path:
    """Train with labels, keep the weights of the lowest validation loss, and score films.

    `directory` then holds model.safetensors, card.json, curves.parquet and scores.parquet (`image_id`, and
    `p_<finding>` in [0, 1]: sigmoids of the logits of plain views, in the precision of the training). It is complete or
    absent; a killed call that is made again goes on where it was and ends with the same bits.

    With `unfreeze=0` and policy "none" nothing before the head changes, so features are computed once.

    Args:
        init: "random", or a directory with encoder.safetensors and card.json.
        encoder_name: one of `hilum.encoders.zoo.ENCODERS`.
        store: pixels of all films named here.
        train, val: films with targets; no patient in both.
        predict_ids: films to score. Their labels, where there are any, are not known here.
        findings: columns of the targets.
        settings: of the run.
        seed: of weights, order, views and dropout.
        directory: to make.
        split_title: for the card.
        on_progress: called while training, and then while scoring.

    Returns:
        `directory`.

    Raises:
        HilumError: inputs do not fit together, or training fails (see `hilum.training.fit.fit`).
    """
    _check(train, val, findings, settings)
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    size = settings.size or store.recipe.size
    encoder, known_patients, starts_from = _start(init, encoder_name, seed)
    with whole_directory(directory, resume=True) as beside:
        decisive = {name: value for name, value in asdict(settings).items() if name not in ("workers", "device")}
        resume_only_same_run(
            beside,
            [decisive, device.type, precision, seed, encoder_name, starts_from, store.recipe.as_data(), list(findings),
             _summary(train), _summary(val), list(predict_ids)],
        )  # fmt: skip
        weights = balancing_weights(train.targets) if settings.weighted else np.ones(len(findings), np.float32)
        freeze_all_but_last(encoder, settings.unfreeze)
        classifier = Classifier(
            encoder, len(findings), size=size, policy=POLICIES[settings.policy], seed=seed,
            positive_weights=torch.from_numpy(weights), dropout=settings.dropout, head_lr=settings.head_lr,
        )  # fmt: skip

        def plainly(image_ids: Sequence[str], targets: NDArray[np.float32] | None = None) -> Batches:
            return Batches(
                store, list(image_ids), settings.batch_size, seed=seed, shuffle=False, drop_last=False, targets=targets,
                workers=settings.workers, device=device,
            )  # fmt: skip

        batches = Batches(
            store, train.image_ids, settings.batch_size, seed=seed, shuffle=True,
            drop_last=len(train.image_ids) >= settings.batch_size, targets=train.targets, workers=settings.workers,
            device=device,
        )  # fmt: skip
        trainable: Classifier | HeadOnFeatures = classifier
        if settings.unfreeze == 0 and settings.policy == "none":
            encoder.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
            features = [
                plain_outputs(
                    encoder, plainly(ids), size=size, precision=precision, device=device, note=f"features of {part} films",
                    on_progress=on_progress,
                )
                for part, ids in (("training", train.image_ids), ("validation", val.image_ids))
            ]  # fmt: skip
            trainable = HeadOnFeatures(classifier, *features)
        fit(
            trainable, batches, validation=plainly(val.image_ids, val.targets), settings=settings.training(seed),
            directory=beside, on_progress=on_progress,
        )  # fmt: skip
        classifier.to(device).eval()
        logits = plain_outputs(
            classifier, plainly(predict_ids), size=size, precision=precision, device=device, note="scoring",
            on_progress=on_progress,
        )  # fmt: skip
        _write_scores(predict_ids, findings, logits.sigmoid().cpu().numpy(), beside / "scores.parquet")
        card = Card(
            encoder=encoder_name,
            method="finetune",
            starts_from=starts_from,
            settings={
                **asdict(settings),
                "precision": precision,
                "positive_weights": dict(zip(findings, weights.tolist(), strict=True)),
                "without_positives": [f for f, t in zip(findings, train.targets.T, strict=True) if not (t == 1).any()],
            },
            preprocessing=store.recipe.as_data(),
            image_size=size,
            mean=float(encoder.mean),
            std=float(encoder.std),
            seed=seed,
            split=split_title,
            patients_seen=sorted({*known_patients, *train.patient_ids, *val.patient_ids}),
            images_seen=len(train.image_ids),
            findings=list(findings),
        )
        write_classifier(classifier, card, beside)
        delete_checkpoints(beside)
    return directory
