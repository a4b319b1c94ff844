"""`hilum evaluate`: numbers with intervals from anybody's predictions."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.console import progress, say, say_json, say_table


def evaluate(
    predictions: Annotated[
        list[Path], typer.Argument(help="Parquet or CSV with y_<finding> and p_<finding>. Several: seeds of one arm.")
    ],
    out: Annotated[Path, typer.Option(help="Directory for metrics.parquet, metrics.csv and metrics.json.")],
    redraws: Annotated[int, typer.Option(help="Bootstrap redraws of patients (and seeds).")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the redraws.")] = 0,
    min_positives: Annotated[
        int, typer.Option(min=2, help="Findings with fewer positive (or negative) patients are left out of the mean.")
    ] = 10,
    split: Annotated[
        str | None, typer.Option(help="Which rows, by column split. When left out: test, or the only one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """AUROC per finding and over findings, with 95 % intervals from redrawn patients.

    The table needs y_<finding> (1, 0, empty = unknown) and p_<finding> (0 to 1); image_id, patient_id and split where
    known. Without patient_id every image counts as a patient of its own.

    \b
    Examples:
      hilum evaluate predictions.parquet --out results
      hilum evaluate seed0.csv seed1.csv seed2.csv --out results --json
    """
    from hilum.evaluate.arms import align
    from hilum.evaluate.metrics import MACRO, evaluate_predictions
    from hilum.evaluate.predictions import read_predictions
    from hilum.evaluate.tables import write_results

    seeds = [read_predictions(path, split=split) for path in predictions]
    with progress("redrawing patients") as on_progress:
        metrics = evaluate_predictions(
            seeds, redraws=redraws, seed=seed, min_positives=min_positives, on_progress=on_progress
        )
    aligned = align({"": seeds})
    settings = {
        "split": seeds[0].split,
        "images": len(aligned.patients),
        "patients": int(aligned.patients.max()) + 1,
        "seeds": len(seeds),
        "redraws": redraws,
        "seed": seed,
        "min_positives": min_positives,
        "notes": aligned.notes,
    }
    written = write_results(out, "metrics", metrics, predictions=predictions, settings=settings)
    if as_json:
        say_json({**settings, "metrics": metrics.to_dicts()})
        return
    say(
        f"{settings['images']:,} films of {settings['patients']:,} patients · split {settings['split'] or 'unknown'} · "
        f"{redraws:,} redraws of patients{' and seeds' if len(seeds) > 1 else ''}, seed {seed}"
    )
    say()
    say_table(
        ["finding", "AUROC", "95 % low", "high", "positives", "films", "patients"],
        [
            [row[key] for key in ("finding", "estimate", "low", "high", "positives", "n", "patients")]
            for row in metrics.to_dicts()
        ],
    )
    say()
    for row in metrics.filter(metrics["note"] != "").to_dicts():
        say(f"{'mean over findings' if row['finding'] == MACRO else row['finding']}: {row['note']}")
    for note in aligned.notes:
        say(note)
    say()
    say(str(written))
