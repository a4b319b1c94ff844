"""Packaging of trained classifiers as a model directory."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import whole_directory
from hilum.data.doctor.typical import FEWEST, standardised, typical
from hilum.data.preprocess import parse_recipe
from hilum.data.replaceable import check_replaceable
from hilum.encoders.card import CARD, read_card
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.metrics import AUROC
from hilum.evaluation.predictions import SCORE, Predictions
from hilum.evaluation.recalibration import fit_platt, fit_temperature
from hilum.evaluation.settings import EvaluationSettings
from hilum.evaluation.tables import evaluate_predictions
from hilum.evaluation.thresholds import Thresholds, choose_thresholds
from hilum.findings.terms import terms_of
from hilum.finetuning.weights import MODEL_WEIGHTS
from hilum.notes import Code, Note, note
from hilum.prediction.description import (
    MODEL,
    Calibration,
    FindingCode,
    FindingDescription,
    Measured,
    ModelDescription,
    TrainingRange,
    write_description,
)
from hilum.prediction.loading import load_package
from hilum.prediction.self_test import write_reference
from hilum.progress import ProgressReport, silent

CalibrationMethod: TypeAlias = Literal["platt", "temperature"]
CALIBRATIONS = {"platt": fit_platt, "temperature": fit_temperature}
FEWEST_PATIENTS = 5
"""Minimum number of positive, and of negative, validation patients for a calibration, and for a threshold without a
warning: a slope fitted to one or two positives can map a probability of 0.5 to almost 0."""
_METRICS = (AUROC, "auprc", "sensitivity", "specificity")


@dataclass(frozen=True)
class TrainedSeed:
    """Classifier of an arm, with its predictions.

    Attributes:
        directory: Directory of the classifier.
        validation: Predictions of the study's validation images.
        test: Predictions of its test images.
    """

    directory: Path
    validation: Predictions
    test: Predictions


@dataclass(frozen=True)
class Packaging:
    """Settings of packaging.

    Attributes:
        name: Name of the arm.
        question: Question of the study.
        split: Title of its split.
        rule: Rule of the thresholds.
        calibration: "platt" (slope and shift; class weights in training shift the probabilities of rare findings) or
            "temperature" (slope only).
        n_bootstrap: Number of bootstrap resamples of patients.
        seed: Random seed of the bootstrap.
        min_positive_patients: Findings with fewer positive or negative patients are excluded from averages.
    """

    name: str
    question: str
    split: str
    rule: str
    calibration: CalibrationMethod = "platt"
    n_bootstrap: int = BootstrapConfig.n_bootstrap
    seed: int = 0
    min_positive_patients: int = EvaluationSettings.min_positive_patients


def package_arm(
    seeds: Sequence[TrainedSeed],
    directory: Path,
    packaging: Packaging,
    training: TrainingRange,
    on_progress: ProgressReport = silent,
) -> Path:
    """Write a model directory of an arm, with one directory per seed; complete or not at all.

    Args:
        seeds: Classifiers of the arm, in directories named seed-N.
        directory: Directory to write.
        packaging: Settings.
        training: Range of the training images.
        on_progress: Receives the number of finished classifiers.

    Raises:
        HilumError: Classifiers that cannot be loaded, or are inconsistent.
    """
    check_package_directory(directory)
    total = len(seeds) + (len(seeds) > 1)
    with whole_directory(directory) as beside:
        for done, seed in enumerate(seeds):
            on_progress(done, total, seed.directory.name)
            own = replace(packaging, name=f"{packaging.name}, {seed.directory.name.replace('-', ' ')}")
            _package_seed(seed, beside / seed.directory.name, own, training)
        members = [seed.directory.name for seed in seeds]
        validation, test = _mean([seed.validation for seed in seeds]), _mean([seed.test for seed in seeds])
        on_progress(len(seeds), total, "the mean of the seeds")
        described = _described(seeds[0].directory, validation, test, packaging, training)
        write_description(described.model_copy(update={"members": members}), beside)
        on_progress(total, total, "")
    return directory


def check_package_directory(directory: Path) -> None:
    """Refuse to replace anything but an earlier package.

    Raises:
        HilumError: There are other files, or it is a file.
    """
    seeds = [path.name for path in directory.glob("seed-*")] if directory.is_dir() else []
    check_replaceable(directory, {MODEL, *seeds})


def training_range(
    ages: Sequence[float | None], views: Sequence[str | None], pixels: NDArray[np.uint8]
) -> TrainingRange:
    """Describe the range of the training images, without data that identify a patient.

    Args:
        ages: Ages in years, of N images.
        views: Views (projections) of N images.
        pixels: Some of the preprocessed images, (M, S, S).
    """
    known = [age for age in ages if age is not None]
    low, high = (int(min(known)) // 5 * 5, -(-int(max(known)) // 5) * 5) if known else (0, 0)
    middle: list[float] = []
    if len(pixels) >= FEWEST:
        small = np.stack([standardised(image) for image in pixels])
        middle = [round(float(value), 6) for value in typical(small[np.abs(small).sum(1) > 0])]
    return TrainingRange(
        ages=(low, high if high < 90 else None) if known else None,
        views=sorted({view.upper() for view in views if view}),
        typical=middle,
    )


def _package_seed(seed: TrainedSeed, directory: Path, packaging: Packaging, training: TrainingRange) -> None:
    directory.mkdir()
    for name in (MODEL_WEIGHTS, CARD):
        if not (seed.directory / name).is_file():
            fix = "Complete the study first."
            raise HilumError(seed.directory / name, expected="a trained classifier", found="no such file", fix=fix)
        shutil.copyfile(seed.directory / name, directory / name)
    write_description(_described(directory, seed.validation, seed.test, packaging, training), directory)
    loaded = load_package(directory, device="cpu", self_test=False)
    write_reference(
        directory,
        loaded.findings,
        loaded.preprocess,
        lambda pixels: loaded.probabilities(pixels, precision="fp32"),
    )


def _described(
    directory: Path, validation: Predictions, test: Predictions, packaging: Packaging, training: TrainingRange
) -> ModelDescription:
    card = read_card(directory)
    parse_recipe(card.preprocessing)
    thresholds = choose_thresholds(validation, packaging.rule)
    return ModelDescription(
        name=packaging.name,
        question=packaging.question,
        findings=[
            describe_finding(finding, validation, thresholds, packaging.calibration) for finding in card.findings
        ],
        threshold_rule=packaging.rule,
        thresholds_chosen_on=(thresholds.chosen_on and f"val of {packaging.split}") or "given beforehand",
        calibration_method=packaging.calibration,
        calibrated_on=f"val of {packaging.split}",
        measured_on=f"test of {packaging.split}",
        measured=_measured(test, thresholds, packaging),
        n_bootstrap=packaging.n_bootstrap,
        trained_on=card.split,
        n_training_images=card.n_training_images,
        training_range=training,
    )


def describe_finding(
    finding: str, validation: Predictions, thresholds: Thresholds, calibration_method: CalibrationMethod = "platt"
) -> FindingDescription:
    """Describe the threshold and calibration of a finding, with reasons for missing ones.

    Args:
        finding: Canonical name.
        validation: Predictions of the validation images.
        thresholds: Thresholds chosen on them.
        calibration_method: Method of calibration.
    """
    threshold, notes = thresholds.values[finding], list[Note]()
    at = validation.findings.index(finding)
    labels, scores = validation.labels[:, at], validation.scores[:, at]
    of_class = [
        len({patient for patient, label in zip(validation.patients, labels, strict=True) if label == each})
        for each in (1.0, 0.0)
    ]
    patients = {"positive": of_class[0], "negative": of_class[1]}
    few = min(of_class) < FEWEST_PATIENTS
    if not np.isfinite(threshold):
        notes.append(note(Code.NO_THRESHOLD))
    elif few:
        notes.append(note(Code.UNCERTAIN_THRESHOLD, **patients))
    calibration = None
    if not few:
        scaling = CALIBRATIONS[calibration_method](labels, scores)
        if scaling.slope > 0:
            calibration = Calibration(slope=scaling.slope, shift=scaling.shift)
        else:
            notes.append(note(Code.NOT_CALIBRATED))
    else:
        notes.append(note(Code.TOO_FEW_TO_CALIBRATE, needed=FEWEST_PATIENTS, **patients))
    codes = [FindingCode(scheme=each.scheme, code=each.code, meaning=each.meaning) for each in terms_of(finding)]
    return FindingDescription(
        name=finding,
        codes=codes,
        threshold=float(threshold) if np.isfinite(threshold) else None,
        calibration=calibration,
        notes=notes,
    )


def _measured(test: Predictions, thresholds: Thresholds, packaging: Packaging) -> list[Measured]:
    table = evaluate_predictions(
        [test],
        metrics=_METRICS,
        thresholds=[thresholds],
        n_bootstrap=packaging.n_bootstrap,
        seed=packaging.seed,
        min_positive_patients=packaging.min_positive_patients,
    )
    return [
        Measured(
            finding=row["finding"],
            metric=row["metric"],
            estimate=_number(row["estimate"]),
            ci_low=_number(row["ci_low"]),
            ci_high=_number(row["ci_high"]),
            images=row["n"],
            positives=row["positives"],
            patients=row["patients"],
            note=row["note"] or "",
        )
        for row in table.iter_rows(named=True)
    ]


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def _mean(predictions: Sequence[Predictions]) -> Predictions:
    """Average the probabilities of seeds in float32, as an ensemble does."""
    first = predictions[0]
    if len(predictions) == 1:
        return first
    frames = [each.frame.sort("image_id") for each in predictions]
    for frame in frames[1:]:
        if frame["image_id"].to_list() != frames[0]["image_id"].to_list():
            fix = "Run the study again, so that all seeds score the same images."
            raise HilumError(first.name, expected="the same images of every seed", found="others", fix=fix)
    columns = []
    for finding in first.findings:
        scores = np.stack([frame[SCORE + finding].to_numpy().astype(np.float32) for frame in frames])
        columns.append(pl.Series(SCORE + finding, scores.mean(0, dtype=np.float32).astype(np.float64)))
    return replace(first, name=f"mean of {len(predictions)} seeds", frame=frames[0].with_columns(columns))
