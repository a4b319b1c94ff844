"""Metrics with confidence intervals from tables of predictions: `hilum.evaluate` and `hilum evaluate`."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

import polars as pl

from hilum.artifacts import locked
from hilum.declared import check_ranges
from hilum.evaluation.bootstrap import BootstrapConfig, IntervalKind
from hilum.evaluation.predictions import read_table
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions
from hilum.evaluation.suite import SuiteInput, SuiteSettings, evaluate_suite
from hilum.evaluation.tables import groups_by_column, write_results
from hilum.notes import Code, Note, note, notes_as_data
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.report.render import listing
from hilum.runs.inputs.predictions import (
    GivenPredictions,
    PredictionSource,
    chosen_metrics,
    describe_evaluation,
    name_of,
    paths_of,
    read_given,
    sources_of,
    table_of,
)
from hilum.runs.results import PredictionsResult


@dataclass(frozen=True, repr=False)
class EvaluationResult(PredictionsResult):
    """Metrics of one arm.

    Attributes:
        directory: Directory with metrics (and subgroups) as Parquet, CSV and JSON; None if nothing was written.
        about: Numbers of images and patients, settings, thresholds, notes.
        metrics: Metrics per finding and averages; see `hilum.evaluation.evaluate_predictions`.
        subgroups: Metrics of subgroups; see `hilum.evaluation.evaluate_subgroups`. None without `subgroups`.
        given: Evaluated predictions, one per seed.
    """

    metrics: pl.DataFrame
    subgroups: pl.DataFrame | None
    given: Sequence[GivenPredictions]

    _columns: ClassVar[tuple[str, ...]] = ("estimate", "ci_low", "ci_high", "positives", "n", "patients")

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`metrics`, and `subgroups` if there are any."""
        return {"metrics": self.metrics, **({} if self.subgroups is None else {"subgroups": self.subgroups})}

    @property
    def _rows(self) -> pl.DataFrame:
        return self.metrics


@checked_arguments
def evaluate(
    predictions: PredictionSource | Sequence[PredictionSource],
    out: str | Path | None = None,
    *,
    split: str | None = None,
    held_out: bool = False,
    trained_on: str | Path | None = None,
    labels: str | Path | None = None,
    metrics: Sequence[str] | None = None,
    averages: Sequence[str] = ("macro",),
    validation: PredictionSource | Sequence[PredictionSource] | None = None,
    threshold: str = ReadingOptions.threshold,
    thresholds_on_test: bool = False,
    calibrate: str | None = None,
    interval: IntervalKind | str = BootstrapConfig.interval,
    stratified: bool = False,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    min_positive_patients: int = EvaluationSettings.min_positive_patients,
    subgroups: Sequence[str] = (),
    image_table: str | Path | None = None,
    min_group: int = EvaluationSettings.min_group,
    progress: ShowProgress = quiet,
) -> EvaluationResult:
    """Compute metrics per finding and averages, with 95 % confidence intervals from a bootstrap of patients.

    Args:
        predictions: Parquet or CSV file or Polars table with y_<finding> (1, 0, empty), p_<finding> (0 to 1), and
            split, image_id, patient_id if known. Several are seeds of one arm.
        out: Directory to write metrics.parquet, .csv and .json to; None: nothing is written.
        split: Part of the column split to evaluate; None: test, or the only one of val and external.
        held_out: For tables without a column split: confirm that these images were not used for training.
        trained_on: card.json of the model, or a table of its training patients; they must not be evaluated.
        labels: Labels of tables without y_<finding>: a table of images and findings, an ingested folder, or
            NAME=FOLDER.
        metrics: Names of `hilum.evaluation.METRICS`; None: all that the tables allow.
        averages: Averages over findings: "macro", "weighted", "micro".
        validation: Predictions of validation images, one per table; None: the rows val of the same table.
        threshold: Rule to choose thresholds on validation images ("youden", "f1", "sensitivity=S", "specificity=S"), or
            a number.
        thresholds_on_test: Choose thresholds on the evaluated images; results are marked as optimistic.
        calibrate: Recalibration on validation images: "temperature", "platt" or "isotonic".
        interval: Kind of confidence interval: "expanded", "percentile" or "bca".
        stratified: Resample patients within strata of their rarest finding.
        n_bootstrap: Number of bootstrap resamples of patients (and seeds), 40 or more.
        seed: Random seed of the bootstrap.
        min_positive_patients: Findings with fewer positive (or negative) patients are excluded from averages.
        subgroups: Columns that define subgroups of patients, such as "sex", "age" (in bands), "view".
        image_table: Table with image_id and these columns; None: the predictions.
        min_group: Subgroups with fewer positive (or negative) patients of a finding get no estimate.
        progress: Shows the progress of each stage.

    Raises:
        HilumError: A wrong table or option.

    Example:
        >>> import polars as pl
        >>> import hilum
        >>> table = pl.DataFrame({"y_Mass": [0, 1] * 20, "p_Mass": [0.2, 0.4, 0.3, 0.9] * 10})
        >>> result = hilum.evaluate(table, held_out=True, n_bootstrap=100, metrics=["auroc"])
        >>> result.metrics["estimate"].to_list()
        [1.0]
    """
    check_ranges(
        BootstrapConfig,
        EvaluationSettings,
        n_bootstrap=n_bootstrap,
        seed=seed,
        interval=interval,
        min_positive_patients=min_positive_patients,
        min_group=min_group,
    )
    tables = sources_of(predictions)
    options = ReadingOptions(split, held_out, trained_on, threshold, thresholds_on_test, calibrate, labels)
    given = read_given(tables, None if validation is None else sources_of(validation), options)
    with nullcontext() if out is None else locked(Path(out)):
        seeds = [one.predictions for one in given]
        thresholds = [one.thresholds for one in given if one.thresholds is not None]
        arm = listing([Path(name_of(source, at)).stem for at, source in enumerate(tables)])
        groups, group_notes = _groups(given, tables[0], image_table, subgroups)
        settings = SuiteSettings(
            bootstrap=BootstrapConfig(n_bootstrap, seed, cast(IntervalKind, interval), stratified),
            min_positive_patients=min_positive_patients,
            min_group=min_group,
            metrics=chosen_metrics(metrics, given),
            averages=averages,
            compared=None,
            compared_averages=averages,
            multiclass=False,
        )
        with progress("resampling patients") as on_progress:
            of_arm = {arm: thresholds} if len(thresholds) == len(seeds) else {}
            found = evaluate_suite(SuiteInput({arm: seeds}, of_arm, groups=groups), settings, on_progress)
        if subgroups and len(thresholds) < len(seeds):
            group_notes.append(note(Code.NO_UNDERDIAGNOSIS))
        about = describe_evaluation(given, found.aligned, settings, calibrate, seeds=len(seeds))
        estimates = found.metrics.drop("arm")
        paths = paths_of(tables)
        directory = None if out is None else Path(out)
        if directory is not None and found.subgroups is not None:
            subgroup_settings = {
                "split": seeds[0].split,
                "n_bootstrap": n_bootstrap,
                "seed": seed,
                "min_group": min_group,
                "notes": notes_as_data(group_notes),
            }
            write_results(directory, "subgroups", found.subgroups, predictions=paths, settings=subgroup_settings)
        if directory is not None:
            write_results(directory, "metrics", estimates, predictions=paths, settings=about)
        more = {"subgroup_notes": notes_as_data(group_notes)} if subgroups else {}
        by_group = None if found.subgroups is None else found.subgroups.drop("arm")
        return EvaluationResult(directory, about | more, estimates, by_group, given)


def _groups(
    given: Sequence[GivenPredictions], own: PredictionSource, images: str | Path | None, columns: Sequence[str]
) -> tuple[dict[str, dict[str, str | None]], list[Note]]:
    """Return the subgroup of each image by each column, and notes on them."""
    if not columns:
        return {}, []
    where = name_of(own, 0) if images is None else str(images)
    table = table_of(own) if images is None else read_table(Path(images), what="a table of images")
    return groups_by_column(table, columns, given[0].predictions.image_ids, where=where)
