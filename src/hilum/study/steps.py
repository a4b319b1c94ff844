"""Doing one step of a study: each leaves a directory that is complete or absent."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hilum.artifacts import fingerprint
from hilum.data.store import Store, build_store, open_store
from hilum.encoders.card import read_card
from hilum.finetune.films import LabelledFilms
from hilum.finetune.finetune import finetune
from hilum.finetune.settings import FinetuneSettings
from hilum.pretext.pretrain import pretrain
from hilum.pretext.settings import PretextSettings
from hilum.progress import ProgressReport
from hilum.study.plan import Step, pretraining_directory, steps_of
from hilum.study.prepare import Prepared
from hilum.study.schema import Pretrained
from hilum.study.scored_labels import write_predictions


def step_key(step: Step, prepared: Prepared) -> str:
    """Fingerprint of all that decides a step's result.

    No label of a test film enters the key of a step that trains: were one changed, nothing but the evaluation would
    run again.
    """
    study = prepared.study
    if step.kind == "store":
        data = prepared.data[step.data]
        films = data.manifest.select("image_id", "path").rows()
        return fingerprint(["store", prepared.recipe.as_data(), films, _sizes(data.collected.root, data.manifest)])
    if step.kind == "pretrain" and step.init:
        return fingerprint(
            ["pretrain", step.init.pretrain, step.encoder, step.seed, asdict(_pretext_settings(prepared, step.init)),
             prepared.recipe.as_data(), prepared.pretraining_ids(step.data)]
        )  # fmt: skip
    if step.kind == "finetune" and step.arm is not None:
        return fingerprint(
            ["finetune", step.encoder, step.seed, asdict(_finetune_settings(prepared, step.arm)), _start(step, prepared),
             prepared.recipe.as_data(), study.task.findings, _targets(prepared.task.train), _targets(prepared.task.val),
             prepared.task.test_ids]
        )  # fmt: skip
    raise ValueError(f"{step.kind} has no key of its own")


def perform(step: Step, prepared: Prepared, out: Path, *, workers: int | None, on_progress: ProgressReport) -> None:
    """Do one step of training or its preparation; its directory is complete afterwards.

    Args:
        step: of kind "store", "pretrain" or "finetune".
        prepared: the study's data.
        out: directory of the study.
        workers: threads that decode films or prepare batches; None: all cores, or one. They do not change the result.
        on_progress: told how far it is.
    """
    if step.kind == "store":
        data = prepared.data[step.data]
        build_store(
            data.manifest, data.collected.root, prepared.recipe, out / step.directory, workers=workers,
            on_progress=on_progress,
        )  # fmt: skip
    elif step.kind == "pretrain":
        _pretrain(step, prepared, out, 1 if workers is None else workers, on_progress)
    elif step.kind == "finetune":
        _finetune(step, prepared, out, 1 if workers is None else workers, on_progress)


def store_of(out: Path, data: str) -> Store:
    """The preprocessed films of a data set."""
    return open_store(out / "stores" / data)


def _pretrain(step: Step, prepared: Prepared, out: Path, workers: int, on_progress: ProgressReport) -> None:
    if step.init is None or step.encoder is None or step.seed is None:
        raise ValueError(f"not a pretraining step: {step}")
    data, store = prepared.data[step.data], store_of(out, step.data)
    readable = set(store.image_ids)
    ids = [image_id for image_id in prepared.pretraining_ids(step.data) if image_id in readable]
    pretrain(
        step.init.pretrain, store, ids, data.patients(ids), encoder=step.encoder,
        settings=replace(_pretext_settings(prepared, step.init), workers=workers), seed=step.seed, directory=out / step.directory,
        split_title=f"{step.data}/train of {prepared.task.split.title}"
        if step.data == prepared.study.labelled_data
        else f"all of {step.data}",
        on_progress=on_progress,
    )  # fmt: skip


def _finetune(step: Step, prepared: Prepared, out: Path, workers: int, on_progress: ProgressReport) -> None:
    if step.arm is None or step.encoder is None or step.seed is None:
        raise ValueError(f"not a fine-tuning step: {step}")
    study, task = prepared.study, prepared.task
    store = store_of(out, step.data)
    readable = set(store.image_ids)
    pretrained = pretraining_directory(study, step.arm, step.seed)
    init = study.arms[step.arm].init
    directory = out / step.directory
    finetune(
        out / pretrained if pretrained else init if isinstance(init, Path) else "random",
        step.encoder, store, _readable(task.train, readable), _readable(task.val, readable),
        [image_id for image_id in (*task.val.image_ids, *task.test_ids) if image_id in readable],
        study.task.findings, settings=replace(_finetune_settings(prepared, step.arm), workers=workers), seed=step.seed, directory=directory,
        on_progress=on_progress,
    )  # fmt: skip


def _readable(films: LabelledFilms, readable: set[str]) -> LabelledFilms:
    rows = [row for row, image_id in enumerate(films.image_ids) if image_id in readable]
    return LabelledFilms(
        image_ids=[films.image_ids[row] for row in rows],
        patient_ids=[films.patient_ids[row] for row in rows],
        targets=films.targets[rows],
    )


def _pretext_settings(prepared: Prepared, init: Pretrained) -> PretextSettings:
    study = prepared.study
    settings = study.pretrain
    return PretextSettings(
        epochs=study.pretraining_epochs(init),
        batch_size=settings.batch_size,
        lr=settings.lr,
        temperature=settings.temperature,
        policy=settings.policy,
        precision=study.precision,
    )


def _finetune_settings(prepared: Prepared, arm: str) -> FinetuneSettings:
    study = prepared.study
    return FinetuneSettings(**study.finetuning_of(arm).model_dump(), precision=study.precision)


def _start(step: Step, prepared: Prepared) -> Any:
    """What decides the weights that an arm starts from: the pretraining step's key, a file's hash, or nothing."""
    if step.arm is None or step.seed is None:
        raise ValueError(f"not a fine-tuning step: {step}")
    study = prepared.study
    init, directory = study.arms[step.arm].init, pretraining_directory(study, step.arm, step.seed)
    if isinstance(init, Pretrained):
        pretraining = next(s for s in steps_of(study, None) if s.directory == directory)
        return step_key(pretraining, prepared)
    return read_card(init).sha256 if isinstance(init, Path) else init


def _targets(films: LabelledFilms) -> list[Any]:
    """Ids and a hash of the targets; masked targets hash alike."""
    return [films.image_ids, hashlib.sha256(np.nan_to_num(films.targets, nan=-1.0).tobytes()).hexdigest()]


def _sizes(root: Path, manifest: pl.DataFrame) -> list[int]:
    """Bytes of each film's file, a cheap sign that it was replaced; -1 where it is missing."""
    paths = [root / path if path is not None else None for path in manifest["path"]]
    return [path.stat().st_size if path is not None and path.is_file() else -1 for path in paths]
