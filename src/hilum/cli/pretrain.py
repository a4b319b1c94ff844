"""`hilum pretrain`: an encoder that has learnt from films without labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.console import progress, say, say_json, say_table
from hilum.cli.named_data import (
    AllowMissing,
    AsJson,
    Data,
    DeviceName,
    Labels,
    SplitName,
    Stores,
    Workers,
    decoded,
    read_data,
)
from hilum.errors import HilumError

if TYPE_CHECKING:
    from hilum.data.named import NamedData
    from hilum.data.preprocess import Recipe
    from hilum.data.store import Store

_LEFT = ("encoder.safetensors", "card.json", "seen.parquet", "curves.parquet")


def pretrain(
    method: Annotated[str, typer.Argument(help="simclr, mocov2, swav, dino, dinov2 or fcmae.")],
    data: Data,
    encoder: Annotated[str, typer.Option(help="One of those that `hilum encoders` lists.")],
    out: Annotated[Path, typer.Option(help="Where to leave encoder.safetensors and card.json.")],
    init: Annotated[
        str | None, typer.Option(metavar="WEIGHT", help="Published weights by name, or an encoder's directory.")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="Random views; the method's own when left out.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the films.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Films a step.")] = None,
    preprocess: Annotated[
        str, typer.Option(metavar="RECIPE", help="Steps, or the name of a recipe.")
    ] = "[{square: pad}, {resize: 224}]",
    told: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another setting, of the run or of the method; repeatable."),
    ] = None,
    split: SplitName = "auto",
    split_seed: Annotated[int, typer.Option(min=0, help="Of the split, where patients are drawn.")] = 0,
    exclude_split: Annotated[
        list[str] | None, typer.Option(help="Patients of this part are not learnt from; repeatable. [default: test]")
    ] = None,
    include_test: Annotated[bool, typer.Option("--include-test", help="Learn from test patients, too.")] = False,
    labels: Labels = None,
    allow_missing: AllowMissing = False,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, views and order.")] = 0,
    stores: Stores = None,
    workers: Workers = None,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Pretrain an encoder on the films of a data set, without labels.

    Patients of the official test list are never learnt from unless --include-test is said; the card beside the weights
    says who was. A run that is killed goes on where it was when the same command is given again. Several processes
    (torchrun, srun) share the batches.

    \b
    Examples:
      hilum pretrain simclr --data chestxray14=/data/CXR8 --encoder resnet50 --out runs/simclr
      hilum pretrain dinov2 --data ours=films --encoder vit_small_patch14_dinov2 --init dinov2_vits14 --out runs/dinov2
      hilum pretrain mocov2 --data ours=films --encoder resnet18 --set queue=4096 --set lr=3e-4 --out runs/moco
    """
    import logging

    from hilum.data.replacing import check_replaceable
    from hilum.encoders.published.resolving import resolve_weights
    from hilum.encoders.zoo import create_encoder
    from hilum.pretext.pretrain import pretrain as run
    from hilum.pretext.told_settings import explained_settings, told_settings
    from hilum.study.pretraining import already_done, describe_start, pretraining_pool
    from hilum.training.processes import joined_processes
    from hilum.training.ranks import rank

    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it announces its precision
    settings = told_settings(method, told or [], epochs=epochs, batch_size=batch_size, policy=policy, device=device)
    recipe = _recipe(preprocess)
    if include_test and exclude_split:
        fix = "Leave one of them out."
        raise HilumError("--include-test", expected="no --exclude-split", found=", ".join(exclude_split), fix=fix)
    check_replaceable(out, _LEFT)
    create_encoder(encoder, seed=0, image_size=settings.size or recipe.size)  # refuses before any film is read
    start = resolve_weights(init, encoder) if init else None
    with joined_processes(settings.device):
        first = rank() == 0
        read = read_data(data, labels, allow_missing)
        store = _store(read, recipe, stores, out, workers)
        excluded = () if include_test else tuple(exclude_split or ("test",))
        pool = pretraining_pool(read, store.image_ids, split=split, exclude=excluded, seed=split_seed)
        patients = read.patients(pool.image_ids)
        begun = describe_start(start) if start else None
        done = already_done(
            out,
            method=method,
            encoder=encoder,
            start=start,
            settings=settings,
            recipe=recipe.as_data(),
            pool=pool,
            seed=seed,
        )
        about: dict[str, Any] = {
            "method": method,
            "encoder": encoder,
            "data": read.name,
            "learns_from": pool.title,
            "films": len(pool.image_ids),
            "patients": len(set(patients)),
            "notes": pool.notes,
            "starts_from": "random weights" if begun is None else str(begun.directory),
            "matched_keys": None if begun is None else begun.matched,
            "missing_keys": None if begun is None else begun.missing,
            "start_has_seen": None if begun is None else begun.seen,
            "settings": {each.name: each.value for each in explained_settings(method, settings)},
            "seed": seed,
            "was_done": done,
        }
        if first and not as_json:
            _say_plan(about, [(s.name, s.value, s.given, s.reason) for s in explained_settings(method, settings)])
        if not done:
            with progress(f"{method} pretraining", show=first) as on_progress:
                run(
                    method,
                    store,
                    pool.image_ids,
                    patients,
                    encoder=start or encoder,
                    settings=settings,
                    seed=seed,
                    directory=out,
                    split_title=pool.title,
                    on_progress=on_progress,
                )
    if first:
        _say_result(about, out, as_json=as_json)


def _recipe(told: str) -> "Recipe":
    import yaml

    from hilum.data.preprocess import parse_recipe

    try:
        return parse_recipe(yaml.safe_load(told))
    except yaml.YAMLError as error:
        found = str(error).splitlines()[0]
        fix = "Write [{square: pad}, {resize: 224}]."
        raise HilumError("--preprocess", expected="steps or a name", found=found, fix=fix) from error


def _store(data: "NamedData", recipe: "Recipe", stores: Path | None, out: Path, workers: int | None) -> "Store":
    """The decoded films: the first process decodes them, the others wait."""
    from hilum.training.ranks import rank, wait_for_all

    if rank() > 0:
        wait_for_all()
        return decoded(data, recipe, stores, out, workers)  # finds what the first one made
    store = decoded(data, recipe, stores, out, workers)
    wait_for_all()
    return store


def _say_plan(about: dict[str, Any], settings: list[tuple[str, Any, bool, str]]) -> None:
    say(f"{about['method']} of {about['encoder']} on {about['films']:,} films of {about['patients']:,} patients")
    say(f"learns from {about['learns_from']}")
    for note in about["notes"]:
        say(note)
    if about["matched_keys"] is None:
        say("starts from random weights")
    else:
        missing = about["missing_keys"]
        named = f" ({', '.join(missing[:3])}{', …' if len(missing) > 3 else ''})" if missing else ""
        say(
            f"starts from {about['starts_from']}: {about['matched_keys']:,} keys matched, {len(missing)} missing{named}"
        )
        say(f"these weights have seen: {about['start_has_seen']}")
    say()
    say_table(
        ["setting", "value", "", "reason"],
        [[name, str(value), "given" if given else "", reason] for name, value, given, reason in settings],
    )
    say()


def _say_result(about: dict[str, Any], out: Path, *, as_json: bool) -> None:
    import polars as pl

    curves = pl.read_parquet(out / "curves.parquet")
    last = curves.row(-1, named=True)
    signs = {name: last[name] for name in ("train_loss", "effective_rank", "feature_spread") if name in last}
    seconds = float(curves["seconds"].sum())
    if as_json:
        say_json({**about, "seconds": seconds, "last_epoch": signs, "out": str(out)})
        return
    if about["was_done"]:
        say("This run was done already: nothing was trained.")
    rate = float(curves["images_per_second"].to_numpy().mean())
    told = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in signs.items() if value is not None)
    say(f"{seconds:,.0f} s of training, {rate:,.0f} films a second; at the end {told}")
    say(str(out))
