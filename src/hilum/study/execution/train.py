"""Execution of the training steps of a study; the directory of each is complete or absent."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from hilum.data.store import Store, build_store
from hilum.encoders.published import resolve_weights
from hilum.encoders.weights import write_encoder
from hilum.finetuning.finetune import finetune
from hilum.finetuning.monitoring.starting_probe import Probes
from hilum.finetuning.off_the_shelf import score_as_published, score_feature_arm
from hilum.finetuning.weights import load_classifier
from hilum.pretext.monitoring import OnlineProbe
from hilum.pretext.pretrain import pretrain
from hilum.progress import ProgressReport
from hilum.runs.pools.copies import patients_beside
from hilum.runs.pools.pooling import PooledImages, pooled_images
from hilum.study.execution.baselines import score_baselines
from hilum.study.execution.external import score_external, store_of
from hilum.study.execution.sweep import settings_of_arm, sweep_arm
from hilum.study.features import features_of
from hilum.study.file import Pretrained, finetune_settings, pretext_settings
from hilum.study.file.section import percent_of
from hilum.study.file.sweep import ENCODER
from hilum.study.plan import pixels_once, pretraining_directory, without_pixel_copies
from hilum.study.plan.probe_labels import labels_of_task
from hilum.study.plan.record import CURVES
from hilum.study.plan.starts import statements_of_features
from hilum.study.plan.step_types import (
    BaselinesStep,
    ExternalStep,
    FinetuneStep,
    PretrainStep,
    StartStep,
    StoreStep,
    SuperviseStep,
    SweepStep,
    TrainingStep,
)
from hilum.study.plan.steps import directory_of_start
from hilum.study.plan.sweep import selected_sample
from hilum.study.prepared import Prepared
from hilum.training.distributed import run_on_rank0

CLASSIFIER = "classifier"
"""Folder of the classifier in the directory of a supervised start, beside its encoder."""


def perform(
    step: StoreStep | TrainingStep,
    prepared: Prepared,
    out: Path,
    workers: int | None,
    on_progress: ProgressReport,
    probes: Probes | None = None,
) -> None:
    """Run one step of training or its preparation.

    Args:
        step: Step to run.
        prepared: Prepared data of the task.
        out: Directory of the study.
        workers: Threads that decode images (None: all cores) or prepare batches (None: one).
        on_progress: Receives the progress.
        probes: Cache of the last linear probe for arms with the same start
            (`hilum.finetuning.monitoring.starting_probe`).
    """
    batch_workers = 1 if workers is None else workers
    match step:
        case StoreStep(data=data):
            images, root = prepared.stored_images(data), prepared.data[data].dataset.root
            build_store(images, root, prepared.recipe, out / step.directory, workers=workers, on_progress=on_progress)
        case PretrainStep():
            _pretrain(step, prepared, out, batch_workers, on_progress)
        case SuperviseStep():
            _supervise(step, prepared, out, batch_workers, on_progress, probes)
        case SweepStep():
            sweep_arm(step, prepared, out, batch_workers, on_progress)
        case FinetuneStep():
            _finetune(step, prepared, out, batch_workers, on_progress, probes)
        case ExternalStep():
            score_external(step, prepared, out, on_progress)
        case BaselinesStep():
            score_baselines(prepared, store_of(out, step.data), out / step.directory, on_progress)
        case _:
            assert_never(step)


def _pretrain(step: PretrainStep, prepared: Prepared, out: Path, workers: int, on_progress: ProgressReport) -> None:
    init, study, pool = step.init, prepared.study, prepared.pool_of(step.init)
    settings = pretext_settings(study, init, sum(map(len, pool.values())))
    stores = {name: store_of(out, name) for name in pool}
    reached = {name: stores[name].readable(image_ids) for name, image_ids in prepared.reached_by(init).items()}
    held = {name: store_of(out, name) for name in prepared.all_tasks.held}
    reached = without_pixel_copies(prepared, stores | held, reached)
    once = {name: set(image_ids) for name, image_ids in pool.items()}
    ids = {name: [each for each in image_ids if each in once[name]] for name, image_ids in reached.items()}
    ids = pixels_once(prepared, stores, ids)
    images = pooled_images(prepared.data, stores, ids)
    pretrain(
        init.pretrain,
        images.store,
        images.image_ids,
        images.patient_ids,
        copied_patients=patients_beside(prepared.data, reached, ids),
        encoder=step.encoder if init.start == "random" else _weights_before(step, prepared, out),
        settings=replace(settings, workers=workers),
        seed=step.seed,
        directory=out / step.directory,
        split_title=_pool_title(prepared, init, images, sum(map(len, reached.values()))),
        probe=_probe(prepared, stores),
        on_progress=on_progress,
    )


def _weights_before(step: StartStep, prepared: Prepared, out: Path) -> Path:
    """Return the directory of the initial weights of a start."""
    before = step.init.start
    if isinstance(before, str):
        return resolve_weights(before, step.encoder)
    return out / directory_of_start(prepared.study, step.encoder, before, step.seed)


def _probe(prepared: Prepared, stores: Mapping[str, Store]) -> OnlineProbe | None:
    """Return the online probe of a pretraining on the task's data set; None on other data sets."""
    labelled = prepared.study.labelled_data
    images = labels_of_task(prepared, stores[labelled]) if labelled in stores else None
    return OnlineProbe(stores[labelled], images) if images else None


def _pool_title(prepared: Prepared, init: Pretrained, images: PooledImages, reached: int) -> str:
    """Describe the images of a pretraining, with counts if there are several data sets.

    Args:
        prepared: Prepared data of the task.
        init: The start.
        images: Its images.
        reached: Number of images before duplicates were removed.
    """
    parts = []
    for part, fraction in zip(images.parts, init.fractions.values(), strict=True):
        title = f"{part.data}, {_describe_part(prepared, part.data)}"
        title += f", {percent_of(fraction):g} % of the patients, drawn at random" if fraction < 1 else ""
        parts.append(
            f"{title} ({part.images:,} images of {part.patients:,} patients)" if len(images.parts) > 1 else title
        )
    twice = reached - len(images.image_ids)
    parts += [f"{twice:,} duplicate images are removed"] if twice else []
    return "; ".join(parts)


def _describe_part(prepared: Prepared, name: str) -> str:
    titles = prepared.all_tasks.titles.get(name, [])
    return f"all but val and test of {' and of '.join(titles)}" if titles else "all images"


def _supervise(
    step: SuperviseStep, prepared: Prepared, out: Path, workers: int, on_progress: ProgressReport, probes: Probes | None
) -> None:
    """Train a supervised start; its directory then contains the classifier, and the encoder as after a pretraining."""
    start_data, store = prepared.all_tasks.supervised[str(Path(step.directory).parent)], store_of(out, step.data)
    readable = set(store.image_ids)
    init: Path | str = "random" if step.init.start == "random" else _weights_before(step, prepared, out)
    train, val = start_data.task.train.only(readable), start_data.task.val.only(readable)
    finetune(
        init,
        step.encoder,
        store,
        train,
        val,
        val.image_ids,
        start_data.study.task.findings,
        settings=replace(
            finetune_settings(start_data.study, "supervised", start_data.labelled_images), workers=workers
        ),
        seed=step.seed,
        directory=out / step.directory / CLASSIFIER,
        split_title=f"{step.data}, train of {start_data.task.split.title}",
        patients_apart="train" not in start_data.task.split.sharing,
        on_progress=on_progress,
        probes=probes,
    )
    run_on_rank0(lambda: _write_encoder(out / step.directory))


def _write_encoder(directory: Path) -> None:
    """Write encoder, card and curves of a classifier at the paths of a pretraining."""
    classifier, card = load_classifier(directory / CLASSIFIER)
    write_encoder(classifier.encoder, card.model_copy(update={"findings": []}), directory)
    shutil.copyfile(directory / CLASSIFIER / CURVES, directory / CURVES)


def _finetune(
    step: FinetuneStep, prepared: Prepared, out: Path, workers: int, on_progress: ProgressReport, probes: Probes | None
) -> None:
    arm, encoder, seed = step.arm, step.encoder, step.seed
    study, task, store = prepared.study, prepared.task, store_of(out, step.data)
    readable = set(store.image_ids)
    train, val = task.train_of(seed).only(readable), task.val.only(readable)
    scored = [image_id for image_id in (*task.val.image_ids, *task.test_ids) if image_id in readable]
    split_title = f"{step.data}, train of {task.split.title}"
    if (features := study.arms[arm].features) is not None:
        score_feature_arm(
            features_of(features, prepared.labelled),
            store,
            train,
            val,
            scored,
            study.task.findings,
            head=features.head,
            seed=seed,
            directory=out / step.directory,
            statements=statements_of_features(features),
            split_title=split_title,
        )
        return
    pretrained = pretraining_directory(study, arm, seed)
    weights = study.weights_of(arm)
    if weights and not study.finetuning_of(arm).train:
        score_as_published(
            resolve_weights(weights, encoder),
            store,
            train,
            val,
            scored,
            study.task.findings,
            settings=replace(finetune_settings(study, arm, prepared.labelled_images), workers=workers),
            seed=seed,
            directory=out / step.directory,
            on_progress=on_progress,
            probes=probes,
        )
        return
    encoder = str(selected_sample(study, out, arm).get(ENCODER, encoder))
    finetune(
        out / pretrained if pretrained else resolve_weights(weights, encoder) if weights else "random",
        encoder,
        store,
        train,
        val,
        scored,
        study.task.findings,
        settings=replace(settings_of_arm(prepared, out, arm), workers=workers),
        seed=seed,
        directory=out / step.directory,
        split_title=split_title,
        patients_apart="train" not in task.split.sharing,
        on_progress=on_progress,
        probes=probes,
    )
