"""Pretraining from films to an encoder on disk."""

from pathlib import Path

import numpy as np
import torch

from hilum.data.batches import Batches
from hilum.data.store import Store
from hilum.encoders.card import Card
from hilum.encoders.seen import read_seen, seen_films, write_seen
from hilum.encoders.weights import load_encoder, write_encoder
from hilum.encoders.zoo import Encoder, create_encoder
from hilum.errors import HilumError
from hilum.pretext.collapse import CollapseWatch, films_to_watch
from hilum.pretext.method import Method, MethodSettings, PretextRun
from hilum.pretext.methods import method_of, method_settings
from hilum.pretext.settings import PretextSettings
from hilum.progress import ProgressReport, silent
from hilum.training.checkpoint import delete_checkpoints, resume_only_same_run
from hilum.training.fit import fit
from hilum.training.precision import choose_device
from hilum.training.processes import joined_processes, run_directory
from hilum.training.ranks import rank
from hilum.training.settings import TrainingSettings
from hilum.views import POLICIES


def pretrain(
    method: str,
    store: Store,
    image_ids: list[str],
    patient_ids: list[str],
    *,
    encoder: str | Path,
    settings: PretextSettings,
    seed: int,
    directory: Path,
    split_title: str,
    on_progress: ProgressReport = silent,
) -> Path:
    """Pretrain an encoder without labels.

    Args:
        method: one of `hilum.pretext.methods.METHODS`.
        store: holds the films.
        image_ids: films to learn from.
        patient_ids: of each film, for the card.
        encoder: a name of `hilum.encoders.zoo.ENCODERS`, to start from random weights of `seed`; or the directory of
            an encoder, to go on from its weights.
        settings: of the run.
        seed: of weights, views and order.
        directory: gets `encoder.safetensors`, `card.json`, `seen.parquet` and `curves.parquet`; complete or absent. A
            run that is killed leaves a hidden directory beside it, and goes on from there with the same bits when
            called again.
        split_title: whose training films these are, for the card.
        on_progress: as in `hilum.training.fit.fit`.

    Returns:
        `directory`.

    Raises:
        HilumError: an unknown method or encoder, fewer films than a batch, or features that collapsed.
    """
    chosen, options = method_of(method), method_settings(method, settings.options)
    _check(image_ids, patient_ids, settings)
    network, before = _start(encoder, seed)
    size = settings.size or store.recipe.size
    with joined_processes(settings.device), run_directory(directory) as work:
        starts_from = before.sha256 if before else "random"
        decisive = settings.decisive() | {"options": options.model_dump()}
        inputs = [method, network.name, starts_from, decisive, size, seed, image_ids]
        resume_only_same_run(work, [*inputs, store.recipe.as_data()])
        batches = Batches(
            store,
            image_ids,
            settings.batch_size,
            seed=seed,
            shuffle=True,
            drop_last=True,
            workers=settings.workers,
            device=str(choose_device(settings.device)),
        )
        trainable = chosen.create(
            network,
            options,
            PretextRun(
                policy=POLICIES[settings.policy or chosen.policy],
                local_policy=POLICIES[settings.local_policy or chosen.local_policy or chosen.policy],
                size=size,
                local_size=settings.local_size or max(32, size // 2),
                films=len(image_ids),
                batch_size=settings.batch_size,
                steps=settings.epochs * len(batches),
                seed=seed,
                watch=_watch(chosen, options, store, image_ids, size, settings),
            ),
        )
        fit(trainable, batches, settings=_training_settings(settings, seed), directory=work, on_progress=on_progress)
        card = Card(
            encoder=network.name,
            method=method,
            starts_from=starts_from,
            settings=decisive,
            preprocessing=store.recipe.as_data(),
            image_size=size,
            mean=float(network.mean),
            std=float(network.std),
            seed=seed,
            split=split_title,
            patients_seen=sorted({*patient_ids, *(before.patients_seen if before else [])}),
            images_seen=len(image_ids),
            statements=before.statements if before else [],
        )
        if rank() == 0:
            write_encoder(trainable.kept, card, work)
            earlier = read_seen(encoder) if isinstance(encoder, Path) else None
            write_seen(work, seen_films(image_ids, patient_ids, "train"), *([] if earlier is None else [earlier]))
        delete_checkpoints(work)
    return directory


def _check(image_ids: list[str], patient_ids: list[str], settings: PretextSettings) -> None:
    if len(patient_ids) != len(image_ids):
        raise ValueError(f"{len(image_ids)} films, but {len(patient_ids)} patients")
    if len(image_ids) < settings.batch_size:
        raise HilumError(
            "pretraining films",
            expected=f"at least one batch of {settings.batch_size}",
            found=f"{len(image_ids)} films",
            fix=f"Set `batch_size` to at most {len(image_ids)}, or add films.",
        )


def _start(encoder: str | Path, seed: int) -> tuple[Encoder, Card | None]:
    if isinstance(encoder, Path):
        return load_encoder(encoder)
    return create_encoder(encoder, seed=seed), None


def _watch(
    method: Method,
    options: MethodSettings,
    store: Store,
    image_ids: list[str],
    size: int,
    settings: PretextSettings,
) -> CollapseWatch:
    rows = np.sort(store.rows([image_ids[place] for place in films_to_watch(len(image_ids))]))
    advice = f"Lower `lr` (now {settings.lr:g}) or {method.advice(options)}"
    return CollapseWatch(
        films=torch.from_numpy(store.pixels[rows])[:, None],
        size=size,
        advice=f"{advice}; see that the films are not all alike in the store.",
    )


def _training_settings(settings: PretextSettings, seed: int) -> TrainingSettings:
    return TrainingSettings(
        epochs=settings.epochs,
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        optimizer="adamw",
        warmup_epochs=min(settings.warmup_epochs, settings.epochs / 4),
        schedule="cosine",
        precision=settings.precision,
        device=settings.device,
        seed=seed,
    )
