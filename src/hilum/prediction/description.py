"""What a model directory says of its model: `model.json`, beside weights and card.

    DIR/model.json                   of the arm: its members, and thresholds and calibration of their mean
    DIR/seed-0/model.json            of one classifier
    DIR/seed-0/model.safetensors     weights
    DIR/seed-0/card.json             provenance, and the ledger of patients (`hilum.encoders.card`)
    DIR/seed-0/reference/            generated radiographs and what the model says of them

Each directory is whole: `DIR/seed-0` alone can be copied and used.
"""

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from hilum.artifacts import write_text
from hilum.errors import HilumError, HilumErrors

MODEL = "model.json"
FORMAT = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FindingCode(_Part):
    """A concept that means the finding; see `hilum.findings.terms`."""

    scheme: Literal["SCT", "RADLEX", "DCM"]
    code: str
    meaning: str


class Calibration(_Part):
    """A calibrated probability is sigmoid(slope · logit(p) + shift), fitted on validation images."""

    slope: float
    shift: float


class FindingDescription(_Part):
    """How one finding is scored.

    Attributes:
        name: canonical.
        codes: of concepts that mean the same; empty where there is none.
        threshold: on the scale of the probability, from which on the finding is called; null where validation images
            gave none.
        calibration: null where fewer than five validation patients were positive, or negative, or no scale rises.
        notes: why something is null.
    """

    name: str
    codes: list[FindingCode] = []
    threshold: float | None = None
    calibration: Calibration | None = None
    notes: list[str] = []


class Measured(_Part):
    """One number that the model was measured at."""

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
    """What the training images were like, so that others are refused.

    Attributes:
        ages: lowest and highest age in years, rounded outwards to whole fives; the highest is null from 90 on. Null
            where no age is known.
        views: of the training images, as the data set writes them; empty where none is known.
        typical: the median training image at 16 x 16, mean 0 and length 1 (`hilum.data.doctor.typical`); empty with
            fewer than 20 images.
    """

    ages: tuple[int, int | None] | None = None
    views: list[str] = []
    typical: list[float] = []


class ModelDescription(_Part):
    """`model.json`.

    Attributes:
        format: of this file.
        name: of the arm, and of the seed where it is one.
        question: of the study.
        members: directories of an arm's classifiers, whose mean probability is described; empty for one classifier.
        findings: in the order of the outputs.
        threshold_rule, thresholds_chosen_on: how thresholds were chosen, and on which images.
        calibration_method, calibrated_on: how probabilities were scaled, and on which images.
        measured_on: split that the numbers are from.
        measured: numbers with 95 % intervals over resampled patients.
        n_bootstrap: resamples of them.
        trained_on: split that it learnt from.
        n_training_images: training images of the last run.
        training_range: what these were like.
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

    @model_validator(mode="before")
    @classmethod
    def _with_names_of_today(cls, content: Any) -> Any:
        if isinstance(content, dict) and "images_seen" in content:  # its name in earlier versions
            content = {"n_training_images" if name == "images_seen" else name: each for name, each in content.items()}
        return content

    @property
    def finding_names(self) -> list[str]:
        """F canonical names, in the order of the outputs."""
        return [finding.name for finding in self.findings]

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """(F), NaN where there is none."""
        return np.array([math.nan if each.threshold is None else each.threshold for each in self.findings])

    def calibrated(self, probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
        """Probabilities on the scale of validation labels, (N, F); NaN where a finding has no calibration.

        Args:
            probabilities: (N, F), 0 to 1.
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
        HilumError: it is missing; says how to make one where a study's training left the directory.
        HilumErrors: fields that are missing or wrong.
    """
    path = directory / MODEL
    if not path.is_file():
        trained = (directory / "card.json").is_file()
        fix = "Point to a directory that `hilum package` wrote."
        if trained:
            fix = "A study's arms are made into models by `hilum package STUDY ARM --out DIR`."
        raise HilumError(path, expected="a model directory", found="no such file", fix=fix)
    try:
        description = ModelDescription.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors()]
        raise HilumErrors(path, problems, fix="run `hilum package` again.") from error
    if description.format != FORMAT:
        raise HilumError(path, expected=f"format {FORMAT}", found=str(description.format), fix="Package it again.")
    return description
