"""Model directory of one arm of a finished study.

Packaging is a separate command and not a step of the study: it needs no training and no new scores, and copies the
weights only of models that are used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from hilum.declared import check_ranges
from hilum.errors import HilumError
from hilum.evaluation.bootstrap import BootstrapConfig
from hilum.prediction.description import ModelDescription, TrainingRange, read_description
from hilum.prediction.packaging import (
    CALIBRATIONS,
    Packaging,
    TrainedSeed,
    check_package_directory,
    package_arm,
    training_range,
)
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.runs.results import Result
from hilum.study.execution.evaluate import read_arm, read_validation
from hilum.study.execution.external import store_of
from hilum.study.execution.run import prepare_in
from hilum.study.file import Study
from hilum.study.file.read import study_of_run
from hilum.study.file.views import views_of
from hilum.study.plan import EVALUATION, finetuning_directory, view_directory
from hilum.study.plan.predictions import predictions_file
from hilum.study.prepared import Prepared

_MOST_FOR_TYPICAL = 500


@dataclass(frozen=True, repr=False)
class PackageResult(Result):
    """Packaged model of an arm.

    Attributes:
        directory: The model directory.
        about: Its description (model.json) as plain data.
        description: Findings, thresholds, calibration and metrics.
    """

    directory: Path
    description: ModelDescription

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`findings`: threshold and AUROC on the test images of each finding."""
        auroc = {each.finding: each for each in self.description.measured if each.metric == "auroc"}
        rows = []
        for finding in self.description.findings:
            measured = auroc.get(finding.name)
            estimate = (
                (None, None, None) if measured is None else (measured.estimate, measured.ci_low, measured.ci_high)
            )
            rows.append((finding.name, " ".join(code.code for code in finding.codes[:1]), finding.threshold, *estimate))
        names = ("threshold", "auroc", "ci_low", "ci_high")
        kinds = {"finding": pl.String, "code": pl.String, **dict.fromkeys(names, pl.Float64)}
        return {"findings": pl.DataFrame(rows, schema=kinds, orient="row")}

    @property
    def summary(self) -> list[str]:
        """Name of the model, and its members."""
        return [f"{self.description.name}: {', '.join(self.description.members)}"]

    @property
    def row_notes(self) -> list[str]:
        """Notes on findings, and on what thresholds and AUROC were computed."""
        described, notes = self.description, []
        if len(described.members) > 1:
            notes.append(
                f"AUROC of the ensemble: mean probability of {len(described.members)} seeds. The study's report gives "
                "the mean of the AUROCs of the seeds."
            )
        notes += [f"{finding.name}: {note}" for finding in described.findings for note in finding.notes]
        thresholds = f"Thresholds: {described.threshold_rule}, {described.thresholds_chosen_on}."
        return [*notes, f"{thresholds} AUROC: {described.measured_on}."]


@checked_arguments
def package(
    study: str | Path,
    arm: str,
    out: str | Path,
    *,
    data: Mapping[str, str | Path] | None = None,
    calibrate: str = "platt",
    task: str | None = None,
    n_bootstrap: int | None = None,
    progress: ShowProgress = quiet,
) -> PackageResult:
    """Write a model directory of an arm of a finished study, for `hilum.predict` and `hilum serve`.

    It contains for each seed weights, model card, preprocessing, thresholds, calibration, metrics and a self-test, and
    a description of the ensemble of all seeds (mean probability). No patient ids are included: cards list training
    patients by pseudonyms.

    Args:
        study: Directory of a finished study.
        arm: Name of one of its arms.
        out: Directory to write.
        data: Folders of its data sets that are not generated, by name.
        calibrate: Calibration, fitted on validation images: "platt" (slope and shift of the logits) or "temperature"
            (slope).
        task: Name of the task, if the study has several; the largest label fraction is used.
        n_bootstrap: Number of bootstrap resamples of patients; None: as in the study.
        progress: Shows the number of finished classifiers.

    Raises:
        HilumError: The study is not finished, or has no such arm.

    Example:
        >>> import hilum
        >>> hilum.package("runs/absent", "simclr", "model", calibrate="isotonic")
        Traceback (most recent call last):
        hilum.errors.HilumError: --calibrate: expected platt, temperature; found isotonic. Use one of these.
    """
    if calibrate not in CALIBRATIONS:
        raise HilumError("--calibrate", expected=", ".join(CALIBRATIONS), found=calibrate, fix="Use one of these.")
    if n_bootstrap is not None:
        check_ranges(BootstrapConfig, n_bootstrap=n_bootstrap)
    check_package_directory(Path(out))
    directory, folders = Path(study), {name: Path(folder) for name, folder in (data or {}).items()}
    task_study = _packaged_task(directory, arm, task)
    if unknown := sorted(set(folders) - set(task_study.whole.data)):
        expected = f"data sets of the study: {', '.join(task_study.whole.data)}"
        raise HilumError("--data", expected=expected, found=", ".join(unknown), fix="Use these names.")
    prepared = prepare_in(task_study.whole, folders, directory, allow_missing=True).views[task_study.place]
    evaluation, seeds = directory / view_directory(task_study, EVALUATION), task_study.seeds
    trained = [
        TrainedSeed(directory / finetuning_directory(task_study, arm, seed), validation, test)
        for seed, validation, test in zip(
            seeds, read_validation(evaluation, arm, seeds), read_arm(evaluation, arm, seeds), strict=True
        )
    ]
    packaging = Packaging(
        name=arm,
        question=task_study.question,
        split=f"{task_study.labelled_data}, {prepared.task.split.title}",
        rule=task_study.evaluate.threshold,
        calibration=calibrate,  # type: ignore[arg-type]  # checked above
        n_bootstrap=n_bootstrap or task_study.evaluate.n_bootstrap,
        seed=task_study.evaluate.seed,
        min_positive_patients=task_study.evaluate.min_positive_patients,
    )
    with progress("packaging") as on_progress:
        packaged = package_arm(trained, Path(out), packaging, _training_range(prepared, directory), on_progress)
    described = read_description(packaged)
    return PackageResult(packaged, described.model_dump(), described)


def _packaged_task(directory: Path, arm: str, task: str | None) -> Study:
    """Return the task to package; refuse an arm that cannot be packaged."""
    study = _task_of(study_of_run(directory), task)
    evaluation = directory / view_directory(study, EVALUATION)
    if arm not in study.arms:
        raise HilumError("ARM", expected=f"one of {', '.join(study.arms)}", found=arm, fix="Name one of these.")
    if study.task.unit == "study":
        fix = "Run the study with task.unit: image, and package that."
        raise HilumError(arm, expected="thresholds of single images", found="those of studies", fix=fix)
    if study.arms[arm].features is not None:
        fix = "Package an arm with an encoder."
        raise HilumError(arm, expected="an arm with a model", found="precomputed features", fix=fix)
    if not predictions_file(evaluation, arm, study.seeds[0]).is_file():
        fix = f"Run it to its end: hilum study run {directory / 'study.yaml'} --out {directory}."
        raise HilumError(evaluation, expected=f"predictions of {arm}", found="none", fix=fix)
    return study


def _training_range(prepared: Prepared, directory: Path) -> TrainingRange:
    """Describe ages, views and images of the training data, to recognise images unlike them."""
    store = store_of(directory, prepared.study.labelled_data)
    train = store.readable(prepared.task.train.image_ids)
    rows = {row["image_id"]: row for row in prepared.labelled.manifest.iter_rows(named=True)}
    chosen = [train[i] for i in np.linspace(0, len(train) - 1, min(len(train), _MOST_FOR_TYPICAL)).astype(int)]
    return training_range(
        [rows[image_id]["age"] for image_id in train],
        [rows[image_id]["view"] for image_id in train],
        store.gather(store.rows(chosen)),
    )


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
