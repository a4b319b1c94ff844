"""`hilum audit`: which labels are doubtful, how many may be wrong, and what that costs."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.console import say, say_json, say_table
from hilum.cli.given_predictions import AsJson, HeldOut, Seed, Split, TrainedOnPath


def audit(
    predictions: Annotated[
        list[Path], typer.Argument(help="Parquet or CSV with y_<finding> and p_<finding>. Several: seeds of one arm.")
    ],
    out: Annotated[Path, typer.Option(help="Directory for suspects, noise and agreement (Parquet, CSV, JSON).")],
    adjudicated: Annotated[
        Path | None, typer.Option(help="Google's adjudicated labels of ChestX-ray14, to compare the NIH labels with.")
    ] = None,
    split: Split = None,
    held_out: HeldOut = False,
    trained_on: TrainedOnPath = None,
    worst: Annotated[int, typer.Option(min=1, help="Suspects of each finding to print.")] = 5,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Rank labels by how much a model doubts them (confident learning), and tell what wrong labels do to AUROC.

    The model must not have been fitted to these films. A doubted label is a film to look at, not an error.

    \b
    Examples:
      hilum audit predictions.parquet --out audited
      hilum audit predictions.parquet --adjudicated google2019_nih-chest-xray-labels.csv --out audited
    """
    from hilum.evaluate.label_agreement import google_agreement
    from hilum.evaluate.label_noise import rank_suspects
    from hilum.evaluate.predictions import read_predictions
    from hilum.evaluate.tables import write_results
    from hilum.evaluate.trained_on import read_trained_on

    known = None if trained_on is None else read_trained_on(trained_on)
    seeds = [read_predictions(path, split=split, held_out=held_out, trained_on=known) for path in predictions]
    suspects, noise = rank_suspects(seeds)
    agreement = None if adjudicated is None else google_agreement(adjudicated, seed=seed)
    settings = {"split": seeds[0].split, "images": len(seeds[0].frame), "seed": seed, "notes": seeds[0].notes}
    written = write_results(out, "suspects", suspects, predictions=predictions, settings=settings)
    write_results(out, "noise", noise, predictions=predictions, settings=settings)
    if agreement is not None and adjudicated is not None:
        write_results(out, "agreement", agreement, predictions=[adjudicated], settings={"seed": seed})
    if as_json:
        extra = {} if agreement is None else {"agreement": agreement.to_dicts()}
        say_json({**settings, "noise": noise.to_dicts(), **extra})
        return
    say_table(
        [
            "finding",
            "films",
            "positives",
            "doubted",
            "of negatives",
            "wrong among positives",
            "among negatives",
            "ceiling",
        ],
        [list(row) for row in noise.drop("note").rows()],
        title="Labels that a model doubts",
    )
    say()
    doubted = suspects.filter(suspects["suspect"] & (suspects["rank"] <= worst))
    columns = ["finding", "rank", "image_id", "label", "probability"]
    say_table(columns, doubted.select(columns).rows(), title="The most doubted")
    if agreement is not None:
        say()
        shown = ["finding", "n", "mined_positives", "adjudicated_positives", "contradicted", "kappa", "sensitivity"]
        shown += ["specificity", "auroc_ceiling"]
        say_table(
            [name.replace("_", " ") for name in shown],
            agreement.select(shown).rows(),
            title="NIH labels against adjudicated ones",
        )
    say()
    say("ceiling: the AUROC of a model that is always right, judged by these labels")
    for finding, note in noise.filter(noise["note"] != "").select("finding", "note").iter_rows():
        say(f"{finding}: {note}")
    for note in seeds[0].notes:
        say(note)
    say()
    say(str(written))
