"""Fingerprints of all inputs of each step, by which finished steps are recognised.

No label of a test image enters the key of a training: if one changes, only the evaluation is run again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import polars as pl

import hilum
from hilum.artifacts import fingerprint
from hilum.data.labelled_images import LabelledImages
from hilum.encoders.card import read_card
from hilum.encoders.published import resolve_weights
from hilum.finetuning.settings import FinetuneSettings
from hilum.study.data import PreparedData, pooled_id
from hilum.study.features import feature_hashes
from hilum.study.file import Study, finetune_settings, pretext_settings
from hilum.study.file.schema import Evaluation
from hilum.study.generate import generation_key
from hilum.study.plan.predictions import external_labels, labels
from hilum.study.plan.probe_labels import labels_of_task
from hilum.study.plan.step_types import (
    AcrossStep,
    ArmStep,
    BaselinesStep,
    DataStep,
    EncoderStep,
    EvaluateStep,
    ExplainStep,
    ExternalStep,
    FinetuneStep,
    GenerateStep,
    OverviewStep,
    PretrainStep,
    ReportStep,
    StartStep,
    Step,
    StoreStep,
    SuperviseStep,
    SweepStep,
    TrainingStep,
)
from hilum.study.plan.steps import (
    baseline_names,
    directory_of_start,
    finetuning_directory,
    pretraining_directory,
    sweep_directory,
)
from hilum.study.plan.sweep import sweep_inputs
from hilum.study.prepared import Prepared, PreparedStudy


def step_keys(steps: list[Step], prepared: Prepared | PreparedStudy) -> dict[str, str]:
    """Compute the fingerprints of all steps, by directory.

    Args:
        steps: All steps of the study, each after its requirements.
        prepared: Prepared data of the study, or of its only task.
    """
    views = prepared.views if isinstance(prepared, PreparedStudy) else {prepared.study.place: prepared}
    first, keys = next(iter(views.values())), dict[str, str]()
    for number, step in enumerate(steps):
        keys[step.directory] = _key(step, views.get(step.view, first), keys, steps[:number])
    return keys


def _key(step: Step, prepared: Prepared, keys: dict[str, str], before: Sequence[Step]) -> str:
    match step:
        case GenerateStep():
            return generation_key(prepared.study, step.data)
        case StoreStep():
            images = _images_of(prepared.data[step.data], prepared.stored_images(step.data))
            return fingerprint({"kind": step.kind, "recipe": prepared.recipe.as_data(), "images": images})
        case PretrainStep() | SuperviseStep() | SweepStep() | FinetuneStep() | BaselinesStep():
            return _training_key(step, prepared, keys)
        case ExternalStep():
            return _external_key(step, prepared, keys)
        case EvaluateStep():
            return _evaluation_key(prepared, keys, before)
        case AcrossStep():
            return _across_key(prepared.study, keys, before)
        case ExplainStep():
            return _explanation_key(prepared, keys)
        case ReportStep() | OverviewStep():
            return _report_key(step, prepared.study, keys, before)
        case _:
            assert_never(step)


def _across_key(study: Study, keys: dict[str, str], before: Sequence[Step]) -> str:
    evaluated = {each.directory: keys[each.directory] for each in before if isinstance(each, EvaluateStep)}
    how = [study.evaluate.family, study.whole.evaluate.reference, study.whole.compare]
    return fingerprint({"kind": "across", "tasks": evaluated, "how": how})


def _training_key(step: TrainingStep, prepared: Prepared, keys: dict[str, str]) -> str:
    names = step.init.fractions if isinstance(step, PretrainStep) else [step.data]
    encoder, seed = (step.encoder, step.seed) if isinstance(step, EncoderStep) else (None, None)
    return fingerprint(
        {
            "kind": step.kind,
            "encoder": encoder,
            "seed": seed,
            "store": _only_one({name: keys[f"stores/{name}"] for name in names}),
            **_training_inputs(step, prepared, keys),
        }
    )


def _report_key(step: ReportStep | OverviewStep, study: Study, keys: dict[str, str], before: Sequence[Step]) -> str:
    over_tasks = isinstance(step, OverviewStep)
    shown = [each for each in before if over_tasks or _is_of(each, study.place)]
    of_page = {each.directory: keys[each.directory] for each in shown}
    layout = {"layout": study.layout} if study.layout and (over_tasks or not study.place) else {}
    inputs = {"kind": "report", "steps": of_page, "question": study.question, "hilum": hilum.__version__}
    return fingerprint(inputs | layout)


def _external_key(step: ExternalStep, prepared: Prepared, keys: dict[str, str]) -> str:
    study = prepared.study
    scored = {name: [keys[f"stores/{name}"], list(image_ids)] for name, image_ids in prepared.external.items()}
    model = keys[finetuning_directory(study, step.arm, step.seed)]
    inputs: dict[str, Any] = {"kind": "external", "model": model, "images": scored}
    if (features := study.arms[step.arm].features) is not None:
        inputs["features"] = [feature_hashes(features, prepared.data[name]) for name in prepared.external]
    return fingerprint(inputs)


def _explanation_key(prepared: Prepared, keys: dict[str, str]) -> str:
    study, boxes = prepared.study, prepared.labelled.dataset.boxes
    explain = study.explain.model_dump() if study.explain is not None else None
    return fingerprint(
        {
            "kind": "explain",
            "arms": [keys[finetuning_directory(study, arm, study.seeds[0])] for arm in study.explained_arms],
            "how": [study.explained_arms, explain, study.evaluate.n_bootstrap, study.evaluate.seed],
            "labels": labels(prepared).fill_null(-1).rows(),
            "boxes": boxes.rows() if boxes is not None else [],
        }
    )


def _evaluation_key(prepared: Prepared, keys: dict[str, str], before: Sequence[Step]) -> str:
    study = prepared.study
    trained = {
        each.directory: keys[each.directory]
        for each in before
        if isinstance(each, ArmStep | BaselinesStep) and each.view == study.place
    }
    table = labels(prepared).fill_null(-1).rows()
    inputs: dict[str, Any] = {"kind": "evaluate", "arms": trained, "how": _settings(study.evaluate), "labels": table}
    if study.task.unit == "study":
        studies = prepared.task.manifest.select("image_id", "study_id").rows()
        inputs["unit"] = [study.task.study_score, studies]
    if study.compare:
        inputs["compare"] = study.compare
    if prepared.external:
        inputs["external"] = {name: external_labels(prepared, name).fill_null(-1).rows() for name in prepared.external}
    return fingerprint(inputs)


def _training_inputs(step: TrainingStep, prepared: Prepared, keys: dict[str, str]) -> dict[str, Any]:
    """Return the inputs of a training beside its encoder, seed and stored images."""
    study, task = prepared.study, prepared.task
    if isinstance(step, SuperviseStep):
        start = prepared.all_tasks.supervised[str(Path(step.directory).parent)]
        return {
            "settings": _finetuning(finetune_settings(start.study, "supervised", start.labelled_images)),
            "start": _start_before(step, study, keys),
            "findings": start.study.task.findings,
            "train": _targets(start.task.train),
            "val": _targets(start.task.val),
        }
    if isinstance(step, PretrainStep):
        pool = prepared.pool_of(step.init)
        return {
            "method": step.init.pretrain,
            "start": _start_before(step, study, keys),
            "settings": pretext_settings(study, step.init, sum(map(len, pool.values()))).fingerprint_fields(),
            "images": _only_one(pool),
            "copies": study.pretrain.copies,
            "probe": _probe(prepared) if study.labelled_data in pool else "",
        }
    if isinstance(step, BaselinesStep):
        return {
            "baselines": baseline_names(study),
            "seed": study.seeds[0],
            "findings": study.task.findings,
            "train": _targets(task.train_of(study.seeds[0])),
            "val": _targets(task.val),
            "test": task.test_ids,
            "who": task.manifest.select("image_id", "age", "sex", "view").rows(),
        }
    arm = step.arm
    inputs: dict[str, Any] = {
        "settings": _finetuning(finetune_settings(study, arm, prepared.labelled_images)),
        "start": _start(step, prepared, keys),
        "findings": study.task.findings,
        "train": _targets(task.train_of(step.seed)),
        "val": _targets(task.val),
    }
    if isinstance(step, SweepStep):
        return inputs | sweep_inputs(study, arm, prepared.labelled_images)
    inputs["test"] = task.test_ids
    if (features := study.arms[arm].features) is not None:
        hashes = feature_hashes(features, prepared.labelled)
        inputs |= {"features": [hashes, features.head], "settings": {}, "start": ""}
    elif not study.finetuning_of(arm).train:
        inputs["as_published"] = True
    if study.sweep_of(arm) is not None:
        inputs["sweep"] = keys[sweep_directory(study, arm)]
    return inputs


def _finetuning(settings: FinetuneSettings) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if name != "compile"}


def _is_of(step: Step, place: str) -> bool:
    """Return whether a step belongs to a task or is shared by all."""
    return not place or step.view == place or isinstance(step, DataStep | StartStep | AcrossStep)


def _settings(evaluate: Evaluation) -> dict[str, Any]:
    """Return the settings of the evaluation of one task; `metrics` only if it is set."""
    return evaluate.model_dump(exclude={"family"} if evaluate.metrics else {"family", "metrics"})


def _start_before(step: StartStep, study: Study, keys: dict[str, str]) -> str:
    """Identify the initial weights of a start: the key of the previous start, a hash, or "random"."""
    before = step.init.start
    if isinstance(before, str):
        return _weights(before, step.encoder)
    return keys[directory_of_start(study, step.encoder, before, step.seed)]


def _probe(prepared: Prepared) -> str:
    """Return a hash of the labels for the online probe of a pretraining; empty without."""
    images = labels_of_task(prepared)
    return images.digest if images else ""


def _only_one(of_data: dict[str, Any]) -> Any:
    """Return the only value of a mapping, or the mapping if there are several."""
    return next(iter(of_data.values())) if len(of_data) == 1 else of_data


def _images_of(data: PreparedData, stored: pl.DataFrame) -> list[Any]:
    """Return `_images` of a data set; for a pool, of each part, with paths relative to its root."""
    if not data.parts:
        return _images(stored, data.dataset.root)
    wanted, found = set(stored["image_id"]), list[Any]()
    for name, part in data.parts.items():
        here = pl.Series([pooled_id(name, each) in wanted for each in part.manifest["image_id"]], dtype=pl.Boolean)
        found.append([name, _images(part.manifest.filter(here), part.dataset.root)])
    return found


def _images(manifest: pl.DataFrame, root: Path) -> list[Any]:
    """Return ids, paths and file sizes (-1 if missing) of all images; sizes detect replaced files cheaply."""
    return [
        (image_id, path, _bytes(root / path) if path is not None else -1)
        for image_id, path in manifest.select("image_id", "path").iter_rows()
    ]


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _start(step: ArmStep, prepared: Prepared, keys: dict[str, str]) -> str:
    """Identify the initial weights of an arm: the key of its pretraining, a hash, or "random"."""
    pretrained = pretraining_directory(prepared.study, step.arm, step.seed)
    if pretrained is not None:
        return keys[pretrained]
    return _weights(str(prepared.study.arms[step.arm].init), step.encoder)


def _weights(name_or_path: str, encoder: str) -> str:
    """Return the SHA-256 of weights, or "random"."""
    if name_or_path == "random":
        return name_or_path
    return read_card(resolve_weights(name_or_path, encoder)).sha256


def _targets(images: LabelledImages) -> list[Any]:
    """Return image ids, and a hash of the targets with masked labels as -1."""
    return [images.image_ids, hashlib.sha256(np.nan_to_num(images.targets, nan=-1.0).tobytes()).hexdigest()]
