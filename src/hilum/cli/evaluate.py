"""Command `hilum evaluate`: metrics with confidence intervals from tables of predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions
from hilum.wording import counted

if TYPE_CHECKING:
    import polars as pl


def evaluate(
    predictions: options.Predictions,
    out: Annotated[Path, typer.Option(help="Directory to write metrics.parquet, metrics.csv and metrics.json to.")],
    split: options.Split = None,
    held_out: options.HeldOut = False,
    trained_on: options.TrainedOnPath = None,
    labels: options.LabelsOf = None,
    metrics: options.MetricNames = None,
    averages: options.AverageNames = "macro",
    validation: options.Validation = None,
    threshold: options.Threshold = ReadingOptions.threshold,
    thresholds_on_test: options.OnTest = False,
    calibrate: options.Calibrate = None,
    interval: options.Interval = BootstrapConfig.interval,
    stratified: options.Stratified = False,
    n_bootstrap: options.NBootstrap = BootstrapConfig.n_bootstrap,
    seed: options.Seed = BootstrapConfig.seed,
    min_positive_patients: options.MinPositives = EvaluationSettings.min_positive_patients,
    subgroups: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated columns that define subgroups of patients: sex, age (in bands), view, source, any "
            "other."
        ),
    ] = None,
    image_table: Annotated[
        Path | None,
        typer.Option(
            help="Table with image_id and the columns of --subgroups, such as manifest.parquet. Default: the "
            "predictions."
        ),
    ] = None,
    min_group: options.MinGroup = EvaluationSettings.min_group,
    as_json: options.AsJson = False,
) -> None:
    """Compute metrics with 95 % confidence intervals.

    Metrics are computed per finding and averaged, with intervals from a bootstrap of patients. Required columns:
    y_<finding> (1, 0, empty = unknown) and p_<finding> (0 to 1); also split, image_id and patient_id if known. Without
    patient_id each image counts as one patient. If there are validation images (rows val, or --validation), thresholds
    are chosen on them and threshold metrics (sensitivity, …) are reported. With --subgroups, subgroups.parquet holds
    AUROC and underdiagnosis rate of each subgroup and the gap to all other patients.

    \b
    Examples:
      hilum evaluate predictions.parquet --out results
      hilum evaluate seed0.csv seed1.csv seed2.csv --out results --threshold sensitivity=0.9 --json
      hilum evaluate there.parquet --labels chestxray14=CXR8 --out results
      hilum evaluate predictions.parquet --subgroups sex,age,view --image-table ingested/manifest.parquet --out results
    """
    from hilum.runs.evaluate import evaluate as run

    result = run(
        predictions,
        out,
        split=split,
        held_out=held_out,
        trained_on=trained_on,
        labels=labels,
        metrics=options.names(metrics),
        averages=options.names(averages) or (),
        validation=validation,
        threshold=threshold,
        thresholds_on_test=thresholds_on_test,
        calibrate=calibrate,
        interval=interval,
        stratified=stratified,
        n_bootstrap=n_bootstrap,
        seed=seed,
        min_positive_patients=min_positive_patients,
        subgroups=options.names(subgroups) or (),
        image_table=image_table,
        min_group=min_group,
        progress=progress,
    )
    table, about = result.metrics, result.about
    if as_json:
        print_json({**about, **{name: each.to_dicts() for name, each in result.tables.items()}})
        return
    echo(" · ".join(result.summary))
    echo()
    measured = table["metric"].unique(maintain_order=True).to_list()
    _print_intervals(table, measured[0])
    if len(measured) > 1:
        echo()
        _print_estimates(table, measured[1:])
    if result.subgroups is not None:
        echo()
        _print_subgroups(result.subgroups, [each["text"] for each in about["subgroup_notes"]])
    echo()
    thresholds = [one.thresholds for one in result.given if one.thresholds is not None]
    if thresholds:
        origin = f", chosen on {thresholds[0].chosen_on}" if thresholds[0].chosen_on else ""
        echo(f"Thresholds: {thresholds[0].rule}{origin}; fixed in the bootstrap.")
    for line in [*result.row_notes, *map(str, result.notes)]:
        echo(line)
    echo()
    echo(str(out / "metrics.parquet"))


def _print_intervals(table: "pl.DataFrame", metric: str) -> None:
    rows = table.filter(table["metric"] == metric).to_dicts()
    columns = ("finding", "estimate", "ci_low", "ci_high", "positives", "n", "patients")
    print_table(
        ["finding", _TITLES.get(metric, metric), "95 % low", "high", "positives", "images", "patients"],
        [[row[key] for key in columns] for row in rows],
    )


def _print_estimates(table: "pl.DataFrame", metrics: list[str]) -> None:
    """Print the estimates of further metrics; their intervals are in metrics.parquet."""
    wide = table.filter(table["metric"].is_in(metrics)).pivot("metric", index="finding", values="estimate")
    print_table(["finding", *(_TITLES.get(metric, metric) for metric in metrics)], wide.rows())


_TITLES = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "partial_auroc": "partial",
    "sensitivity": "sens.",
    "specificity": "spec.",
    "accuracy": "acc.",
    "balanced_accuracy": "bal. acc.",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier",
    "ece": "ECE",
}


def _print_subgroups(table: "pl.DataFrame", notes: Sequence[str]) -> None:
    """Print the subgroups with an estimate, and how many have none."""
    estimated = table.filter(table["estimate"].is_not_null())
    columns = ("attribute", "group", "finding", "metric", "estimate", "ci_low", "ci_high", "gap", "p_adjusted")
    titles = ["", "group", "finding", "metric", "estimate", "95 % low", "high", "gap to the rest", "adjusted p"]
    print_table(titles, estimated.select(columns).rows(), title="Subgroups of patients")
    if missing := len(table) - len(estimated):
        echo(f"{counted(missing, 'row has', 'rows have')} too few patients for an estimate.")
    for note in notes:
        echo(note)
