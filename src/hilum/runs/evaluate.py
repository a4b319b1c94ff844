"""Numbers with intervals from anybody's predictions: what `hilum evaluate` and `hilum.evaluate` do."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import polars as pl

from hilum.artifacts import locked
from hilum.evaluation.bootstrap import BootstrapConfig, IntervalKind
from hilum.evaluation.predictions import read_table
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions
from hilum.evaluation.suite import SuiteInput, SuiteSettings, evaluate_suite
from hilum.evaluation.tables import groups_by_column, write_results
from hilum.notes import Code, Note, note
from hilum.progress import ShowProgress, quiet
from hilum.report.render import listing
from hilum.runs.inputs.predictions import (
    GivenPredictions,
    PredictionSource,
    chosen_metrics,
    name_of,
    read_given,
    table_of,
    thresholds_as_json,
)
from hilum.runs.results import Result


@dataclass(frozen=True, repr=False)
class EvaluationResult(Result):
    """Numbers of one arm.

    Attributes:
        directory: with metrics (and subgroups) as Parquet, CSV and JSON; None where nothing was written.
        about: whose images, settings, thresholds, notes.
        metrics: see `hilum.evaluation.evaluate_predictions`.
        subgroups: see `hilum.evaluation.evaluate_subgroups`; None where none were asked for.
        given: the predictions that were evaluated, one a seed.
    """

    metrics: pl.DataFrame
    subgroups: pl.DataFrame | None
    given: Sequence[GivenPredictions]

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`metrics`, and `subgroups` where they were asked for."""
        return {"metrics": self.metrics, **({} if self.subgroups is None else {"subgroups": self.subgroups})}

    @property
    def summary(self) -> list[str]:
        """How many images, patients and bootstrap samples."""
        about = self.about
        seeds = " and seeds" if about["seeds"] > 1 else ""
        return [
            f"{about['images']:,} images of {about['patients']:,} patients",
            f"split {about['split'] or 'unknown'}",
            f"{about['n_bootstrap']:,} resamples of patients{seeds}, seed {about['seed']}",
        ]

    def _shown(self) -> dict[str, pl.DataFrame]:
        first = self.metrics["metric"][0]
        rows = self.metrics.filter(pl.col("metric") == first)
        return {first: rows.select("finding", "estimate", "ci_low", "ci_high", "positives", "n", "patients")}


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
    """Evaluate predictions per finding and over findings, with 95 % intervals from a bootstrap over patients.

    Args:
        predictions: a Parquet or CSV file or a Polars table with y_<finding> (1, 0, empty), p_<finding> (0 to 1), and
            split, image_id, patient_id where known. Several: seeds of one arm.
        out: directory for metrics.parquet, .csv and .json; None: nothing is written.
        split: whose rows; None: test, else val or external alone.
        held_out: for tables without a column split: training has not used these images.
        trained_on: card.json of the model, or a table of patients; none of them may be evaluated.
        labels: of tables that have none: a table of images and findings, an ingested folder, or NAME=FOLDER.
        metrics: names of `hilum.evaluation.METRICS`; None: all that the tables allow.
        averages: rows over findings: "macro", "weighted", "micro".
        validation: predictions of validation images, one a table; None: the rows val of the same table.
        threshold: chosen on validation images: "youden", "f1", "sensitivity=S", "specificity=S"; or a number.
        thresholds_on_test: choose thresholds on the evaluated images; marked as optimistic.
        calibrate: scale probabilities on validation images: "temperature", "platt" or "isotonic".
        interval: "expanded", "percentile" or "bca".
        stratified: draw patients within strata of the rarest finding that they have.
        n_bootstrap: bootstrap samples of patients (and seeds), at least 40.
        seed: of the bootstrap.
        min_positive_patients: findings with fewer positive (or negative) patients are not in means.
        subgroups: columns to group patients by, such as "sex", "age" (in bands), "view".
        image_table: table with image_id and these columns; None: the predictions' own.
        min_group: groups with fewer positive (or negative) patients of a finding get no number.
        progress: shows each stage.

    Raises:
        HilumError: what is wrong with a table or an option.

    Example:
        >>> import polars as pl
        >>> import hilum
        >>> table = pl.DataFrame({"y_Mass": [0, 1] * 20, "p_Mass": [0.2, 0.4, 0.3, 0.9] * 10})
        >>> result = hilum.evaluate(table, held_out=True, n_bootstrap=100, metrics=["auroc"])
        >>> result.metrics["estimate"].to_list()
        [1.0]
    """
    tables = _listed(predictions)
    options = ReadingOptions(split, held_out, trained_on, threshold, thresholds_on_test, calibrate, labels)
    given = read_given(tables, None if validation is None else _listed(validation), options)
    with nullcontext() if out is None else locked(Path(out)):
        seeds = [one.predictions for one in given]
        thresholds = [one.thresholds for one in given if one.thresholds is not None]
        arm = listing([Path(name_of(source, at)).stem for at, source in enumerate(tables)])
        groups, group_notes = _groups(given, tables[0], image_table, subgroups)
        bootstrap = BootstrapConfig(n_bootstrap, seed, cast(IntervalKind, interval), stratified)
        with progress("resampling patients") as on_progress:
            found = evaluate_suite(
                SuiteInput({arm: seeds}, {arm: thresholds} if len(thresholds) == len(seeds) else {}, groups=groups),
                SuiteSettings(
                    bootstrap=bootstrap,
                    min_positive_patients=min_positive_patients,
                    min_group=min_group,
                    metrics=chosen_metrics(metrics, given),
                    averages=averages,
                    compared=None,
                    compared_averages=averages,
                    multiclass=False,
                ),
                on_progress,
            )
        if subgroups and len(thresholds) < len(seeds):
            group_notes.append(note(Code.NO_UNDERDIAGNOSIS))
        aligned = found.aligned
        about: dict[str, Any] = {
            "split": seeds[0].split,
            "images": len(aligned.patients),
            "patients": int(aligned.patients.max()) + 1,
            "seeds": len(seeds),
            "n_bootstrap": n_bootstrap,
            "seed": seed,
            "interval": interval,
            "stratified": stratified,
            "min_positive_patients": min_positive_patients,
            "calibrated": calibrate,
            "thresholds": thresholds_as_json(given),
            "notes": [str(each) for each in aligned.notes],
            "codes": [each.code for each in aligned.notes],
        }
        numbers = found.metrics.drop("arm")
        paths = [Path(source) for source in tables if not isinstance(source, pl.DataFrame)]
        directory = None if out is None else Path(out)
        if directory is not None and found.subgroups is not None:
            own = {
                "split": seeds[0].split,
                "n_bootstrap": n_bootstrap,
                "seed": seed,
                "min_group": min_group,
                "notes": [str(each) for each in group_notes],
                "codes": [each.code for each in group_notes],
            }
            write_results(directory, "subgroups", found.subgroups, predictions=paths, settings=own)
        if directory is not None:
            write_results(directory, "metrics", numbers, predictions=paths, settings=about)
        more = {"subgroup_notes": [str(each) for each in group_notes]} if subgroups else {}
        ungrouped = None if found.subgroups is None else found.subgroups.drop("arm")
        return EvaluationResult(directory, about | more, numbers, ungrouped, given)


def _listed(source: PredictionSource | Sequence[PredictionSource]) -> list[PredictionSource]:
    return [source] if isinstance(source, str | Path | pl.DataFrame) else list(source)


def _groups(
    given: Sequence[GivenPredictions], own: PredictionSource, images: str | Path | None, columns: Sequence[str]
) -> tuple[dict[str, dict[str, str | None]], list[Note]]:
    """The group of each image by each column, and what must be known of it."""
    if not columns:
        return {}, []
    where = name_of(own, 0) if images is None else str(images)
    table = table_of(own) if images is None else read_table(Path(images), what="a table of images")
    return groups_by_column(table, columns, given[0].predictions.image_ids, where=where)
