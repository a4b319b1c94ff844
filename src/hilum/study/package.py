"""Model directory of one arm of a finished study.

Packaging is a separate command and not a step of the study: it needs no training and no new scores, and copies the
weights only of models that are used.
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
from hilum.study.plan.predictions import predictions_file

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
    """Write a model directory of an arm: weights, card, thresholds, calibration, metrics, self-test.

    Thresholds are chosen by the study's rule, and probabilities calibrated, on validation images. Metrics are those of
    the test images, for each seed and for the mean of all seeds.

    Args:
        out: Directory of a finished study.
        arm: Name of one of its arms.
        directory: Directory to write.
        task: Name of the task, if the study has several; the largest label fraction is used.
        roots: Folders of its data sets that are not generated, for ages and views.
        calibration: Calibration method, "platt" or "temperature".
        n_bootstrap: Number of bootstrap resamples of patients; None: as in the study.
        on_progress: Receives the number of classifiers done.

    Raises:
        HilumError: The study is not finished, or has no such arm.
    """
    study = _task_of(study_of_run(out), task)
    evaluation = out / view_directory(study, EVALUATION)
    if arm not in study.arms:
        raise HilumError("ARM", expected=f"one of {', '.join(study.arms)}", found=arm, fix="Name one of these.")
    if study.task.unit == "study":
        fix = "Run the study with task.unit: image, and package that."
        raise HilumError(arm, expected="thresholds of single images", found="those of studies", fix=fix)
    if study.arms[arm].features is not None:
        fix = "Package an arm with an encoder."
        raise HilumError(arm, expected="an arm with a model", found="precomputed features", fix=fix)
    if not predictions_file(evaluation, arm, study.seeds[0]).is_file():
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
    """Return one task of a study at its largest label fraction.

    Raises:
        HilumError: No such task, or several and none given.
    """
    of_task = {view.task: view.study for view in views_of(study)}
    if task is None and len(of_task) == 1:
        return next(iter(of_task.values()))
    if task not in of_task:
        fix = "Name one of these."
        raise HilumError("--task", expected=f"one of {', '.join(of_task)}", found=task or "none", fix=fix)
    return of_task[task]
