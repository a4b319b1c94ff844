"""`hilum finetune`: a classifier from images with labels, and its predictions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.console import echo, print_json, print_table, progress
from hilum.cli.named_data import (
    AllowMissing,
    AsJson,
    Data,
    DeviceName,
    HashPatients,
    Labels,
    SplitName,
    Stores,
    Workers,
)

if TYPE_CHECKING:
    from hilum.runs.finetune import FinetuneResult


def finetune(
    data: Data,
    out: Annotated[Path, typer.Option(help="Directory for the classifier (model/) and predictions.parquet.")],
    weights: Annotated[
        str | None, typer.Option(help="An encoder's directory, or published weights by name; random when left out.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="One of those that `hilum encoders` lists; that of the weights when left out.")
    ] = None,
    findings: Annotated[
        str | None, typer.Option(help="Finding,finding. All of the data set but No Finding when left out.")
    ] = None,
    fraction: Annotated[
        float, typer.Option(help="Of the training patients whose labels are used, at random: 0.1 for a tenth.")
    ] = 1.0,
    uncertain: Annotated[str, typer.Option(help="What uncertain labels become: zero, one, ignore or drop.")] = "zero",
    preprocess: Annotated[
        str | None, typer.Option(metavar="RECIPE", help="Steps, or the name of a recipe; the weights' own by default.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another setting of the training; repeatable."),
    ] = None,
    split: SplitName = "auto",
    split_seed: Annotated[int, typer.Option(min=0, help="Of the split, where patients are drawn.")] = 0,
    labels: Labels = None,
    allow_missing: AllowMissing = False,
    hash_patients: HashPatients = None,
    include_training_patients: Annotated[
        bool,
        typer.Option(
            "--include-training-patients",
            help="Also score test images of patients whom the weights have learnt from, and train on copies of them.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, views and order.")] = 0,
    stores: Stores = None,
    workers: Workers = None,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Train a classifier of findings, and score validation and test images.

    Patients are divided into training, validation and test. Settings that are left out are filled by the preset for so
    many labelled images. predictions.parquet is what `hilum evaluate` and `hilum compare` take; model/ holds no patient
    id and no name of an image.

    \b
    Examples:
      hilum finetune --data ours=images --labels images/labels.csv --weights runs/simclr --out runs/tuned
      hilum finetune --data chestxray14=/data/CXR8 --encoder resnet50 --fraction 0.1 --set unfreeze=0 --out runs/head
    """
    from hilum.runs.finetune import finetune as run

    result = run(
        data,
        out,
        labels=labels,
        findings=findings,
        encoder=encoder,
        weights=weights,
        preprocess=preprocess,
        settings=settings or [],
        split=split,
        split_seed=split_seed,
        fraction=fraction,
        uncertain=uncertain,
        allow_missing=allow_missing,
        hash_patients=hash_patients,
        include_training_patients=include_training_patients,
        seed=seed,
        stores=stores,
        workers=workers,
        device=device,
        progress=progress,
    )
    if as_json:
        print_json(result.about)
    else:
        _print(result, result.about)


def _print(result: "FinetuneResult", about: dict[str, Any]) -> None:
    for line in result.summary:
        echo(line)
    for note in result.notes:
        echo(note)
    if about["was_done"]:
        echo("This run was done already: nothing was trained.")
    echo()
    echo(f"{about['steps']:,} steps in {about['epochs']:,} epochs; what was not set is of preset {about['preset']}")
    rows = [[each["name"], str(each["value"]), each["origin"], each["reason"]] for each in about["settings"]]
    print_table(["setting", "value", "from", "reason"], rows)
    echo()
    echo(str(result.model))
    echo(str(result.predictions))
