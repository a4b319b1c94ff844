"""Pretraining from images to an encoder on disk."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from hilum.augment import augmentation_of
from hilum.data.batches import Batches, Images
from hilum.data.patients import sealed
from hilum.data.splits import some_patients
from hilum.encoders.card import Card
from hilum.encoders.weights import load_encoder, write_encoder
from hilum.encoders.zoo import Encoder, create_encoder
from hilum.errors import HilumError
from hilum.pretext.methods import Method, MethodSettings, PretextRun, method_of, method_settings
from hilum.pretext.monitoring import CollapseMonitor, OnlineProbe, epochs_between, monitored_images, notes_of
from hilum.pretext.settings import PretextSettings, early_sizes, last_size
from hilum.progress import ProgressReport, silent
from hilum.training.checkpoint import delete_checkpoints, resume_only_same_run
from hilum.training.distributed import by_the_first, joined_processes, rank, run_directory
from hilum.training.distributed.device import choose_device
from hilum.training.fit import fit
from hilum.training.settings import TrainingSettings


def pretrain(
    method: str,
    store: Images,
    image_ids: list[str],
    patient_ids: list[str],
    *,
    encoder: str | Path,
    settings: PretextSettings,
    seed: int,
    directory: Path,
    split_title: str,
    copied_patients: Sequence[str] = (),
    probe: OnlineProbe | None = None,
    on_progress: ProgressReport = silent,
) -> Path:
    """Pretrain an encoder; it learns without labels, and labels may choose the epoch that is kept.

    Args:
        method: one of `hilum.pretext.methods.registry.METHODS`.
        store: holds the images; of several data sets, see `hilum.data.store.pooled`.
        image_ids: images to learn from.
        patient_ids: of each image, for the card.
        encoder: a name of `hilum.encoders.zoo.ENCODERS`, to start from random weights of `seed`; or the directory of
            an encoder, to go on from its weights.
        settings: of the run.
        seed: of weights, views and order.
        directory: gets `encoder.safetensors`, `card.json` and `curves.parquet`; complete or absent. A run that is
            killed leaves a hidden directory beside it, and goes on from there with the same bits when called again.
        split_title: whose training images these are, for the card.
        copied_patients: further patients for the card: those of images that equal ones learnt from.
        probe: asked every few epochs what the features tell of findings; the training does not depend on it. Where
            `settings.keep` says so, it chooses the epoch whose encoder is kept, and the card names its patients too.
        on_progress: as in `hilum.training.fit.fit`.

    Returns:
        `directory`.

    Raises:
        HilumError: an unknown method or encoder, fewer images than a batch, or features that collapsed.
    """
    chosen = method_of(method)
    settings = settings.filled(method, len(image_ids), from_weights=isinstance(encoder, Path))
    options = method_settings(method, settings.options)
    _check(image_ids, patient_ids, settings, seed)
    network, before = _start(encoder, seed)
    size = last_size(settings.size, store.recipe.size)
    early = early_sizes(settings.size, stored=store.recipe.size, local_size=settings.local_size, epochs=settings.epochs)
    if early is not None:
        network.architecture.padded(early.size)  # refuses a size that the encoder does not take
    keep = "last" if settings.validation else settings.keep  # of the lowest loss of who is held out, then
    probe = None if probe is None or settings.probe_every == 0 else replace(probe, keep=keep)
    with joined_processes(settings.device), run_directory(directory) as work:
        # before the long work, for the salt of one's own patients may be out of reach
        training_patients = by_the_first(lambda: _training_patients([*patient_ids, *copied_patients], probe, before))
        starts_from = before.sha256 if before else "random"
        fingerprint_fields = settings.fingerprint_fields()
        inputs = [method, network.name, starts_from, fingerprint_fields, size, seed, image_ids]
        learnt, held = _held_out(image_ids, patient_ids, settings, seed)
        resume_only_same_run(work, [*inputs, store.recipe.as_data(), probe and probe.images.digest])

        def batches_of(ids: list[str], *, shuffle: bool) -> Batches:
            return Batches(
                store,
                ids,
                min(settings.batch_size, len(ids)),
                seed=seed,
                shuffle=shuffle,
                drop_last=True,
                workers=settings.workers,
                device=str(choose_device(settings.device)),
            )

        batches = batches_of(learnt, shuffle=True)
        probing = probe.probing(size, epochs_between(settings.probe_every, settings.epochs)) if probe else None
        watch = _watch(chosen, options, store, image_ids, size, settings)
        trainable = chosen.create(
            network,
            options,
            PretextRun(
                augmentation=augmentation_of(settings.augmentation or chosen.augmentation),
                local_augmentation=augmentation_of(settings.local_augmentation or chosen.augmentation),
                size=size,
                local_size=settings.local_size or max(32, size // 2),
                images=len(learnt),
                batch_size=settings.batch_size,
                steps=settings.epochs * len(batches),
                seed=seed,
                watch=watch,
                early=early,
                second_augmentation=None
                if settings.second_augmentation is None
                else augmentation_of(settings.second_augmentation),
            ),
        )
        fitted = fit(
            trainable,
            batches,
            validation=batches_of(held, shuffle=False) if held else None,
            probing=probing,
            settings=_training_settings(settings, seed),
            directory=work,
            on_progress=on_progress,
        )
        card = Card(
            encoder=network.name,
            method=method,
            starts_from=starts_from,
            settings=fingerprint_fields,
            preprocessing=store.recipe.as_data(),
            image_size=size,
            mean=float(network.mean),
            std=float(network.std),
            seed=seed,
            split=split_title,
            training_patients=training_patients,
            n_training_images=len(learnt),
            statements=before.statements if before else [],
            epoch=fitted.best_epoch,
            probe=probe.images.digest if probe else "",
            notes=notes_of(
                fitted, probe, loss_of_chance=trainable.loss_of_chance, advice=watch.advice, held_out=len(held)
            ),
        )
        if rank() == 0:
            write_encoder(trainable.exported, card, work)
        delete_checkpoints(work)
    return directory


def _check(image_ids: list[str], patient_ids: list[str], settings: PretextSettings, seed: int) -> None:
    if len(patient_ids) != len(image_ids):
        raise ValueError(f"{len(image_ids)} images, but {len(patient_ids)} patients")
    learnt, held = _held_out(image_ids, patient_ids, settings, seed)
    refuse_beyond_pool(settings.batch_size, len(learnt))
    if settings.validation is not None and len(held) < _FEWEST_HELD:
        raise HilumError(
            "validation",
            expected=f"at least {_FEWEST_HELD} images of patients who are not learnt from",
            found=str(len(held)),
            fix="Hold out a larger fraction, or none.",
        )


_FEWEST_HELD = 2


def _held_out(
    image_ids: list[str], patient_ids: list[str], settings: PretextSettings, seed: int
) -> tuple[list[str], list[str]]:
    """Images to learn from, and those of patients who are held out to watch the loss."""
    if settings.validation is None:
        return image_ids, []
    chosen = set(some_patients(pl.Series(patient_ids, dtype=pl.String), 100 * settings.validation, seed))
    pairs = list(zip(image_ids, patient_ids, strict=True))
    return (
        [image_id for image_id, patient in pairs if patient not in chosen],
        [image_id for image_id, patient in pairs if patient in chosen],
    )


def refuse_beyond_pool(batch_size: int, images: int) -> None:
    """Refuse a batch of more images than there are to learn from.

    Args:
        batch_size: images a step.
        images: in the pool; or, before any is decoded, the most that it can have.

    Raises:
        HilumError: there is not one whole batch.
    """
    if images < batch_size:
        raise HilumError(
            "pretraining images",
            expected=f"at least one batch of {batch_size}",
            found=f"{images} images",
            fix=f"Set `batch_size` to at most {images}, or add images.",
        )


def _training_patients(patient_ids: list[str], probe: OnlineProbe | None, before: Card | None) -> list[str]:
    """Which patients the weights are trained on: who is learnt from, who chooses the epoch, and which patients the
    start was trained on.
    """
    judges = probe.images.patients if probe and probe.chooses else []
    return sealed([*patient_ids, *judges, *(before.training_patients if before else [])])


def _start(encoder: str | Path, seed: int) -> tuple[Encoder, Card | None]:
    if isinstance(encoder, Path):
        return load_encoder(encoder)
    return create_encoder(encoder, seed=seed), None


def _watch(
    method: Method,
    options: MethodSettings,
    store: Images,
    image_ids: list[str],
    size: int,
    settings: PretextSettings,
) -> CollapseMonitor:
    rows = np.sort(store.rows([image_ids[place] for place in monitored_images(len(image_ids))]))
    advice = f"Lower `lr` (now {settings.lr:g}) or {method.advice(options)}"
    return CollapseMonitor(
        images=torch.from_numpy(store.gather(rows))[:, None],
        size=size,
        advice=f"{advice}; see that the images are not all alike in the store.",
    )


_OF_TRAINING = sorted(
    ({each.name for each in fields(TrainingSettings)} & {each.name for each in fields(PretextSettings)}) - {"keep"}
)
"""Settings of a run that the training loop has by the same name; its own `keep` is of validation losses."""


def _training_settings(settings: PretextSettings, seed: int) -> TrainingSettings:
    return TrainingSettings(**{name: getattr(settings, name) for name in _OF_TRAINING}, schedule="cosine", seed=seed)
