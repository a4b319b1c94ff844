"""Settings of an evaluation, declared once for commands, study files and functions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from hilum.declared import Bounds, raise_problems, range_problems

MinPositivePatients = Annotated[int, Bounds(ge=1)]
MinGroup = Annotated[int, Bounds(ge=1)]
Margin = Annotated[float | None, Bounds(gt=0)]


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """Settings of the results of an evaluation, beside its bootstrap (`hilum.evaluation.BootstrapConfig`).

    Attributes:
        min_positive_patients: Findings with fewer positive (or negative) patients are excluded from means and tests.
        min_group: Groups with fewer positive (or negative) patients of a finding are not reported.
        margin: Margin of non-inferiority and equivalence tests: the largest irrelevant AUROC difference, fixed before
            the results are known.

    Raises:
        HilumError: Values out of range.
    """

    min_positive_patients: MinPositivePatients = 10
    min_group: MinGroup = 20
    margin: Margin = None

    def __post_init__(self) -> None:
        raise_problems(range_problems(type(self), vars(self)), "settings of the evaluation")


@dataclass(frozen=True)
class ReadingOptions:
    """Options for reading tables of predictions.

    Attributes:
        split: Rows to evaluate, by the column split. Default: test, else val or external alone.
        held_out: For tables without a column split: the model was not trained on these images.
        trained_on: card.json of the model, or a table of its training patients, which are refused.
        threshold: Rule to choose thresholds on validation images: youden, f1, sensitivity=S, specificity=S; or a
            number.
        thresholds_on_test: Choose thresholds on the evaluated images; marked as optimistic.
        calibrate: Recalibrate probabilities on validation images: temperature, platt or isotonic.
        labels: Labels of tables without labels: a CSV or Parquet table of images and findings, a folder of `hilum
            ingest`, or NAME=FOLDER.
    """

    split: str | None = None
    held_out: bool = False
    trained_on: str | Path | None = None
    threshold: str = "youden"
    thresholds_on_test: bool = False
    calibrate: str | None = None
    labels: str | Path | None = None
