"""Command `hilum pretrain`: self-supervised pretraining of an encoder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.errors import HilumError
from hilum.training.settings import TrainingSettings
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.runs.pretrain import PretrainResult


def pretrain(
    method: Annotated[str, typer.Argument(help="Pretraining method: simclr, mocov2, swav, dino, dinov2 or fcmae.")],
    data: Annotated[
        list[str],
        typer.Option(metavar="NAME=FOLDER", help=f"{options.DATA_SET} Repeat to pool the images of several data sets."),
    ],
    encoder: Annotated[str, typer.Option(help="Architecture of the encoder (`hilum encoders`).")],
    out: Annotated[Path, typer.Option(help="Directory to write encoder.safetensors and card.json to.")],
    init: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            help="Initial weights: the name of published weights, or an encoder's directory. Default: random.",
        ),
    ] = None,
    augmentation: Annotated[
        str | None,
        typer.Option(
            help="Augmentation: a name (`hilum augmentations`) or a YAML file. Default: the augmentation of the method."
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        options.option_of(TrainingSettings, "epochs", more_help="Default: by preset for the number of images."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images per training step. Default: by preset for the number of images.")
    ] = None,
    preprocess: Annotated[
        str, typer.Option(metavar="RECIPE", help="Preprocessing: the name of a recipe, or its steps as YAML.")
    ] = "[{square: pad}, {resize: 224}]",
    settings: options.Overrides = None,
    split: Annotated[
        str,
        typer.Option(
            help="Split whose parts are excluded: official, another published list (such as chexnet), patients (at "
            "random, 60/20/20 %), or auto (the official list if it has test images, else no split)."
        ),
    ] = "auto",
    split_seed: options.SplitSeed = 0,
    exclude_split: Annotated[
        list[str] | None,
        typer.Option(
            help="Exclude the patients of this part of the split: train, val or test. Repeatable. [default: test]"
        ),
    ] = None,
    include_test: Annotated[
        bool, typer.Option("--include-test", help="Also train on test patients (data leakage if you test on them).")
    ] = False,
    patient_fraction: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FRACTION",
            help="Fraction of the patients of a data set to train on, drawn at random: above 0, at most 1. Repeatable.",
        ),
    ] = None,
    labels: options.Labels = None,
    allow_missing: options.AllowMissing = False,
    hash_patients: options.HashPatients = None,
    seed: options.TrainingSeed = 0,
    stores: options.Stores = None,
    workers: options.Workers = None,
    device: options.DeviceName = TrainingSettings.device,
    as_json: options.AsJson = False,
) -> None:
    """Pretrain an encoder on images without labels.

    Images are from one data set or several. Patients of the official test list are excluded unless --include-test is
    given; the card beside the weights lists all training patients. Run the same command again to resume an interrupted
    run. Several processes (torchrun, srun) share each batch.

    \b
    Examples:
      hilum pretrain simclr --data chestxray14=/data/CXR8 --encoder resnet50 --out runs/simclr
      hilum pretrain mocov2 --data chexpert=CheXpert --data chestxray14=CXR8 --encoder resnet18 --out runs/two-sets
      hilum pretrain dinov2 --data ours=images --encoder vit_small_patch14_dinov2 --init dinov2_vits14 --out runs/dinov2
      hilum pretrain mocov2 --data ours=images --encoder resnet18 --set queue=4096 --set lr=3e-4 --out runs/moco
    """
    from hilum.runs.pretrain import pretrain as run

    if include_test and exclude_split:
        fix = "Give one of the two options."
        raise HilumError("--include-test", expected="no --exclude-split", found=", ".join(exclude_split), fix=fix)
    plans = []  # of several processes only the first one plans and prints

    def print_plan(about: dict[str, Any]) -> None:
        plans.append(about)
        if not as_json:
            _print_plan(about)

    result = run(
        method,
        data,
        encoder,
        out,
        init=init,
        augmentation=augmentation,
        epochs=epochs,
        batch_size=batch_size,
        preprocess=preprocess,
        settings=settings or (),
        split=split,
        split_seed=split_seed,
        labels=labels,
        allow_missing=allow_missing,
        hash_patients=hash_patients,
        seed=seed,
        stores=stores,
        workers=workers,
        device=device,
        exclude_splits=() if include_test else tuple(exclude_split or ("test",)),
        patient_fractions=_parse_fractions(patient_fraction or [], [each.partition("=")[0] for each in data]),
        progress=progress,
        on_plan=print_plan,
    )
    if plans:
        _print_result(result, as_json=as_json)


def _parse_fractions(given: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Parse NAME=FRACTION of each data set; 1 for those that are not given.

    Raises:
        HilumError: An unknown name, or a fraction that is not above 0 and at most 1.
    """
    fractions = dict.fromkeys(names, 1.0)
    for each in given:
        name, _, text = each.partition("=")
        try:
            fraction = float(text)
        except ValueError:
            fraction = 0.0
        if name not in fractions or not 0 < fraction <= 1:
            expected = f"NAME=FRACTION, with NAME one of {', '.join(names)} and a fraction above 0 and at most 1"
            raise HilumError("--patient-fraction", expected=expected, found=each, fix=f"For example {names[0]}=0.5.")
        fractions[name] = fraction
    return fractions


def _print_plan(about: dict[str, Any]) -> None:
    echo(
        f"{about['method']} of {about['encoder']} on {counted(about['images'])} of "
        f"{counted(about['patients'], 'patient')}"
    )
    if len(about["parts"]) > 1:
        print_table(["data set", "images", "patients"], [list(part.values()) for part in about["parts"]])
    echo(f"trains on {about['learns_from']}")
    for note in about["notes"]:
        echo(note["text"])
    if about["matched_keys"] is None:
        echo("starts from random weights")
    else:
        missing = about["missing_keys"]
        named = f" ({', '.join(missing[:3])}{', …' if len(missing) > 3 else ''})" if missing else ""
        echo(
            f"starts from {about['starts_from']}: {about['matched_keys']:,} keys matched, {len(missing)} missing{named}"
        )
        echo(f"these weights were trained on: {about['init_trained_on']}")
    echo()
    echo(about["preset"])
    rows = [
        [each["name"], "-" if each["value"] is None else str(each["value"]), each["origin"], each["reason"]]
        for each in about["settings"]
    ]
    print_table(["setting", "value", "from", "reason"], rows)
    echo(about["probe"])
    echo()


def _print_result(result: "PretrainResult", *, as_json: bool) -> None:
    about = result.about
    if as_json:
        print_json(about)
        return
    if about["was_done"]:
        echo("This run was already complete: nothing was trained.")
    rate = float(result.curves["images_per_second"].to_numpy().mean())
    last_values = about["last_epoch"].items()
    outcome = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in last_values if value is not None)
    probes = f" and {about['probe_seconds']:,.0f} s of probes" if about["probe_seconds"] else ""
    echo(f"{result.seconds:,.0f} s of training{probes}, {rate:,.0f} images per second; last epoch: {outcome}")
    for note in result.card.notes:
        echo(str(note))
    echo(str(result.directory))
