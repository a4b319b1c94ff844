"""Pretraining: from an image store to an encoder on disk."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from hilum.augment import augmentation_of
from hilum.data.batches import Batches, Images
from hilum.data.patients import pseudonymised_names
from hilum.data.splits import sample_patients
from hilum.encoders.card import Card
from hilum.encoders.weights import load_encoder, write_encoder
from hilum.encoders.zoo import Encoder, create_encoder
from hilum.errors import HilumError
from hilum.pretext.methods import Method, MethodSettings, PretextRun, method_of, method_settings
from hilum.pretext.monitoring import CollapseMonitor, OnlineProbe, epochs_between, monitored_images, run_notes
from hilum.pretext.settings import PretextSettings, early_sizes, last_size
from hilum.progress import ProgressReport, silent
from hilum.training.checkpoint import delete_checkpoints, resume_only_same_run
from hilum.training.distributed import process_group, rank, run_directory, run_on_rank0
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
    """Pretrain an encoder without labels; an online probe with labels may select the exported epoch.

    Args:
        method: A name of `hilum.pretext.methods.registry.METHODS`.
        store: Image store; for several data sets, see `hilum.data.store.pooled`.
        image_ids: Training images.
        patient_ids: Patient of each image, for the card.
        encoder: A name of `hilum.encoders.zoo.ENCODERS`, for random weights of `seed`; or the directory of an encoder,
            to continue from its weights.
        settings: Settings of the run.
        seed: Random seed of weights, views and order.
        directory: Output: `encoder.safetensors`, `card.json` and `curves.parquet`; complete or absent. An interrupted
            run leaves a hidden directory beside it, and resumes bit-identically when called again.
        split_title: Title of the split of these images, for the card.
        copied_patients: Further patients for the card: those of duplicates of training images.
        probe: Online probe; does not affect the training. With `settings.keep` other than "last" it selects the
            exported epoch, and its patients are added to the card.
        on_progress: As in `hilum.training.fit.fit`.

    Returns:
        `directory`.

    Raises:
        HilumError: Unknown method or encoder, fewer images than a batch, or collapse.
    """
    chosen = method_of(method)
    settings = settings.resolved(method, len(image_ids), from_weights=isinstance(encoder, Path))
    options = method_settings(method, settings.options)
    _check(image_ids, patient_ids, settings, seed)
    network, before = _start(encoder, seed)
    size = last_size(settings.size, store.recipe.size)
    early = early_sizes(settings.size, stored=store.recipe.size, local_size=settings.local_size, epochs=settings.epochs)
    if early is not None:
        network.architecture.padded(early.size)  # raises if the encoder does not support the size
    keep = "last" if settings.validation else settings.keep  # then the lowest held-out loss selects the epoch
    probe = None if probe is None or settings.probe_every == 0 else replace(probe, keep=keep)
    with process_group(settings.device), run_directory(directory) as work:
        # first, since the salt of the user's own patients may be missing
        training_patients = run_on_rank0(lambda: _training_patients([*patient_ids, *copied_patients], probe, before))
        starts_from = before.sha256 if before else "random"
        fields_of_run = settings.fingerprint_fields()
        inputs = [method, network.name, starts_from, fields_of_run, size, seed, image_ids]
        trained, held = _held_out(image_ids, patient_ids, settings, seed)
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

        batches = batches_of(trained, shuffle=True)
        probing = probe.probing(size, epochs_between(settings.probe_every, settings.epochs)) if probe else None
        monitor = _collapse_monitor(chosen, options, store, image_ids, size, settings)
        trainable = chosen.create(
            network,
            options,
            PretextRun(
                augmentation=augmentation_of(settings.augmentation or chosen.augmentation),
                local_augmentation=augmentation_of(settings.local_augmentation or chosen.augmentation),
                size=size,
                local_size=settings.local_size or max(32, size // 2),
                images=len(trained),
                batch_size=settings.batch_size,
                steps=settings.epochs * len(batches),
                seed=seed,
                collapse_monitor=monitor,
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
            settings=fields_of_run,
            preprocessing=store.recipe.as_data(),
            image_size=size,
            mean=float(network.mean),
            std=float(network.std),
            seed=seed,
            split=split_title,
            training_patients=training_patients,
            n_training_images=len(trained),
            statements=before.statements if before else [],
            epoch=fitted.best_epoch,
            probe=probe.images.digest if probe else "",
            notes=run_notes(
                fitted, probe, chance_loss=trainable.chance_loss, advice=monitor.advice, held_out=len(held)
            ),
        )
        if rank() == 0:
            write_encoder(trainable.exported, card, work)
        delete_checkpoints(work)
    return directory


def _check(image_ids: list[str], patient_ids: list[str], settings: PretextSettings, seed: int) -> None:
    if len(patient_ids) != len(image_ids):
        raise ValueError(f"{len(image_ids)} images, but {len(patient_ids)} patients")
    trained, held = _held_out(image_ids, patient_ids, settings, seed)
    check_batch_size(settings.batch_size, len(trained))
    if settings.validation is not None and len(held) < _FEWEST_HELD:
        raise HilumError(
            "validation",
            expected=f"at least {_FEWEST_HELD} images of held-out patients",
            found=str(len(held)),
            fix="Hold out a larger fraction, or none.",
        )


_FEWEST_HELD = 2


def _held_out(
    image_ids: list[str], patient_ids: list[str], settings: PretextSettings, seed: int
) -> tuple[list[str], list[str]]:
    """Split images into those to train on and those of held-out patients."""
    if settings.validation is None:
        return image_ids, []
    chosen = set(sample_patients(pl.Series(patient_ids, dtype=pl.String), 100 * settings.validation, seed))
    pairs = list(zip(image_ids, patient_ids, strict=True))
    return (
        [image_id for image_id, patient in pairs if patient not in chosen],
        [image_id for image_id, patient in pairs if patient in chosen],
    )


def check_batch_size(batch_size: int, images: int) -> None:
    """Check that there is at least one whole batch.

    Args:
        batch_size: Images per step.
        images: Number of images, or an upper bound before they are decoded.

    Raises:
        HilumError: Fewer images than a batch.
    """
    if images < batch_size:
        raise HilumError(
            "pretraining images",
            expected=f"at least one batch of {batch_size}",
            found=f"{images} images",
            fix=f"Set `batch_size` to at most {images}, or add images.",
        )


def _training_patients(patient_ids: list[str], probe: OnlineProbe | None, before: Card | None) -> list[str]:
    """List the patients of the weights: of training, of the probe if it selects the epoch, and of the start weights."""
    of_probe = probe.images.patients if probe and probe.chooses else []
    return pseudonymised_names([*patient_ids, *of_probe, *(before.training_patients if before else [])])


def _start(encoder: str | Path, seed: int) -> tuple[Encoder, Card | None]:
    if isinstance(encoder, Path):
        return load_encoder(encoder)
    return create_encoder(encoder, seed=seed), None


def _collapse_monitor(
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
        advice=f"{advice}; check that the images in the store differ.",
    )


_OF_TRAINING = sorted(
    ({each.name for each in fields(TrainingSettings)} & {each.name for each in fields(PretextSettings)}) - {"keep"}
)
"""Settings with the same name in `TrainingSettings`, except `keep`, which there concerns validation."""


def _training_settings(settings: PretextSettings, seed: int) -> TrainingSettings:
    return TrainingSettings(**{name: getattr(settings, name) for name in _OF_TRAINING}, schedule="cosine", seed=seed)
