"""`hilum evaluate`: numbers with intervals from anybody's predictions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.console import echo, print_json, print_table, progress
from hilum.cli.prediction_options import (
    AsJson,
    AverageNames,
    Calibrate,
    HeldOut,
    Interval,
    LabelsOf,
    MetricNames,
    MinGroup,
    MinPositives,
    NBootstrap,
    OnTest,
    Seed,
    Split,
    Stratified,
    Threshold,
    TrainedOnPath,
    Validation,
    names,
)
from hilum.cli.subgroups import Images, Subgroups, print_groups
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions

if TYPE_CHECKING:
    import polars as pl


def evaluate(
    predictions: Annotated[
        list[Path], typer.Argument(help="Parquet or CSV with y_<finding> and p_<finding>. Several: seeds of one arm.")
    ],
    out: Annotated[Path, typer.Option(help="Directory for metrics.parquet, metrics.csv and metrics.json.")],
    split: Split = None,
    held_out: HeldOut = False,
    trained_on: TrainedOnPath = None,
    labels: LabelsOf = None,
    metrics: MetricNames = None,
    averages: AverageNames = "macro",
    validation: Validation = None,
    threshold: Threshold = ReadingOptions.threshold,
    thresholds_on_test: OnTest = False,
    calibrate: Calibrate = None,
    interval: Interval = BootstrapConfig.interval,
    stratified: Stratified = False,
    n_bootstrap: NBootstrap = BootstrapConfig.n_bootstrap,
    seed: Seed = BootstrapConfig.seed,
    min_positive_patients: MinPositives = EvaluationSettings.min_positive_patients,
    subgroups: Subgroups = None,
    image_table: Images = None,
    min_group: MinGroup = EvaluationSettings.min_group,
    as_json: AsJson = False,
) -> None:
    """Numbers per finding and over findings, with 95 % intervals from resampled patients.

    The table needs y_<finding> (1, 0, empty = unknown), p_<finding> (0 to 1), split, and image_id and patient_id where
    known. Without patient_id every image counts as a patient of its own. Where there are validation images (rows val,
    or --validation), thresholds are chosen on them, and sensitivity and other threshold metrics are reported, too. With
    --subgroups also AUROC and underdiagnosis of groups of patients, each with its gap to all others
    (subgroups.parquet).

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
        metrics=names(metrics),
        averages=names(averages) or (),
        validation=validation,
        threshold=threshold,
        thresholds_on_test=thresholds_on_test,
        calibrate=calibrate,
        interval=interval,
        stratified=stratified,
        n_bootstrap=n_bootstrap,
        seed=seed,
        min_positive_patients=min_positive_patients,
        subgroups=names(subgroups) or (),
        image_table=image_table,
        min_group=min_group,
        progress=progress,
    )
    table, about = result.metrics, result.about
    if as_json:
        tables = {name: each.to_dicts() for name, each in result.tables.items()}
        print_json({**about, **tables})
        return
    echo(
        f"{about['images']:,} images of {about['patients']:,} patients · split "
        f"{about['split'] or 'unknown'} · "
        f"{n_bootstrap:,} resamples of patients{' and seeds' if about['seeds'] > 1 else ''}, seed {seed}"
    )
    echo()
    measured = table["metric"].unique(maintain_order=True).to_list()
    _print_intervals(table, measured[0])
    if len(measured) > 1:
        echo()
        _print_estimates(table, measured[1:])
    if result.subgroups is not None:
        echo()
        print_groups(result.subgroups, about["subgroup_notes"])
    echo()
    thresholds = [one.thresholds for one in result.given if one.thresholds is not None]
    if thresholds:
        chosen = f" on {thresholds[0].chosen_on}" if thresholds[0].chosen_on else ""
        echo(f"Thresholds: {thresholds[0].rule}{', chosen' + chosen if chosen else ''}; fixed in resamples.")
    for finding, note in _notes(table, measured[0]):
        echo(f"{'mean over findings' if finding == 'macro' else finding}: {note}")
    for note in about["notes"]:
        echo(note)
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
    """Of the other metrics only the estimates; their intervals are in the table that is written."""
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


def _notes(table: "pl.DataFrame", metric: str) -> list[tuple[str, str]]:
    first = table.filter(table["metric"] == metric)
    return [(finding, note) for finding, note in first.select("finding", "note").iter_rows() if note]
