"""`hilum compare`: two sets of predictions for the same images, paired."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.console import progress, say, say_json, say_table


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Parquet or CSV with image_id, y_* and p_*.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, for the same images.")],
    out: Annotated[Path, typer.Option(help="Directory for comparisons.parquet, comparisons.csv, comparisons.json.")],
    redraws: Annotated[int, typer.Option(help="Bootstrap redraws of patients.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the redraws.")] = 0,
    min_positives: Annotated[
        int, typer.Option(min=2, help="Findings with fewer positive (or negative) patients are not tested.")
    ] = 10,
    split: Annotated[
        str | None, typer.Option(help="Which rows, by column split. When left out: test, or the only one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Differences in AUROC, A minus B, with 95 % intervals and two-sided p-values on the same redraws of patients.

    Both tables must hold the same images with the same labels and findings. The difference of the means over findings
    is the primary test; single findings are adjusted by Benjamini-Hochberg over all that are tested.

    \b
    Examples:
      hilum compare simclr.parquet scratch.parquet --out results
      hilum compare a.csv b.csv --out results --json
    """
    from hilum.evaluate.arms import align
    from hilum.evaluate.comparisons import compare_predictions
    from hilum.evaluate.metrics import MACRO
    from hilum.evaluate.predictions import read_predictions
    from hilum.evaluate.tables import write_results

    a, b = (read_predictions(path, split=split) for path in (first, second))
    with progress("redrawing patients") as on_progress:
        comparisons = compare_predictions(
            [a], [b], redraws=redraws, seed=seed, min_positives=min_positives, on_progress=on_progress
        )
    aligned = align({"a": [a], "b": [b]})
    settings = {
        "difference": f"{first} minus {second}",
        "split": a.split,
        "images": len(aligned.patients),
        "patients": int(aligned.patients.max()) + 1,
        "redraws": redraws,
        "seed": seed,
        "min_positives": min_positives,
        "notes": aligned.notes,
    }
    written = write_results(out, "comparisons", comparisons, predictions=[first, second], settings=settings)
    if as_json:
        say_json({**settings, "comparisons": comparisons.to_dicts()})
        return
    say(f"AUROC of {first} minus {second}")
    say(
        f"{settings['images']:,} films of {settings['patients']:,} patients · split {settings['split'] or 'unknown'} · "
        f"{redraws:,} redraws of patients, seed {seed}"
    )
    say()
    say_table(
        ["finding", "difference", "95 % low", "high", "p", "adjusted p", "detectable"],
        [
            [
                *(row[key] for key in ("finding", "difference", "low", "high")),
                *(_p_in_words(row[key]) for key in ("p", "p_adjusted")),
                row["detectable"],
            ]
            for row in comparisons.to_dicts()
        ],
    )
    say()
    say("detectable: the difference that a test like this one shows with 80 % power")
    for family in comparisons["family"].unique(maintain_order=True):
        say(family)
    for row in comparisons.filter(comparisons["note"] != "").to_dicts():
        say(f"{'mean over findings' if row['finding'] == MACRO else row['finding']}: {row['note']}")
    for note in aligned.notes:
        say(note)
    say()
    say(str(written))


def _p_in_words(p: float | None) -> str:
    if p is None:
        return ""
    return f"{p:.3f}" if p >= 0.001 else "<0.001"
