"""Command `hilum finetune`: fine-tuning of a classifier, and its predictions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.training.settings import TrainingSettings
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.runs.finetune import FinetuneResult


def finetune(
    data: options.Data,
    out: Annotated[Path, typer.Option(help="Directory to write the classifier (model/) and predictions.parquet to.")],
    init: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            help="Initial weights: an encoder's directory, or the name of published weights. Default: random.",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="Architecture of the encoder (`hilum encoders`). Default: that of the initial weights."),
    ] = None,
    findings: options.FindingNames = None,
    label_fraction: Annotated[
        float,
        typer.Option(help="Fraction of the training patients to train on, drawn at random: above 0, at most 1."),
    ] = 1.0,
    uncertain: Annotated[
        str, typer.Option(help="Label policy for uncertain labels: zero, one, ignore or drop (the image).")
    ] = "zero",
    preprocess: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE",
            help="Preprocessing: the name of a recipe, or its steps as YAML. Default: that of the initial weights.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting of fine-tuning, such as schedule=plateau. Repeatable."
        ),
    ] = None,
    split: options.SplitName = "auto",
    split_seed: options.SplitSeed = 0,
    labels: options.Labels = None,
    allow_missing: options.AllowMissing = False,
    hash_patients: options.HashPatients = None,
    include_training_patients: Annotated[
        bool,
        typer.Option(
            "--include-training-patients",
            help="Also score test images of patients the initial weights were trained on, and also train on copies of "
            "validation and test images (data leakage).",
        ),
    ] = False,
    seed: options.TrainingSeed = 0,
    stores: options.Stores = None,
    workers: options.Workers = None,
    device: options.DeviceName = TrainingSettings.device,
    as_json: options.AsJson = False,
) -> None:
    """Train a classifier of findings.

    Patients are split into training, validation and test; validation and test images are scored. Settings that you do
    not give are filled by a preset for the number of labelled images. `hilum evaluate` and `hilum compare` read
    predictions.parquet. The folder model/ contains no patient ids and no image ids.

    \b
    Examples:
      hilum finetune --data ours=images --labels images/labels.csv --init runs/simclr --out runs/tuned
      hilum finetune --data chestxray14=CXR8 --encoder resnet50 --label-fraction 0.1 --set unfreeze=0 --out runs/head
    """
    from hilum.runs.finetune import finetune as run

    result = run(
        data,
        out,
        init=init,
        encoder=encoder,
        findings=findings,
        label_fraction=label_fraction,
        uncertain=uncertain,
        preprocess=preprocess,
        settings=settings or (),
        split=split,
        split_seed=split_seed,
        labels=labels,
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
        echo(str(note))
    if about["was_done"]:
        echo("This run was already complete: nothing was trained.")
    echo()
    epochs = f"{about['epochs']:,} {'epoch' if about['epochs'] == 1 else 'epochs'}"
    echo(f"{counted(about['steps'], 'step')} in {epochs}; defaults of preset {about['preset']}")
    rows = [[each["name"], str(each["value"]), each["origin"], each["reason"]] for each in about["settings"]]
    print_table(["setting", "value", "from", "reason"], rows)
    echo()
    echo(str(result.model))
    echo(str(result.predictions))
