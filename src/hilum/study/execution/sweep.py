"""Execution of an arm's sweep, its selected settings, and its summary for the report."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hilum.artifacts import fingerprint
from hilum.data.store import open_store
from hilum.data.tables import read_result_table
from hilum.encoders.published import resolve_weights
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials import Part, SearchRun, importance_of, read_selected, storage_url, train_part
from hilum.finetuning.trials.search import TRIED
from hilum.progress import ProgressReport
from hilum.report.sweep_summary import SweepSummary
from hilum.study.plan import Step, is_done, part_directory, pretraining_directory
from hilum.study.plan.step_types import SweepStep
from hilum.study.plan.steps import sweep_directory, view_name
from hilum.study.plan.sweep import (
    search_of,
    selected_sample,
    space_of,
    stages_of_sweep,
    sweep_inputs,
    sweep_requirements,
    trial_settings,
)
from hilum.study.prepared import Prepared, PreparedStudy


def sweep_arm(
    step: SweepStep, prepared: Prepared, out: Path, workers: int, on_progress: ProgressReport, part: Part | None = None
) -> None:
    """Run an arm's sweep on the first seed's training images; settings are selected on validation images.

    Args:
        step: Step of the sweep.
        prepared: Prepared data of the task; test images are not used.
        out: Directory of the study.
        workers: Threads that prepare batches.
        on_progress: Called during training; first with the memory of the trials.
        part: Train this part only; a later call without a part selects. None: all unfinished parts.
    """
    arm, encoder, seed = step.arm, step.encoder, step.seed
    study, task, store = prepared.study, prepared.task, open_store(out / "stores" / step.data)
    images, readable = prepared.labelled_images, set(store.image_ids)
    train, val = task.train_of(seed).only(readable), task.val.only(readable)
    sweep = study.sweep_of(arm)
    needs = sweep_requirements(study, arm, (len(train.image_ids), len(val.image_ids)))
    on_progress(0, 1, needs.description)
    own = fingerprint(sweep_inputs(study, arm, images))
    pretrained, weights = pretraining_directory(study, arm, seed), study.weights_of(arm)
    run = SearchRun(
        space_of(study, arm, images),
        lambda sample: replace(trial_settings(study, arm, sample, images), workers=workers),
        search_of(study, arm),
        store,
        train,
        val,
        out / pretrained if pretrained else partial(resolve_weights, weights) if weights else "random",
        encoder,
        tuple(study.task.findings),
        seed,
        tuple(sweep.best_per) if sweep else (),
        "train" not in task.split.sharing,
        on_progress=on_progress,
    )
    if part is not None:
        train_part(run, part, out / step.directory)
        return
    run.complete(
        out / step.directory,
        storage=(sweep.storage and storage_url(sweep.storage)) if sweep else None,
        storage_name=", ".join([study.question[:80], view_name(study), arm, own[:6]]),
    )


@dataclass(frozen=True)
class SweepPart:
    """A part of a sweep that one process can train.

    Attributes:
        step: Step of the sweep.
        part: Part of its search.
        needs: Names of the parts that must be done before.
    """

    step: SweepStep
    part: Part
    needs: frozenset[str]


def parts_of_sweeps(
    prepared: PreparedStudy, steps: Sequence[Step], keys: Mapping[str, str], out: Path
) -> dict[str, SweepPart]:
    """Return the parts of all unfinished sweeps, by unique names.

    Args:
        prepared: Prepared data of the task.
        steps: Steps in order.
        keys: Fingerprints of the steps.
        out: Directory of the study.
    """
    parts: dict[str, SweepPart] = {}
    for step in steps:
        if not isinstance(step, SweepStep) or is_done(out / step.directory, keys[step.directory]):
            continue
        view = prepared.views.get(step.view, prepared.first)
        before: frozenset[str] = frozenset()
        for stage in stages_of_sweep(view.study, step.arm, view.labelled_images):
            named = {str(part_directory(Path(step.directory), part.name)): part for part in stage}
            parts |= {name: SweepPart(step, part, before) for name, part in named.items()}
            before = frozenset(named)
    return parts


def settings_of_arm(prepared: Prepared, out: Path, arm: str) -> FinetuneSettings:
    """Return the fine-tuning settings of an arm, with those selected by its sweep."""
    sample = selected_sample(prepared.study, out, arm)
    return trial_settings(prepared.study, arm, sample, prepared.labelled_images)


def sweep_summaries(prepared: Prepared, out: Path) -> list[SweepSummary]:
    """Read the summary of each arm's sweep for the report."""
    study, task = prepared.study, prepared.task
    return [
        sweep_summary(
            out / sweep_directory(study, arm), arm, best_per=sweep.best_per, seed=study.seeds[0],
            val_images=len(task.val.image_ids), val_patients=len(set(task.val.patient_ids)),
            train_images=len(task.labelled_ids[study.seeds[0]]),
        )
        for arm in study.arms
        if (sweep := study.sweep_of(arm)) is not None
    ]  # fmt: skip


def sweep_summary(
    directory: Path,
    arm: str,
    *,
    best_per: Sequence[str],
    seed: int,
    val_images: int,
    val_patients: int,
    train_images: int,
) -> SweepSummary:
    """Read the summary of one sweep from its directory; other arguments as in `SweepSummary`."""
    selected, table = read_selected(directory), read_result_table(directory / TRIED)
    settings = [json.loads(each) for each in table["settings"]]
    signed = 1 if selected["select"] == "val_loss" else -1
    known = [
        (sample, signed * value)
        for sample, value, state in zip(settings, table[selected["select"]], table["state"], strict=True)
        if state != "diverged" and value is not None and math.isfinite(value)
    ]
    return SweepSummary(
        arm=arm,
        search=selected["search"],
        select=selected["select"],
        selected=selected["trial"],
        trials=table.drop("settings", "curve"),
        settings=settings,
        best_per=best_per,
        best=selected["best_per"],
        importance=importance_of([sample for sample, _ in known], [value for _, value in known]),
        val_images=val_images,
        val_patients=val_patients,
        train_images=train_images,
        seed=seed,
    )
