"""The step that tries settings for an arm, and what its fine-tunings take from it."""

from dataclasses import replace
from pathlib import Path

from hilum.encoders.published import resolve_weights
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials import run_search
from hilum.progress import ProgressReport
from hilum.study.plan import Prepared, Step, pretraining_directory
from hilum.study.plan.sweep import needs_of, search_of, selected_sample, space_of, trial_settings


def sweep_arm(
    step: Step, prepared: Prepared, out: Path, workers: int, on_progress: ProgressReport, storage: str | None = None
) -> None:
    """Try the settings of an arm's sweep on the first seed's training images; validation images choose.

    Args:
        step: of kind "sweep".
        prepared: the study's data; no test image of it is looked at.
        out: directory of the study.
        workers: threads that prepare batches.
        on_progress: called while training; first with the memory that the trials need.
        storage: of Optuna, for a copy of the trials; None: a file of the step.
    """
    from hilum.study.execution.train import store_of

    if step.arm is None or step.encoder is None or step.seed is None:
        raise ValueError(f"not a sweep: {step}")
    study, task, store, arm = prepared.study, prepared.task, store_of(out, step.data), step.arm
    images, readable = prepared.labelled_images, set(store.image_ids)
    train, val = task.train_of(step.seed).only(readable), task.val.only(readable)
    sweep = study.sweep_of(arm)
    needs = needs_of(study, arm, (len(train.image_ids), len(val.image_ids)))
    on_progress(0, 1, needs.in_words)
    pretrained, weights = pretraining_directory(study, arm, step.seed), study.weights_of(arm)
    run_search(
        space_of(study, arm, images),
        lambda sample: replace(trial_settings(study, arm, sample, images), workers=workers),
        search_of(study, arm),
        store,
        train,
        val,
        init=out / pretrained if pretrained else resolve_weights(weights, step.encoder) if weights else "random",
        encoder_name=step.encoder,
        findings=study.task.findings,
        seed=step.seed,
        directory=out / step.directory,
        best_per=sweep.best_per if sweep else (),
        patients_apart="train" not in task.split.sharing,
        storage=storage,
        storage_name=f"{study.question[:80]}, {arm}",
        on_progress=on_progress,
    )


def settings_of_arm(prepared: Prepared, out: Path, arm: str) -> FinetuneSettings:
    """Settings of an arm's fine-tunings: those that its sweep chose, where it has one."""
    sample = selected_sample(prepared.study, out, arm)
    return trial_settings(prepared.study, arm, sample, prepared.labelled_images)
