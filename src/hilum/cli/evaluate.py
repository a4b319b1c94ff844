"""`hilum evaluate`: numbers with intervals from anybody's predictions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.console import progress, say, say_json, say_table
from hilum.cli.given_predictions import (
    AsJson,
    AverageNames,
    Calibrate,
    HeldOut,
    Interval,
    LabelsOf,
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
from hilum.cli.subgroups import Images, MinGroup, Subgroups, measure_groups, say_groups

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
    threshold: Threshold = "youden",
    thresholds_on_test: OnTest = False,
    calibrate: Calibrate = None,
    interval: Interval = "expanded",
    stratified: Stratified = False,
    redraws: Redraws = 2000,
    seed: Seed = 0,
    min_positives: MinPositives = 10,
    subgroups: Subgroups = None,
    images: Images = None,
    min_group: MinGroup = 20,
    as_json: AsJson = False,
) -> None:
    """Numbers per finding and over findings, with 95 % intervals from redrawn patients.

    The table needs y_<finding> (1, 0, empty = unknown), p_<finding> (0 to 1), split, and image_id and patient_id where
    known. Without patient_id every image counts as a patient of its own. Where there are validation images (rows val,
    or --validation), thresholds are chosen on them, and sensitivity and the like are told, too. With --subgroups also
    AUROC and underdiagnosis of groups of patients, each with its gap to all others (subgroups.parquet).

    \b
    Examples:
      hilum evaluate predictions.parquet --out results
      hilum evaluate seed0.csv seed1.csv seed2.csv --out results --threshold sensitivity=0.9 --json
      hilum evaluate there.parquet --labels chestxray14=CXR8 --out results
      hilum evaluate predictions.parquet --subgroups sex,age,view --images ingested/manifest.parquet --out results
    """
    import polars as pl

    from hilum.evaluation.predictions.align import align
    from hilum.evaluation.tables import evaluate_predictions, write_results
    from hilum.report.render import listing

    reading = Reading(split, held_out, trained_on, threshold, thresholds_on_test, calibrate, labels)
    given = read_given(predictions, validation, reading)
    names, rows = chosen_metrics(metrics, given), [name.strip() for name in averages.split(",")]
    seeds = [one.predictions for one in given]
    thresholds = [one.thresholds for one in given if one.thresholds is not None]
    with progress("redrawing patients") as on_progress:
        table = evaluate_predictions(
            seeds,
            metrics=names,
            averages=rows,
            thresholds=thresholds if len(thresholds) == len(seeds) else None,
            interval=interval,  # type: ignore[arg-type]  # checked there, with a message
            stratified=stratified,
            redraws=redraws,
            seed=seed,
            min_positives=min_positives,
            on_progress=on_progress,
        )
    aligned = align({"": seeds})
    settings = {
        "split": seeds[0].split,
        "images": len(aligned.patients),
        "patients": int(aligned.patients.max()) + 1,
        "seeds": len(seeds),
        "redraws": redraws,
        "seed": seed,
        "interval": interval,
        "stratified": stratified,
        "min_positives": min_positives,
        "calibrated": calibrate,
        "thresholds": thresholds_as_json(given),
        "notes": aligned.notes,
    }
    groups, said = None, list[str]()
    if subgroups is not None:
        groups, said = measure_groups(
            given, predictions[0], images, subgroups, min_group=min_group, redraws=redraws, seed=seed
        )
        arm = listing([path.stem for path in predictions])
        own = {"split": seeds[0].split, "redraws": redraws, "seed": seed, "min_group": min_group, "notes": said}
        named = groups.select(pl.lit(arm).alias("arm"), pl.all())
        write_results(out, "subgroups", named, predictions=predictions, settings=own)
    written = write_results(out, "metrics", table, predictions=predictions, settings=settings)
    if as_json:
        more = {} if groups is None else {"subgroups": groups.to_dicts(), "subgroup_notes": said}
        say_json({**settings, "metrics": table.to_dicts(), **more})
        return
    say(
        f"{settings['images']:,} images of {settings['patients']:,} patients · split "
        f"{settings['split'] or 'unknown'} · "
        f"{redraws:,} redraws of patients{' and seeds' if len(seeds) > 1 else ''}, seed {seed}"
    )
    say()
    _say_intervals(table, names[0])
    if len(names) > 1:
        say()
        _say_estimates(table, names[1:])
    if groups is not None:
        say()
        say_groups(groups, said)
    say()
    if thresholds:
        chosen = f" on {thresholds[0].chosen_on}" if thresholds[0].chosen_on else ""
        say(f"Thresholds: {thresholds[0].rule}{', chosen' + chosen if chosen else ''}; fixed in redraws.")
    for finding, note in _notes(table, names[0]):
        say(f"{'mean over findings' if finding == 'macro' else finding}: {note}")
    for note in aligned.notes:
        say(note)
    say()
    say(str(written))


def _say_intervals(table: "pl.DataFrame", metric: str) -> None:
    rows = table.filter(table["metric"] == metric).to_dicts()
    columns = ("finding", "estimate", "low", "high", "positives", "n", "patients")
    say_table(
        ["finding", _TITLES[metric], "95 % low", "high", "positives", "images", "patients"],
        [[row[key] for key in columns] for row in rows],
    )


def _say_estimates(table: "pl.DataFrame", metrics: list[str]) -> None:
    """Of the other metrics only the estimates; their intervals are in the table that is written."""
    wide = table.filter(table["metric"].is_in(metrics)).pivot("metric", index="finding", values="estimate")
    say_table(["finding", *(_TITLES[metric] for metric in metrics)], wide.rows())


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
