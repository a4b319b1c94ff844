"""Fingerprints of all that decides a step's result, by which a finished step is known again.

No label of a test image enters the key of a step that trains: were one changed, nothing but the evaluation would run
again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import hilum
from hilum.artifacts import fingerprint
from hilum.data.labelled_images import LabelledImages
from hilum.encoders.card import read_card
from hilum.encoders.published import resolve_weights
from hilum.finetuning.settings import FinetuneSettings
from hilum.study.data import PreparedData
from hilum.study.features import feature_hashes
from hilum.study.file import Pretrained, Study, finetune_settings, pretext_settings
from hilum.study.file.pretraining import Supervised
from hilum.study.file.schema import Evaluation
from hilum.study.generate import generation_key
from hilum.study.plan.predictions import external_labels, labels
from hilum.study.plan.probe_labels import labels_of_task
from hilum.study.plan.steps import (
    Step,
    StepKind,
    baseline_names,
    directory_of_start,
    finetuning_directory,
    pretraining_directory,
    sweep_directory,
)
from hilum.study.plan.sweep import sweep_inputs
from hilum.study.prepared import Prepared, PreparedStudy

_JUDGED: frozenset[StepKind] = frozenset({"sweep", "finetune", "external", "baselines"})
"""Steps of a task whose results its evaluation reads."""
_SHARED: frozenset[StepKind] = frozenset({"generate", "store", "pretrain", "supervise", "across"})
"""Steps outside of the folders of tasks."""


def step_keys(steps: list[Step], prepared: Prepared | PreparedStudy) -> dict[str, str]:
    """Fingerprints of all steps, by directory.

    Args:
        steps: all of the study, each after those it needs.
        prepared: the study's data, or that of its one task.
    """
    views = prepared.views if isinstance(prepared, PreparedStudy) else {prepared.study.place: prepared}
    first, keys = next(iter(views.values())), dict[str, str]()
    for number, step in enumerate(steps):
        keys[step.directory] = _key(step, views.get(step.view, first), keys, steps[:number])
    return keys


def _key(step: Step, prepared: Prepared, keys: dict[str, str], before: Sequence[Step]) -> str:
    study = prepared.study
    if step.kind in ("report", "overview"):
        shown = [each for each in before if step.kind == "overview" or _is_of(each, study.place)]
        of_page = {each.directory: keys[each.directory] for each in shown}
        layout = {"layout": study.layout} if study.layout and (step.kind == "overview" or not study.place) else {}
        asked = {"kind": "report", "steps": of_page, "question": study.question, "hilum": hilum.__version__}
        return fingerprint(asked | layout)
    if step.kind == "across":
        judged = {each.directory: keys[each.directory] for each in before if each.kind == "evaluate"}
        how = [study.evaluate.family, study.whole.evaluate.reference, study.whole.compare]
        return fingerprint({"kind": "across", "tasks": judged, "how": how})
    if step.kind == "generate":
        return generation_key(study, step.data)
    if step.kind == "store":
        images = _images_of(prepared.data[step.data], prepared.stored_images(step.data))
        return fingerprint({"kind": "store", "recipe": prepared.recipe.as_data(), "images": images})
    if step.kind == "supervise" and isinstance(step.init, Supervised) and step.encoder is not None:
        learnt = prepared.all_tasks.supervised[str(Path(step.directory).parent)]
        inputs: dict[str, Any] = {
            "settings": _finetuning(finetune_settings(learnt.study, "supervised", learnt.labelled_images)),
            "start": _start_before(step, study, keys),
            "findings": learnt.study.task.findings,
            "train": _targets(learnt.task.train),
            "val": _targets(learnt.task.val),
        }
    elif step.kind == "pretrain" and isinstance(step.init, Pretrained):
        pool = prepared.pool_of(step.init)
        inputs = {
            "method": step.init.pretrain,
            "start": _start_before(step, study, keys),
            "settings": pretext_settings(study, step.init, sum(map(len, pool.values()))).fingerprint_fields(),
            "images": _only_one(pool),
            "copies": study.pretrain.copies,
            "probe": _probe(prepared) if study.labelled_data in pool else "",
        }
    elif step.kind == "baselines":
        inputs = {
            "baselines": baseline_names(study),
            "seed": study.seeds[0],
            "findings": study.task.findings,
            "train": _targets(prepared.task.train_of(study.seeds[0])),
            "val": _targets(prepared.task.val),
            "test": prepared.task.test_ids,
            "who": prepared.task.manifest.select("image_id", "age", "sex", "view").rows(),
        }
    elif step.kind == "sweep" and step.arm is not None and step.seed is not None:
        inputs = {
            "settings": _finetuning(finetune_settings(study, step.arm, prepared.labelled_images)),
            "start": _start(step, prepared, keys),
            "findings": study.task.findings,
            "train": _targets(prepared.task.train_of(step.seed)),
            "val": _targets(prepared.task.val),
            **sweep_inputs(study, step.arm, prepared.labelled_images),
        }
    elif step.kind == "finetune" and step.arm is not None and step.seed is not None:
        inputs = {
            "settings": _finetuning(finetune_settings(study, step.arm, prepared.labelled_images)),
            "start": _start(step, prepared, keys),
            "findings": study.task.findings,
            "train": _targets(prepared.task.train_of(step.seed)),
            "val": _targets(prepared.task.val),
            "test": prepared.task.test_ids,
        }
        if (features := study.arms[step.arm].features) is not None:
            hashes = feature_hashes(features, prepared.labelled)
            inputs |= {"features": [hashes, features.head], "settings": {}, "start": ""}
        elif not study.finetuning_of(step.arm).train:
            inputs["as_published"] = True
        if study.sweep_of(step.arm) is not None:
            inputs["sweep"] = keys[sweep_directory(study, step.arm)]
    elif step.kind == "external" and step.arm is not None and step.seed is not None:
        scored = {name: [keys[f"stores/{name}"], list(image_ids)] for name, image_ids in prepared.external.items()}
        model = keys[finetuning_directory(study, step.arm, step.seed)]
        if (features := study.arms[step.arm].features) is not None:
            tables = [feature_hashes(features, prepared.data[name]) for name in prepared.external]
            return fingerprint({"kind": "external", "model": model, "images": scored, "features": tables})
        return fingerprint({"kind": "external", "model": model, "images": scored})
    elif step.kind == "explain" and study.explain is not None:
        directories = [finetuning_directory(study, arm, study.seeds[0]) for arm in study.explained_arms]
        return fingerprint(
            {
                "kind": "explain",
                "arms": [keys[directory] for directory in directories],
                "how": [
                    study.explained_arms,
                    study.explain.model_dump(),
                    study.evaluate.n_bootstrap,
                    study.evaluate.seed,
                ],
                "labels": labels(prepared).fill_null(-1).rows(),
                "boxes": boxes.rows() if (boxes := prepared.labelled.collected.boxes) is not None else [],
            }
        )
    else:
        trained = {
            each.directory: keys[each.directory] for each in before if each.kind in _JUDGED and each.view == study.place
        }
        table = labels(prepared).fill_null(-1).rows()
        content: dict[str, Any] = {"arms": trained, "how": _how_judged(study.evaluate), "labels": table}
        if study.task.unit == "study":
            studies = prepared.task.manifest.select("image_id", "study_id").rows()
            content["unit"] = [study.task.study_score, studies]
        if study.compare:
            content["compare"] = study.compare
        if prepared.external:
            content["external"] = {
                name: external_labels(prepared, name).fill_null(-1).rows() for name in prepared.external
            }
        return fingerprint({"kind": "evaluate", **content})
    names = step.init.shares if isinstance(step.init, Pretrained) else [step.data]
    store = _only_one({name: keys[f"stores/{name}"] for name in names})
    return fingerprint({"kind": step.kind, "encoder": step.encoder, "seed": step.seed, "store": store, **inputs})


def _finetuning(settings: FinetuneSettings) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if name != "compile"}


def _is_of(step: Step, place: str) -> bool:
    """Whether a step is one of a task, or one that all tasks share."""
    return not place or step.view == place or step.kind in _SHARED


def _how_judged(evaluate: Evaluation) -> dict[str, Any]:
    """What the study says of the evaluation of one task, by the names that these settings had first."""
    content = evaluate.model_dump(exclude={"family"} if evaluate.metrics else {"family", "metrics"})
    first = {"reference": "reference", "n_bootstrap": "n_bootstrap", "min_positive_patients": "min_positive_patients"}
    return {first.get(name, name): value for name, value in content.items()}


def _start_before(step: Step, study: Study, keys: dict[str, str]) -> str:
    """What decides the weights that a start goes on from: the key of the start before it, a hash, or a word."""
    if step.init is None:
        raise ValueError(f"no step of a start: {step}")
    before = step.init.start
    if isinstance(before, str):
        return _weights(before, step.encoder)
    return keys[directory_of_start(study, str(step.encoder), before, step.seed or 0)]


def _probe(prepared: Prepared) -> str:
    """What the labels are that may choose the epoch of a pretraining."""
    images = labels_of_task(prepared)
    return images.digest if images else ""


def _only_one(of_data: dict[str, Any]) -> Any:
    """What is of one data set as it is, of several by name."""
    return next(iter(of_data.values())) if len(of_data) == 1 else of_data


def _images_of(data: PreparedData, stored: pl.DataFrame) -> list[Any]:
    """As `_images`; of a pool by the paths of its parts, which say nothing of where these are."""
    if not data.parts:
        return _images(stored, data.collected.root)
    wanted, found = set(stored["image_id"]), list[Any]()
    for name, part in data.parts.items():
        here = pl.Series([f"{name}:{each}" in wanted for each in part.manifest["image_id"]], dtype=pl.Boolean)
        found.append([name, _images(part.manifest.filter(here), part.collected.root)])
    return found


def _images(manifest: pl.DataFrame, root: Path) -> list[Any]:
    """Ids, paths and bytes of all images; bytes are a cheap sign that a file was replaced, -1 where it is missing."""
    return [
        (image_id, path, _bytes(root / path) if path is not None else -1)
        for image_id, path in manifest.select("image_id", "path").iter_rows()
    ]


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _start(step: Step, prepared: Prepared, keys: dict[str, str]) -> str:
    """What decides the weights that an arm starts from: the key of its pretraining, the hash of a file, or a word."""
    if step.arm is None or step.seed is None:
        raise ValueError(f"not a fine-tuning step: {step}")
    pretrained = pretraining_directory(prepared.study, step.arm, step.seed)
    init = prepared.study.arms[step.arm].init
    if pretrained is not None:
        return keys[pretrained]
    return _weights(str(init), prepared.study.arms[step.arm].encoder)


def _weights(name_or_path: str, encoder: str | None) -> str:
    """The hash of weights, or "random"."""
    if name_or_path == "random" or encoder is None:
        return name_or_path
    return read_card(resolve_weights(name_or_path, encoder)).sha256


def _targets(images: LabelledImages) -> list[Any]:
    """Ids, and a hash of the targets in which masked ones are alike."""
    return [images.image_ids, hashlib.sha256(np.nan_to_num(images.targets, nan=-1.0).tobytes()).hexdigest()]
