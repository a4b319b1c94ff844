"""From a finished study to a model directory of one arm.

A command of its own and no step of the study: it needs no training and no new scores, works on studies that were
finished before it existed, and a study whose models nobody uses keeps its weights once.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hilum.errors import HilumError
from hilum.prediction.packaging import CalibrationMethod, Packaging, TrainedSeed, package_arm, training_range
from hilum.progress import ProgressReport, silent
from hilum.study.execution.evaluate import read_arm, read_validation
from hilum.study.execution.external import store_of
from hilum.study.execution.run import prepare_in
from hilum.study.file import Study
from hilum.study.file.read import study_of_run
from hilum.study.file.views import views_of
from hilum.study.plan import EVALUATION, finetuning_directory, view_directory

_MOST_FOR_TYPICAL = 500


def package(
    out: Path,
    arm: str,
    directory: Path,
    *,
    task: str | None = None,
    roots: Mapping[str, Path] | None = None,
    calibration: CalibrationMethod = "platt",
    n_bootstrap: int | None = None,
    on_progress: ProgressReport = silent,
) -> Path:
    """Write a model directory of an arm: weights, card, thresholds, calibration, numbers, self-test.

    Thresholds are chosen by the study's rule, and probabilities scaled, on its validation images; numbers are of its
    test images, of each seed by itself and of the mean of all.

    Args:
        out: directory of a study that was run to its end.
        arm: one of its arms.
        directory: to make.
        task: of a study of several tasks, which one; of several label fractions the largest is taken.
        roots: folders of its data sets that it did not generate, whose tables tell ages and views.
        calibration: "platt" or "temperature".
        n_bootstrap: resamples of patients; the study's own number when left out.
        on_progress: receives the classifiers done.

    Raises:
        HilumError: no finished study, or no such arm.
    """
    study = _task_of(study_of_run(out), task)
    evaluation = out / view_directory(study, EVALUATION)
    if arm not in study.arms:
        raise HilumError("ARM", expected=f"one of {', '.join(study.arms)}", found=arm, fix="Name one of these.")
    if study.task.unit == "study":
        fix = "Run the study with task.unit: image, and package that."
        raise HilumError(arm, expected="thresholds of single images", found="those of studies", fix=fix)
    if study.arms[arm].features is not None:
        fix = "Package an arm with an encoder; whoever made the features has the model."
        raise HilumError(arm, expected="an arm with a model", found="features from elsewhere", fix=fix)
    if not (evaluation / "predictions" / arm).is_dir():
        fix = f"Run it to its end: hilum study run {out / 'study.yaml'} --out {out}."
        raise HilumError(evaluation, expected=f"predictions of {arm}", found="none", fix=fix)
    prepared = prepare_in(study.whole, roots or {}, out, allow_missing=True).views[study.place]
    store = store_of(out, study.labelled_data)
    train = store.readable(prepared.task.train.image_ids)
    rows = {row["image_id"]: row for row in prepared.labelled.manifest.iter_rows(named=True)}
    chosen = [train[i] for i in np.linspace(0, len(train) - 1, min(len(train), _MOST_FOR_TYPICAL)).astype(int)]
    training = training_range(
        [rows[image_id]["age"] for image_id in train],
        [rows[image_id]["view"] for image_id in train],
        store.gather(store.rows(chosen)),
    )
    seeds = [
        TrainedSeed(out / finetuning_directory(study, arm, seed), validation, test)
        for seed, validation, test in zip(
            study.seeds,
            read_validation(evaluation, arm, study.seeds),
            read_arm(evaluation, arm, study.seeds),
            strict=True,
        )
    ]
    packaging = Packaging(
        name=arm,
        question=study.question,
        split=f"{study.labelled_data}, {prepared.task.split.title}",
        rule=study.evaluate.threshold,
        calibration=calibration,
        n_bootstrap=n_bootstrap or study.evaluate.n_bootstrap,
        seed=study.evaluate.seed,
        min_positive_patients=study.evaluate.min_positive_patients,
    )
    return package_arm(seeds, directory, packaging, training, on_progress)


def _task_of(study: Study, task: str | None) -> Study:
    """One task of a study at its largest label fraction.

    Raises:
        HilumError: no such task, or several and none named.
    """
    of_task = {view.task: view.study for view in views_of(study)}
    if task is None and len(of_task) == 1:
        return next(iter(of_task.values()))
    if task not in of_task:
        fix = "Name one of these."
        raise HilumError("--task", expected=f"one of {', '.join(of_task)}", found=task or "none", fix=fix)
    return of_task[task]
