"""`hilum compare`: two sets of predictions for the same images, paired."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.artifacts import locked
from hilum.cli.console import progress, say, say_json, say_table
from hilum.cli.given_predictions import (
    AsJson,
    AverageNames,
    Calibrate,
    HeldOut,
    Interval,
    MetricNames,
    MinPositives,
    OnTest,
    Reading,
    Redraws,
    Seed,
    Split,
    Stratified,
    Threshold,
    TrainedOnPath,
    Validation,
    chosen_metrics,
    read_given,
    thresholds_as_json,
)

if TYPE_CHECKING:
    import polars as pl

    from hilum.evaluation.inference import Adjustment


def compare(
    context: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="A", help="Parquet or CSV with image_id, y_* and p_*.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, for the same images.")],
    out: Annotated[Path, typer.Option(help="Directory for comparisons.parquet, comparisons.csv, comparisons.json.")],
    split: Split = None,
    held_out: HeldOut = False,
    trained_on: TrainedOnPath = None,
    metrics: MetricNames = None,
    averages: AverageNames = "macro",
    validation: Validation = None,
    threshold: Threshold = "youden",
    thresholds_on_test: OnTest = False,
    calibrate: Calibrate = None,
    interval: Interval = "expanded",
    stratified: Stratified = False,
    holm: Annotated[bool, typer.Option("--holm", help="Adjust by Holm instead of Benjamini-Hochberg.")] = False,
    margin: Annotated[
        float | None, typer.Option(help="Largest difference in AUROC that does not matter: is A not worse, the same?")
    ] = None,
    redraws: Redraws = 2000,
    seed: Seed = 0,
    min_positives: MinPositives = 10,
    as_json: AsJson = False,
) -> None:
    """Differences, A minus B, with 95 % intervals and two-sided p-values on the same redraws of patients.

    Both tables must hold the same images with the same labels and findings. The difference of the mean AUROCs over
    findings is the primary test; single findings are adjusted over all that are tested.

    \b
    Examples:
      hilum compare simclr.parquet scratch.parquet --out results
      hilum compare a.csv b.csv --out results --margin 0.01 --json
    """
    from hilum.evaluation.estimation import measure_arms
    from hilum.evaluation.metrics import overall_finding
    from hilum.evaluation.tables import comparisons_table, margins_table, write_results

    reading = Reading(split, held_out, trained_on, threshold, thresholds_on_test, calibrate)
    a, b = read_given([first, second], validation, reading)
    context.with_resource(locked(out))
    names = chosen_metrics(metrics, [a, b])
    chosen = {name: [one.thresholds] for name, one in (("B", b), ("A", a)) if one.thresholds is not None}
    with progress("redrawing patients") as on_progress:
        measured = measure_arms(
            {"B": [b.predictions], "A": [a.predictions]},
            metrics=names,
            averages=[name.strip() for name in averages.split(",")],
            thresholds=chosen if len(chosen) == 2 else None,
            interval=interval,  # type: ignore[arg-type]  # checked there, with a message
            stratified=stratified,
            redraws=redraws,
            seed=seed,
            min_positives=min_positives,
            on_progress=on_progress,
        )
    adjustment: Adjustment = "Holm" if holm else "Benjamini-Hochberg"
    table = comparisons_table(measured, against="B", adjustment=adjustment).drop("arm", "against")
    margins = None if margin is None else margins_table(measured, margin, against="B").drop("arm", "against")
    aligned = measured.aligned
    settings = {
        "difference": f"{first} minus {second}",
        "split": a.predictions.split,
        "images": len(aligned.patients),
        "patients": int(aligned.patients.max()) + 1,
        "redraws": redraws,
        "seed": seed,
        "interval": interval,
        "stratified": stratified,
        "min_positives": min_positives,
        "calibrated": calibrate,
        "thresholds": thresholds_as_json([a, b]),
        "notes": aligned.notes,
    }
    if margins is not None:
        write_results(out, "margins", margins, predictions=[first, second], settings=settings)
    written = write_results(out, "comparisons", table, predictions=[first, second], settings=settings)
    if as_json:
        extra = {} if margins is None else {"margins": margins.to_dicts()}
        say_json({**settings, "comparisons": table.to_dicts(), **extra})
        return
    say(f"{'AUROC' if names[0] == 'auroc' else names[0]} of {first} minus {second}")
    say(
        f"{settings['images']:,} images of {settings['patients']:,} patients · split "
        f"{settings['split'] or 'unknown'} · "
        f"{redraws:,} redraws of patients, seed {seed}"
    )
    say()
    _say_differences(table.filter(table["metric"] == names[0]), "finding")
    if len(names) > 1:
        say()
        overall = [*measured.averages, overall_finding(table["finding"].to_list())]
        over_findings = table["finding"].is_in(overall) & (table["metric"] != names[0])
        _say_differences(table.filter(over_findings), "metric")
    say()
    say("detectable: the difference that a test like this one shows with 80 % power")
    shown = table.filter(table["metric"] == names[0])
    for family in shown["family"].unique(maintain_order=True):
        say(family)
    if margins is not None:
        say(f"margin {margin:g}: " + ", ".join(f"{row['finding']} {row['says']}" for row in margins.to_dicts()))
    for row in shown.filter(shown["note"] != "").to_dicts():
        say(f"{'mean over findings' if row['finding'] == 'macro' else row['finding']}: {row['note']}")
    for note in aligned.notes:
        say(note)
    say()
    say(str(written))


def _say_differences(rows: "pl.DataFrame", first_column: str) -> None:
    say_table(
        [first_column, "difference", "95 % low", "high", "p", "adjusted p", "detectable"],
        [
            [
                row[first_column].replace("_", " "),
                *(row[key] for key in ("difference", "low", "high")),
                *(_p_in_words(row[key]) for key in ("p", "p_adjusted")),
                row["detectable"],
            ]
            for row in rows.to_dicts()
        ],
    )


def _p_in_words(p: float | None) -> str:
    if p is None:
        return ""
    return f"{p:.3f}" if p >= 0.001 else "<0.001"
