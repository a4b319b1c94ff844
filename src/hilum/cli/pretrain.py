"""`hilum pretrain`: an encoder that has learnt from images without labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.console import echo, print_json, print_table, progress
from hilum.cli.named_data import AllowMissing, AsJson, DeviceName, HashPatients, Labels, SplitName, Stores, Workers
from hilum.cli.pooled_data import DataSets, PatientFractions, parse_fractions
from hilum.cli.prediction_options import option_of
from hilum.errors import HilumError
from hilum.training.settings import TrainingSettings

if TYPE_CHECKING:
    from hilum.runs.pretrain import PretrainResult


def pretrain(
    method: Annotated[str, typer.Argument(help="simclr, mocov2, swav, dino, dinov2 or fcmae.")],
    data: DataSets,
    encoder: Annotated[str, typer.Option(help="One of those that `hilum encoders` lists.")],
    out: Annotated[Path, typer.Option(help="Directory for encoder.safetensors and card.json.")],
    init: Annotated[
        str | None, typer.Option(metavar="WEIGHT", help="Published weights by name, or an encoder's directory.")
    ] = None,
    augmentation: Annotated[
        str | None, typer.Option(help="Random views: a name (`hilum augmentations`) or a YAML file.")
    ] = None,
    epochs: Annotated[int | None, option_of(TrainingSettings, "epochs")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    preprocess: Annotated[
        str, typer.Option(metavar="RECIPE", help="Steps, or the name of a recipe.")
    ] = "[{square: pad}, {resize: 224}]",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another setting, of the run or of the method; repeatable."),
    ] = None,
    split: SplitName = "auto",
    split_seed: Annotated[int, typer.Option(min=0, help="Of the split, where patients are drawn.")] = 0,
    exclude_split: Annotated[
        list[str] | None, typer.Option(help="Patients of this part are not learnt from; repeatable. [default: test]")
    ] = None,
    include_test: Annotated[bool, typer.Option("--include-test", help="Learn from test patients, too.")] = False,
    patient_fraction: PatientFractions = None,
    labels: Labels = None,
    allow_missing: AllowMissing = False,
    hash_patients: HashPatients = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, views and order.")] = 0,
    stores: Stores = None,
    workers: Workers = None,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Pretrain an encoder on images without labels, of one data set or of several.

    Patients of the official test list are never learnt from unless --include-test is given; the card beside the weights
    says who was. A run that is killed goes on where it was when the same command is given again. Several processes
    (torchrun, srun) share the batches.

    \b
    Examples:
      hilum pretrain simclr --data chestxray14=/data/CXR8 --encoder resnet50 --out runs/simclr
      hilum pretrain mocov2 --data chexpert=CheXpert --data chestxray14=CXR8 --encoder resnet18 --out runs/two-sets
      hilum pretrain dinov2 --data ours=images --encoder vit_small_patch14_dinov2 --init dinov2_vits14 --out runs/dinov2
      hilum pretrain mocov2 --data ours=images --encoder resnet18 --set queue=4096 --set lr=3e-4 --out runs/moco
    """
    from hilum.runs.pretrain import pretrain as run

    if include_test and exclude_split:
        fix = "Leave one of them out."
        raise HilumError("--include-test", expected="no --exclude-split", found=", ".join(exclude_split), fix=fix)
    first = []  # of several processes only the first one plans and prints

    def plan(about: dict[str, Any]) -> None:
        first.append(about)
        if not as_json:
            _print_plan(about)

    result = run(
        method,
        data,
        encoder,
        out,
        weights=init,
        augmentation=augmentation,
        epochs=epochs,
        batch_size=batch_size,
        preprocess=preprocess,
        settings=overrides or [],
        split=split,
        split_seed=split_seed,
        exclude_splits=() if include_test else tuple(exclude_split or ("test",)),
        fractions=parse_fractions(patient_fraction or [], [each.partition("=")[0] for each in data]),
        labels=labels,
        allow_missing=allow_missing,
        hash_patients=hash_patients,
        seed=seed,
        stores=stores,
        workers=workers,
        device=device,
        progress=progress,
        on_plan=plan,
    )
    if first:
        _print_result(result, as_json=as_json)


def _print_plan(about: dict[str, Any]) -> None:
    echo(f"{about['method']} of {about['encoder']} on {about['images']:,} images of {about['patients']:,} patients")
    if len(about["parts"]) > 1:
        print_table(["data set", "images", "patients"], [list(part.values()) for part in about["parts"]])
    echo(f"learns from {about['learns_from']}")
    for note in about["notes"]:
        echo(note)
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
    print_table(
        ["setting", "value", "from", "reason"],
        [[each["name"], _shown(each["value"]), each["origin"], each["reason"]] for each in about["settings"]],
    )
    echo(about["probe"])
    echo()


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)


def _print_result(result: "PretrainResult", *, as_json: bool) -> None:
    about = result.about
    if as_json:
        print_json(about)
        return
    if about["was_done"]:
        echo("This run was done already: nothing was trained.")
    rate = float(result.curves["images_per_second"].to_numpy().mean())
    signs = about["last_epoch"].items()
    overrides = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in signs if value is not None)
    probes = f" and {about['probe_seconds']:,.0f} s of probes" if about["probe_seconds"] else ""
    echo(f"{result.seconds:,.0f} s of training{probes}, {rate:,.0f} images a second; at the end {overrides}")
    for note in result.card.notes:
        echo(note)
    echo(str(result.directory))
