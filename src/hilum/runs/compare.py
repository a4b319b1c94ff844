"""Two sets of predictions for the same images, paired: what `hilum compare` and `hilum.compare` do."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import polars as pl

from hilum.artifacts import locked
from hilum.evaluation.bootstrap import BootstrapConfig, IntervalKind
from hilum.evaluation.metrics import overall_finding
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions
from hilum.evaluation.suite import SuiteInput, SuiteSettings, evaluate_suite
from hilum.evaluation.tables import write_results
from hilum.progress import ShowProgress, quiet
from hilum.runs.inputs.predictions import (
    PredictionSource,
    chosen_metrics,
    name_of,
    read_given,
    thresholds_as_json,
)
from hilum.runs.results import Result


@dataclass(frozen=True, repr=False)
class ComparisonResult(Result):
    """Differences of two arms.

    Attributes:
        directory: with comparisons (and margins) as Parquet, CSV and JSON; None where nothing was written.
        about: what minus what, settings, thresholds, notes.
        comparisons: first minus second, see `hilum.evaluation.compare_predictions`.
        margins: see `hilum.evaluation.equivalence_table`; None without a margin.
        averages: rows over findings.
    """

    comparisons: pl.DataFrame
    margins: pl.DataFrame | None
    averages: tuple[str, ...]

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`comparisons`, and `margins` where there is a margin."""
        return {"comparisons": self.comparisons, **({} if self.margins is None else {"margins": self.margins})}

    @property
    def summary(self) -> list[str]:
        """What minus what, on how many images."""
        about = self.about
        return [
            str(about["difference"]),
            f"{about['images']:,} images of {about['patients']:,} patients",
            f"split {about['split'] or 'unknown'}",
            f"{about['n_bootstrap']:,} resamples of patients, seed {about['seed']}",
        ]

    @property
    def overall(self) -> dict[str, Any]:
        """The primary test as a row: the difference of the mean over findings, or of the only finding."""
        rows = self.comparisons.filter(pl.col("metric") == self.comparisons["metric"][0])
        return rows.row(by_predicate=pl.col("finding") == overall_finding(rows["finding"].to_list()), named=True)

    def _shown(self) -> dict[str, pl.DataFrame]:
        first = self.comparisons["metric"][0]
        rows = self.comparisons.filter(pl.col("metric") == first)
        return {first: rows.select("finding", "difference", "ci_low", "ci_high", "p", "p_adjusted")}


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
    """Compare two sets of predictions, first minus second, on the same bootstrap samples of patients.

    Args:
        first, second: files or Polars tables with image_id, y_<finding> and p_<finding>, of the same images.
        out: directory for comparisons.parquet, .csv and .json; None: nothing is written.
        holm: adjust by Holm instead of Benjamini-Hochberg.
        margin: largest difference in AUROC that does not matter; None: no test of equivalence.
        validation: predictions of validation images, first and second; None: the rows val of the same tables.
        split, held_out, trained_on, metrics, averages: as in `hilum.evaluate`.
        threshold, thresholds_on_test, calibrate, interval, stratified: as in `hilum.evaluate`.
        n_bootstrap, seed, min_positive_patients, progress: as in `hilum.evaluate`.

    Raises:
        HilumError: tables that do not go together, or what is wrong with an option.

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
    tables = [first, second]
    names = [name_of(source, at) for at, source in enumerate(tables)]
    options = ReadingOptions(split, held_out, trained_on, threshold, thresholds_on_test, calibrate)
    a, b = read_given(tables, validation, options)
    with nullcontext() if out is None else locked(Path(out)):
        chosen = {name: [one.thresholds] for name, one in (("B", b), ("A", a)) if one.thresholds is not None}
        bootstrap = BootstrapConfig(n_bootstrap, seed, cast(IntervalKind, interval), stratified)
        with progress("resampling patients") as on_progress:
            found = evaluate_suite(
                SuiteInput({"B": [b.predictions], "A": [a.predictions]}, chosen),
                SuiteSettings(
                    bootstrap=bootstrap,
                    min_positive_patients=min_positive_patients,
                    metrics=chosen_metrics(metrics, [a, b]),
                    averages=averages,
                    compared=None,
                    compared_averages=averages,
                    reference="B",
                    adjustment="Holm" if holm else "Benjamini-Hochberg",
                    margin=margin,
                    multiclass=False,
                ),
                on_progress,
            )
        comparisons = found.comparisons.drop("arm", "reference")
        margins = None if found.margins is None else found.margins.drop("arm", "reference")
        aligned = found.aligned
        about: dict[str, Any] = {
            "difference": f"{names[0]} minus {names[1]}",
            "split": a.predictions.split,
            "images": len(aligned.patients),
            "patients": int(aligned.patients.max()) + 1,
            "n_bootstrap": n_bootstrap,
            "seed": seed,
            "interval": interval,
            "stratified": stratified,
            "min_positive_patients": min_positive_patients,
            "calibrated": calibrate,
            "thresholds": thresholds_as_json([a, b]),
            "notes": [str(each) for each in aligned.notes],
            "codes": [each.code for each in aligned.notes],
        }
        directory = None if out is None else Path(out)
        if directory is not None:
            paths = [Path(source) for source in tables if not isinstance(source, pl.DataFrame)]
            if margins is not None:
                write_results(directory, "margins", margins, predictions=paths, settings=about)
            write_results(directory, "comparisons", comparisons, predictions=paths, settings=about)
        return ComparisonResult(directory, about, comparisons, margins, found.averages)
