"""Description of a packaged model: `model.json`, beside weights and card.

    DIR/model.json                   description of the arm: members, thresholds and calibration of their ensemble
    DIR/seed-0/model.json            description of one classifier
    DIR/seed-0/model.safetensors     weights
    DIR/seed-0/card.json             provenance, and the training patients (`hilum.encoders.card`)
    DIR/seed-0/reference/            synthetic radiographs and the model's outputs on them

Each directory is complete: `DIR/seed-0` alone can be copied and used.
"""

import math
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from hilum.artifacts import write_text
from hilum.errors import HilumError, HilumErrors
from hilum.notes import Note, notes_as_data, read_notes

MODEL = "model.json"
FORMAT = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FindingCode(_Part):
    """Code of a finding in a terminology; see `hilum.findings.terms`."""

    scheme: Literal["SCT", "RADLEX", "DCM"]
    code: str
    meaning: str


class Calibration(_Part):
    """Calibration sigmoid(slope · logit(p) + shift) of probabilities p, fitted on validation images."""

    slope: float
    shift: float


class FindingDescription(_Part):
    """Description of one finding.

    Attributes:
        name: Canonical name.
        codes: Codes of the finding in terminologies.
        threshold: Threshold on the probability, at or above which the finding is called; null if validation images gave
            none.
        calibration: Null with fewer than five positive or negative validation patients, or without a positive slope.
        notes: Reasons for null values and other limitations.
    """

    name: str
    codes: list[FindingCode] = []
    threshold: float | None = None
    calibration: Calibration | None = None
    notes: Annotated[list[Note], BeforeValidator(read_notes), PlainSerializer(notes_as_data)] = []


class Measured(_Part):
    """Estimate of one metric, with its 95 % confidence interval."""

    finding: str
    metric: str
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    images: int | None
    positives: int | None
    patients: int | None
    note: str = ""


class TrainingRange(_Part):
    """Range of the training images, to refuse images outside it.

    Attributes:
        ages: Lowest and highest age in years, rounded outwards to multiples of five; the highest is null from 90 on.
            Null if no age is known.
        views: Views (projections) of the training images, as written in the data set; empty if unknown.
        typical: Median training image at 16 x 16, with mean 0 and length 1 (`hilum.data.doctor.typical`); empty with
            fewer than 20 images.
    """

    ages: tuple[int, int | None] | None = None
    views: list[str] = []
    typical: list[float] = []


class ModelDescription(_Part):
    """Content of `model.json`.

    Attributes:
        format: Version of the file format.
        name: Name of the arm, with the seed of a single classifier.
        question: Question of the study.
        members: Directories of the classifiers of an arm, whose ensemble (mean probability) is described; empty for one
            classifier.
        findings: Findings in the order of the outputs.
        threshold_rule, thresholds_chosen_on: Rule of the thresholds, and the images they were chosen on.
        calibration_method, calibrated_on: Method of calibration, and the images it was fitted on.
        measured_on: Test images of the metrics.
        measured: Metrics with 95 % confidence intervals from a bootstrap of patients.
        n_bootstrap: Number of bootstrap resamples.
        trained_on: Split of the training images.
        n_training_images: Number of training images of the last run.
        training_range: Range of the training images.
    """

    format: int = FORMAT
    name: str
    question: str = ""
    members: list[str] = []
    findings: list[FindingDescription]
    threshold_rule: str
    thresholds_chosen_on: str
    calibration_method: str
    calibrated_on: str
    measured_on: str
    measured: list[Measured]
    n_bootstrap: int
    trained_on: str
    n_training_images: int
    training_range: TrainingRange

    @property
    def finding_names(self) -> list[str]:
        """Canonical names of the F findings, in the order of the outputs."""
        return [finding.name for finding in self.findings]

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """Thresholds (F,), NaN if there is none."""
        return np.array([math.nan if each.threshold is None else each.threshold for each in self.findings])

    def calibrated(self, probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
        """Calibrate probabilities, (N, F) to (N, F); NaN for findings without calibration.

        Args:
            probabilities: Probabilities (N, F), 0 to 1.
        """
        edge = 1e-12
        inner = np.clip(np.asarray(probabilities, dtype=np.float64), edge, 1 - edge)
        logits = np.log(inner) - np.log1p(-inner)
        scales = [each.calibration or Calibration(slope=math.nan, shift=math.nan) for each in self.findings]
        slopes, shifts = np.array([s.slope for s in scales]), np.array([s.shift for s in scales])
        return np.asarray(1 / (1 + np.exp(-(slopes * logits + shifts))), dtype=np.float64)


def write_description(description: ModelDescription, directory: Path) -> None:
    """Write `model.json`."""
    write_text(directory / MODEL, description.model_dump_json(indent=2) + "\n")


def read_description(directory: Path) -> ModelDescription:
    """Read `model.json`.

    Raises:
        HilumError: The file is missing, or has another format.
        HilumErrors: Missing or wrong fields.
    """
    path = directory / MODEL
    if not path.is_file():
        fix = "Give a directory written by `hilum package`."
        if (directory / "card.json").is_file():
            fix = "Package an arm of a study first: `hilum package STUDY ARM --out DIR`."
        raise HilumError(path, expected="a model directory", found="no such file", fix=fix)
    try:
        description = ModelDescription.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors()]
        raise HilumErrors(path, problems, fix="run `hilum package` again.") from error
    if description.format != FORMAT:
        raise HilumError(path, expected=f"format {FORMAT}", found=str(description.format), fix="Package it again.")
    return description
