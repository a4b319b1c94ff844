"""Fingerprints of all that decides a step's result, by which a finished step is known again.

No label of a test image enters the key of a step that trains: were one changed, nothing but the evaluation would run
again.
"""

import hashlib
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
from hilum.study.file import finetune_settings, pretext_settings
from hilum.study.generate import generation_key
from hilum.study.plan.predictions import labels
from hilum.study.plan.prepare import Prepared
from hilum.study.plan.probe_labels import labels_of_task
from hilum.study.plan.steps import (
    BASELINES,
    Step,
    baseline_names,
    finetuning_directory,
    pretraining_directory,
    sweep_directory,
)
from hilum.study.plan.sweep import sweep_inputs


def step_keys(steps: list[Step], prepared: Prepared) -> dict[str, str]:
    """Fingerprints of all steps, by directory.

    Args:
        steps: all of the study, each after those it needs.
        prepared: the study's data.
    """
    keys: dict[str, str] = {}
    for step in steps:
        keys[step.directory] = _key(step, prepared, keys)
    return keys


def _key(step: Step, prepared: Prepared, keys: dict[str, str]) -> str:
    study = prepared.study
    if step.kind == "report":
        return fingerprint({"kind": "report", "steps": keys, "question": study.question, "hilum": hilum.__version__})
    if step.kind == "generate":
        return generation_key(study, step.data)
    if step.kind == "store":
        images = _images(prepared.stored_images(step.data), prepared.data[step.data].collected.root)
        return fingerprint({"kind": "store", "recipe": prepared.recipe.as_data(), "images": images})
    if step.kind == "pretrain" and step.init is not None:
        pool = prepared.pool_of(step.init)
        inputs: dict[str, Any] = {
            "method": step.init.pretrain,
            "start": _weights(step.init.start, step.encoder),
            "settings": pretext_settings(study, step.init, sum(map(len, pool.values()))).decisive(),
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
            "settings": asdict(finetune_settings(study, step.arm, prepared.labelled_images)),
            "start": _start(step, prepared, keys),
            "findings": study.task.findings,
            "train": _targets(prepared.task.train_of(step.seed)),
            "val": _targets(prepared.task.val),
            **sweep_inputs(study, step.arm, prepared.labelled_images),
        }
    elif step.kind == "finetune" and step.arm is not None and step.seed is not None:
        inputs = {
            "settings": asdict(finetune_settings(study, step.arm, prepared.labelled_images)),
            "start": _start(step, prepared, keys),
            "findings": study.task.findings,
            "train": _targets(prepared.task.train_of(step.seed)),
            "val": _targets(prepared.task.val),
            "test": prepared.task.test_ids,
        }
        if study.sweep_of(step.arm) is not None:
            inputs["sweep"] = keys[sweep_directory(step.arm)]
    elif step.kind == "explain" and study.explain is not None:
        directories = [finetuning_directory(arm, study.seeds[0]) for arm in study.explained_arms]
        return fingerprint(
            {
                "kind": "explain",
                "arms": [keys[directory] for directory in directories],
                "how": [study.explained_arms, study.explain.model_dump(), study.evaluate.redraws, study.evaluate.seed],
                "labels": labels(prepared).fill_null(-1).rows(),
                "boxes": boxes.rows() if (boxes := prepared.labelled.collected.boxes) is not None else [],
            }
        )
    else:
        scored = ("arms/", BASELINES)
        trained = {directory: key for directory, key in keys.items() if directory.startswith(scored)}
        table = labels(prepared).fill_null(-1).rows()
        return fingerprint({"kind": "evaluate", "arms": trained, "how": study.evaluate.model_dump(), "labels": table})
    learnt = step.init.shares if step.init else [step.data]
    store = _only_one({name: keys[f"stores/{name}"] for name in learnt})
    return fingerprint({"kind": step.kind, "encoder": step.encoder, "seed": step.seed, "store": store, **inputs})


def _probe(prepared: Prepared) -> str:
    """What the labels are that may choose the epoch of a pretraining."""
    images = labels_of_task(prepared)
    return images.digest if images else ""


def _only_one(of_data: dict[str, Any]) -> Any:
    """What is of one data set as it is, of several by name."""
    return next(iter(of_data.values())) if len(of_data) == 1 else of_data


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
