"""What people set of an evaluation: declared once, for commands, study files and functions."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What decides the numbers of an evaluation, beside its bootstrap (`hilum.evaluation.BootstrapConfig`).

    Attributes:
        min_positive_patients: Findings with fewer positive (or negative) patients are not in means and not tested.
        min_group: Groups with fewer positive (or negative) patients of a finding get no number.
        margin: Largest AUROC difference that does not matter, named before the results are seen: tests of
            non-inferiority and equivalence.
    """

    min_positive_patients: int = 10
    min_group: int = 20
    margin: float | None = None


@dataclass(frozen=True)
class ReadingOptions:
    """How tables of predictions are read.

    Attributes:
        split: Which rows, by column split. When left out: test, else val or external alone.
        held_out: For tables without a column split: training has not used these images.
        trained_on: card.json of the model, or a table of patients; none of them may be judged.
        threshold: Chosen on validation images: youden, f1, sensitivity=S, specificity=S; or a number.
        thresholds_on_test: Choose thresholds on the judged images; marked as optimistic.
        calibrate: Scale probabilities on validation images: temperature, platt or isotonic.
        labels: Labels of tables that have none: a CSV or Parquet table of images and findings, a folder that `hilum
            ingest` wrote, or NAME=FOLDER.
    """

    split: str | None = None
    held_out: bool = False
    trained_on: str | Path | None = None
    threshold: str = "youden"
    thresholds_on_test: bool = False
    calibrate: str | None = None
    labels: str | Path | None = None
