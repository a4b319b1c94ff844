"""`hilum compare`: two sets of predictions for the same images, paired."""

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
    Margin,
    MetricNames,
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
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions

if TYPE_CHECKING:
    import polars as pl


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Parquet or CSV with image_id, y_* and p_*.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, for the same images.")],
    out: Annotated[Path, typer.Option(help="Directory for comparisons.parquet, comparisons.csv, comparisons.json.")],
    split: Split = None,
    held_out: HeldOut = False,
    trained_on: TrainedOnPath = None,
    metrics: MetricNames = None,
    averages: AverageNames = "macro",
    validation: Validation = None,
    threshold: Threshold = ReadingOptions.threshold,
    thresholds_on_test: OnTest = False,
    calibrate: Calibrate = None,
    interval: Interval = BootstrapConfig.interval,
    stratified: Stratified = False,
    holm: Annotated[bool, typer.Option("--holm", help="Adjust by Holm instead of Benjamini-Hochberg.")] = False,
    margin: Margin = EvaluationSettings.margin,
    n_bootstrap: NBootstrap = BootstrapConfig.n_bootstrap,
    seed: Seed = BootstrapConfig.seed,
    min_positive_patients: MinPositives = EvaluationSettings.min_positive_patients,
    as_json: AsJson = False,
) -> None:
    """Differences, A minus B, with 95 % intervals and two-sided p-values on the same resamples of patients.

    Both tables must hold the same images with the same labels and findings. The difference of the mean AUROCs over
    findings is the primary test; single findings are adjusted over all that are tested.

    \b
    Examples:
      hilum compare simclr.parquet scratch.parquet --out results
      hilum compare a.csv b.csv --out results --margin 0.01 --json
    """
    from hilum.evaluation.metrics import overall_finding
    from hilum.runs.compare import compare as run

    result = run(
        first,
        second,
        out,
        split=split,
        held_out=held_out,
        trained_on=trained_on,
        metrics=names(metrics),
        averages=names(averages) or (),
        validation=validation,
        threshold=threshold,
        thresholds_on_test=thresholds_on_test,
        calibrate=calibrate,
        interval=interval,
        stratified=stratified,
        holm=holm,
        margin=margin,
        n_bootstrap=n_bootstrap,
        seed=seed,
        min_positive_patients=min_positive_patients,
        progress=progress,
    )
    table, about = result.comparisons, result.about
    if as_json:
        print_json({**about, **{name: each.to_dicts() for name, each in result.tables.items()}})
        return
    measured = table["metric"].unique(maintain_order=True).to_list()
    echo(f"{'AUROC' if measured[0] == 'auroc' else measured[0]} of {about['difference']}")
    echo(
        f"{about['images']:,} images of {about['patients']:,} patients · split "
        f"{about['split'] or 'unknown'} · "
        f"{n_bootstrap:,} resamples of patients, seed {seed}"
    )
    echo()
    shown = table.filter(table["metric"] == measured[0])
    _print_differences(shown, "finding")
    if len(measured) > 1:
        echo()
        overall = [*result.averages, overall_finding(table["finding"].to_list())]
        over_findings = table["finding"].is_in(overall) & (table["metric"] != measured[0])
        _print_differences(table.filter(over_findings), "metric")
    echo()
    echo("detectable: the difference that a test like this one shows with 80 % power")
    for family in shown["family"].unique(maintain_order=True):
        echo(family)
    if result.margins is not None:
        conclusions = ", ".join(f"{row['finding']} {row['conclusion']}" for row in result.margins.to_dicts())
        echo(f"margin {margin:g}: {conclusions}")
    for row in shown.filter(shown["note"] != "").to_dicts():
        echo(f"{'mean over findings' if row['finding'] == 'macro' else row['finding']}: {row['note']}")
    for note in about["notes"]:
        echo(note)
    echo()
    echo(str(out / "comparisons.parquet"))


def _print_differences(rows: "pl.DataFrame", first_column: str) -> None:
    print_table(
        [first_column, "difference", "95 % low", "high", "p", "adjusted p", "detectable"],
        [
            [
                row[first_column].replace("_", " "),
                *(row[key] for key in ("difference", "ci_low", "ci_high")),
                *(_p_in_words(row[key]) for key in ("p", "p_adjusted")),
                row["minimum_detectable_difference"],
            ]
            for row in rows.to_dicts()
        ],
    )


def _p_in_words(p: float | None) -> str:
    if p is None:
        return ""
    return f"{p:.3f}" if p >= 0.001 else "<0.001"
