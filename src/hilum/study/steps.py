"""Doing one step of a study: each leaves a directory that is complete or absent."""

from dataclasses import replace
from pathlib import Path

from hilum.data.store import Store, build_store, open_store
from hilum.encoders.published.resolving import resolve_weights
from hilum.finetune.finetune import finetune
from hilum.pretext.pretrain import pretrain
from hilum.progress import ProgressReport
from hilum.study.baselines import score_baselines
from hilum.study.plan import Step, pretraining_directory
from hilum.study.prepare import Prepared
from hilum.study.settings import finetune_settings, pretext_settings


def perform(step: Step, prepared: Prepared, out: Path, workers: int | None, on_progress: ProgressReport) -> None:
    """Do one step of training or its preparation; its directory is complete afterwards.

    Args:
        step: of kind "store", "pretrain", "finetune" or "baselines".
        prepared: the study's data.
        out: directory of the study.
        workers: threads that decode films or prepare batches; None: all cores, or one. They do not change the result.
        on_progress: told how far it is.
    """
    batch_workers = 1 if workers is None else workers
    if step.kind == "store":
        data = prepared.data[step.data]
        directory = out / step.directory
        build_store(
            data.manifest, data.collected.root, prepared.recipe, directory, workers=workers, on_progress=on_progress
        )
    elif step.kind == "pretrain":
        _pretrain(step, prepared, out, batch_workers, on_progress)
    elif step.kind == "baselines":
        score_baselines(prepared, store_of(out, step.data), out / step.directory, on_progress)
    elif step.kind == "finetune":
        _finetune(step, prepared, out, batch_workers, on_progress)


def store_of(out: Path, data: str) -> Store:
    """The preprocessed films of a data set."""
    return open_store(out / "stores" / data)


def _pretrain(step: Step, prepared: Prepared, out: Path, workers: int, on_progress: ProgressReport) -> None:
    if step.init is None or step.encoder is None or step.seed is None:
        raise ValueError(f"not a pretraining step: {step}")
    data, store = prepared.data[step.data], store_of(out, step.data)
    readable = set(store.image_ids)
    ids = [image_id for image_id in prepared.pretraining_ids(step.data) if image_id in readable]
    is_labelled = step.data == prepared.study.labelled_data
    pretrain(
        step.init.pretrain,
        store,
        ids,
        data.patients(ids),
        encoder=step.encoder if step.init.start == "random" else resolve_weights(step.init.start, step.encoder),
        settings=replace(pretext_settings(prepared.study, step.init), workers=workers),
        seed=step.seed,
        directory=out / step.directory,
        split_title=f"{step.data}, train of {prepared.task.split.title}" if is_labelled else f"{step.data}, all films",
        on_progress=on_progress,
    )


def _finetune(step: Step, prepared: Prepared, out: Path, workers: int, on_progress: ProgressReport) -> None:
    if step.arm is None or step.encoder is None or step.seed is None:
        raise ValueError(f"not a fine-tuning step: {step}")
    study, task, store = prepared.study, prepared.task, store_of(out, step.data)
    readable = set(store.image_ids)
    pretrained = pretraining_directory(study, step.arm, step.seed)
    weights = study.weights_of(step.arm)
    finetune(
        out / pretrained if pretrained else resolve_weights(weights, step.encoder) if weights else "random",
        step.encoder,
        store,
        task.train.only(readable),
        task.val.only(readable),
        [image_id for image_id in (*task.val.image_ids, *task.test_ids) if image_id in readable],
        study.task.findings,
        settings=replace(finetune_settings(study, step.arm), workers=workers),
        seed=step.seed,
        directory=out / step.directory,
        split_title=f"{step.data}, train of {task.split.title}",
        patients_apart="train" not in task.split.sharing,
        on_progress=on_progress,
    )
