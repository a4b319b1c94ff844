"""Paired comparison of two tables of predictions: `hilum.compare` and `hilum compare`."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import polars as pl

from hilum.artifacts import locked
from hilum.declared import check_ranges
from hilum.evaluation.bootstrap import BootstrapConfig, IntervalKind
from hilum.evaluation.metrics import overall_finding
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions
from hilum.evaluation.suite import SuiteInput, SuiteSettings, evaluate_suite
from hilum.evaluation.tables import write_results
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.runs.inputs.predictions import (
    PredictionSource,
    chosen_metrics,
    describe_evaluation,
    name_of,
    paths_of,
    read_given,
)
from hilum.runs.results import PredictionsResult


@dataclass(frozen=True, repr=False)
class ComparisonResult(PredictionsResult):
    """Differences between two arms.

    Attributes:
        directory: Directory with comparisons (and margins) as Parquet, CSV and JSON; None if nothing was written.
        about: Direction of the difference, settings, thresholds, notes.
        comparisons: Differences, first minus second; see `hilum.evaluation.compare_predictions`.
        margins: Tests of non-inferiority and equivalence; see `hilum.evaluation.equivalence_table`. None without a
            margin.
        averages: Names of the averages over findings.
    """

    comparisons: pl.DataFrame
    margins: pl.DataFrame | None
    averages: tuple[str, ...]

    _columns: ClassVar[tuple[str, ...]] = ("difference", "ci_low", "ci_high", "p", "p_adjusted")

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`comparisons`, and `margins` with a margin."""
        return {"comparisons": self.comparisons, **({} if self.margins is None else {"margins": self.margins})}

    @property
    def summary(self) -> list[str]:
        """Direction of the difference, numbers of images and patients, split, and bootstrap."""
        return [str(self.about["difference"]), *super().summary]

    @property
    def overall(self) -> dict[str, Any]:
        """Row of the primary test: the difference of the mean over findings, or of the only finding."""
        rows = self._first_metric()
        return rows.row(by_predicate=pl.col("finding") == overall_finding(rows["finding"].to_list()), named=True)

    @property
    def _rows(self) -> pl.DataFrame:
        return self.comparisons


@checked_arguments
def compare(
    first: PredictionSource,
    second: PredictionSource,
    out: str | Path | None = None,
    *,
    split: str | None = None,
    held_out: bool = False,
    trained_on: str | Path | None = None,
    metrics: Sequence[str] | None = None,
    averages: Sequence[str] = ("macro",),
    validation: Sequence[PredictionSource] | None = None,
    threshold: str = ReadingOptions.threshold,
    thresholds_on_test: bool = False,
    calibrate: str | None = None,
    interval: IntervalKind | str = BootstrapConfig.interval,
    stratified: bool = False,
    holm: bool = False,
    margin: float | None = None,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    min_positive_patients: int = EvaluationSettings.min_positive_patients,
    progress: ShowProgress = quiet,
) -> ComparisonResult:
    """Compare two tables of predictions, first minus second, on the same bootstrap samples of patients.

    Args:
        first, second: Files or Polars tables with image_id, y_<finding> and p_<finding>, of the same images.
        out: Directory to write comparisons.parquet, .csv and .json to; None: nothing is written.
        holm: Adjust p-values by Holm (family-wise error rate) instead of Benjamini-Hochberg (false discovery rate).
        margin: Largest difference in AUROC that is clinically irrelevant, for tests of non-inferiority and equivalence;
            None: no such tests.
        validation: Predictions of validation images, first and second; None: the rows val of the same tables.
        split, held_out, trained_on, metrics, averages: As in `hilum.evaluate`.
        threshold, thresholds_on_test, calibrate, interval, stratified: As in `hilum.evaluate`.
        n_bootstrap, seed, min_positive_patients, progress: As in `hilum.evaluate`.

    Raises:
        HilumError: Tables of different images, or a wrong option.

    Example:
        >>> import polars as pl
        >>> import hilum
        >>> images = {"image_id": [str(i) for i in range(40)], "y_Mass": [0, 1] * 20}
        >>> good = pl.DataFrame({**images, "p_Mass": [0.2, 0.8] * 20})
        >>> none = pl.DataFrame({**images, "p_Mass": [0.5, 0.5] * 20})
        >>> result = hilum.compare(good, none, held_out=True, n_bootstrap=100, metrics=["auroc"])
        >>> result.overall["difference"]
        0.5
    """
    check_ranges(
        BootstrapConfig,
        EvaluationSettings,
        n_bootstrap=n_bootstrap,
        seed=seed,
        interval=interval,
        min_positive_patients=min_positive_patients,
        margin=margin,
    )
    tables = [first, second]
    names = [name_of(source, at) for at, source in enumerate(tables)]
    options = ReadingOptions(split, held_out, trained_on, threshold, thresholds_on_test, calibrate)
    a, b = read_given(tables, validation, options)
    with nullcontext() if out is None else locked(Path(out)):
        chosen = {name: [one.thresholds] for name, one in (("B", b), ("A", a)) if one.thresholds is not None}
        settings = SuiteSettings(
            bootstrap=BootstrapConfig(n_bootstrap, seed, cast(IntervalKind, interval), stratified),
            min_positive_patients=min_positive_patients,
            metrics=chosen_metrics(metrics, [a, b]),
            averages=averages,
            compared=None,
            compared_averages=averages,
            reference="B",
            adjustment="Holm" if holm else "Benjamini-Hochberg",
            margin=margin,
            multiclass=False,
        )
        with progress("resampling patients") as on_progress:
            given = SuiteInput({"B": [b.predictions], "A": [a.predictions]}, chosen)
            found = evaluate_suite(given, settings, on_progress)
        comparisons = found.comparisons.drop("arm", "reference")
        margins = None if found.margins is None else found.margins.drop("arm", "reference")
        about = {
            "difference": f"{names[0]} minus {names[1]}",
            **describe_evaluation([a, b], found.aligned, settings, calibrate),
        }
        directory = None if out is None else Path(out)
        if directory is not None:
            if margins is not None:
                write_results(directory, "margins", margins, predictions=paths_of(tables), settings=about)
            write_results(directory, "comparisons", comparisons, predictions=paths_of(tables), settings=about)
        return ComparisonResult(directory, about, comparisons, margins, found.averages)
