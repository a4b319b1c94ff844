"""Command `hilum compare`: paired comparison of two tables of predictions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions

if TYPE_CHECKING:
    import polars as pl


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Parquet or CSV file with image_id, y_* and p_*.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another file, for the same images.")],
    out: Annotated[Path, typer.Option(help="Directory to write comparisons.parquet, .csv and .json to.")],
    split: options.Split = None,
    held_out: options.HeldOut = False,
    trained_on: options.TrainedOnPath = None,
    metrics: options.MetricNames = None,
    averages: options.AverageNames = "macro",
    validation: options.Validation = None,
    threshold: options.Threshold = ReadingOptions.threshold,
    thresholds_on_test: options.OnTest = False,
    calibrate: options.Calibrate = None,
    interval: options.Interval = BootstrapConfig.interval,
    stratified: options.Stratified = False,
    holm: Annotated[
        bool, typer.Option("--holm", help="Adjust p-values by Holm (family-wise) instead of Benjamini-Hochberg (FDR).")
    ] = False,
    margin: options.Margin = EvaluationSettings.margin,
    n_bootstrap: options.NBootstrap = BootstrapConfig.n_bootstrap,
    seed: options.Seed = BootstrapConfig.seed,
    min_positive_patients: options.MinPositives = EvaluationSettings.min_positive_patients,
    as_json: options.AsJson = False,
) -> None:
    """Compare two tables of predictions (paired).

    Differences are A minus B, with 95 % confidence intervals and two-sided p-values. Both tables must contain the
    same images, labels and findings, and are evaluated on the same bootstrap samples of patients. The primary test is
    the difference in mean AUROC over findings; p-values of single findings are adjusted for multiple testing.

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
        metrics=options.names(metrics),
        averages=options.names(averages) or (),
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
    echo(f"{'AUROC' if measured[0] == 'auroc' else measured[0]} of {result.summary[0]}")
    echo(" · ".join(result.summary[1:]))
    echo()
    shown = table.filter(table["metric"] == measured[0])
    _print_differences(shown, "finding")
    if len(measured) > 1:
        echo()
        overall = [*result.averages, overall_finding(table["finding"].to_list())]
        over_findings = table["finding"].is_in(overall) & (table["metric"] != measured[0])
        _print_differences(table.filter(over_findings), "metric")
    echo()
    echo("detectable: the smallest difference that this test detects with 80 % power")
    for family in shown["family"].unique(maintain_order=True):
        echo(family)
    if result.margins is not None:
        conclusions = ", ".join(f"{row['finding']} {row['conclusion']}" for row in result.margins.to_dicts())
        echo(f"margin {margin:g}: {conclusions}")
    for line in [*result.row_notes, *map(str, result.notes)]:
        echo(line)
    echo()
    echo(str(out / "comparisons.parquet"))


def _print_differences(rows: "pl.DataFrame", first_column: str) -> None:
    print_table(
        [first_column, "difference", "95 % low", "high", "p", "adjusted p", "detectable"],
        [
            [
                row[first_column].replace("_", " "),
                *(row[key] for key in ("difference", "ci_low", "ci_high")),
                *(_format_p(row[key]) for key in ("p", "p_adjusted")),
                row["minimum_detectable_difference"],
            ]
            for row in rows.to_dicts()
        ],
    )


def _format_p(p: float | None) -> str:
    if p is None:
        return ""
    return f"{p:.3f}" if p >= 0.001 else "<0.001"
