"""`hilum pretrain`: an encoder that has learnt from images without labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.console import progress, say, say_json, say_table
from hilum.cli.named_data import AllowMissing, AsJson, DeviceName, HashPatients, Labels, SplitName, Stores, Workers
from hilum.cli.pooled_data import DataSets, SharesOfData, decoded_once, read_data_sets, told_shares
from hilum.errors import HilumError

if TYPE_CHECKING:
    from hilum.data.preprocess import Recipe

_LEFT = ("encoder.safetensors", "card.json", "seen.parquet", "curves.parquet")  # seen.parquet: of earlier versions


def pretrain(
    method: Annotated[str, typer.Argument(help="simclr, mocov2, swav, dino, dinov2 or fcmae.")],
    data: DataSets,
    encoder: Annotated[str, typer.Option(help="One of those that `hilum encoders` lists.")],
    out: Annotated[Path, typer.Option(help="Where to leave encoder.safetensors and card.json.")],
    init: Annotated[
        str | None, typer.Option(metavar="WEIGHT", help="Published weights by name, or an encoder's directory.")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="Random views: a name (`hilum policies`) or a YAML file.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the images.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.")] = None,
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
    share: SharesOfData = None,
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

    Patients of the official test list are never learnt from unless --include-test is said; the card beside the weights
    says who was. A run that is killed goes on where it was when the same command is given again. Several processes
    (torchrun, srun) share the batches.

    \b
    Examples:
      hilum pretrain simclr --data chestxray14=/data/CXR8 --encoder resnet50 --out runs/simclr
      hilum pretrain mocov2 --data chexpert=CheXpert --data chestxray14=CXR8 --encoder resnet18 --out runs/two-sets
      hilum pretrain dinov2 --data ours=images --encoder vit_small_patch14_dinov2 --init dinov2_vits14 --out runs/dinov2
      hilum pretrain mocov2 --data ours=images --encoder resnet18 --set queue=4096 --set lr=3e-4 --out runs/moco
    """
    import logging
    from dataclasses import asdict

    from hilum.data.replaceable import check_replaceable
    from hilum.encoders.published import resolve_weights
    from hilum.encoders.zoo import create_encoder
    from hilum.pretext.monitoring import OnlineProbe, epochs_between, plan_of_probe
    from hilum.pretext.pretrain import pretrain as run
    from hilum.pretext.pretrain import refuse_beyond_pool
    from hilum.pretext.settings import last_size, resolve_settings, told_settings
    from hilum.runs.pools import pooled_images
    from hilum.runs.pretrain import already_done, apart, describe_start, pool_of_all, pretraining_pool
    from hilum.runs.probe_labels import labels_of_pools
    from hilum.training.distributed import by_the_first, joined_processes, rank

    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it announces its precision
    said = told_settings(method, told or [], epochs=epochs, batch_size=batch_size, policy=policy, device=device)
    recipe = _recipe(preprocess)
    if include_test and exclude_split:
        fix = "Leave one of them out."
        raise HilumError("--include-test", expected="no --exclude-split", found=", ".join(exclude_split), fix=fix)
    check_replaceable(out, _LEFT)
    create_encoder(
        encoder, seed=0, image_size=last_size(said.run.size, recipe.size)
    )  # refuses before any image is read
    shares = told_shares(share or [], [each.partition("=")[0] for each in data])
    with joined_processes(said.device):
        first = rank() == 0
        start = by_the_first(lambda: resolve_weights(init, encoder) if init else None)
        read = read_data_sets(data, labels, allow_missing, hash_patients=hash_patients, show=first)
        if said.run.batch_size is not None:  # a preset's batch is fitted to the pool
            refuse_beyond_pool(said.run.batch_size, sum(each.manifest["path"].count() for each in read.values()))
        decoded = decoded_once(read, recipe, stores, out, workers)
        excluded = () if include_test else tuple(exclude_split or ("test",))
        pools = {
            name: pretraining_pool(
                each, decoded[name].image_ids, split=split, exclude=excluded, seed=split_seed, percent=shares[name]
            )
            for name, each in read.items()
        }
        pools = apart(read, pools)
        images = pooled_images(read, decoded, {name: each.image_ids for name, each in pools.items()})
        pool = pool_of_all(pools, images)
        begun = describe_start(start) if start else None
        resolved = resolve_settings(method, said, len(images.image_ids), from_weights=start is not None)
        settings = resolved.settings
        probe_every = epochs_between(settings.probe_every, settings.epochs)
        probed = labels_of_pools(read, pools, split=split, seed=split_seed) if probe_every else None
        done = by_the_first(
            lambda: already_done(
                out,
                method=method,
                encoder=encoder,
                start=start,
                settings=settings,
                recipe=recipe.as_data(),
                pool=pool,
                probed=probed,
                seed=seed,
            )
        )
        about: dict[str, Any] = {
            "method": method,
            "encoder": encoder,
            "data": ", ".join(read),
            "learns_from": pool.title,
            "images": len(images.image_ids),
            "patients": len(set(images.patient_ids)),
            "parts": [asdict(part) for part in images.parts],
            "notes": [*pool.notes, *(f"{name}: {note}" for name, store in decoded.items() for note in store.notes())],
            "starts_from": "random weights" if begun is None else str(begun.directory),
            "matched_keys": None if begun is None else begun.matched,
            "missing_keys": None if begun is None else begun.missing,
            "start_has_seen": None if begun is None else begun.seen,
            "preset": resolved.why,
            "settings": [asdict(each) for each in resolved.told],
            "probe": plan_of_probe(probed, probe_every),
            "seed": seed,
            "was_done": done,
        }
        if first and not as_json:
            _say_plan(about)
        if not done:
            with progress(f"{method} pretraining", show=first) as on_progress:
                run(
                    method,
                    images.store,
                    images.image_ids,
                    images.patient_ids,
                    encoder=start or encoder,
                    settings=settings,
                    seed=seed,
                    directory=out,
                    split_title=pool.title,
                    probe=OnlineProbe(images.store, probed) if probed else None,
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


def _say_plan(about: dict[str, Any]) -> None:
    say(f"{about['method']} of {about['encoder']} on {about['images']:,} images of {about['patients']:,} patients")
    if len(about["parts"]) > 1:
        say_table(["data set", "images", "patients"], [list(part.values()) for part in about["parts"]])
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
    say(about["preset"])
    say_table(
        ["setting", "value", "from", "reason"],
        [[each["name"], _shown(each["value"]), each["origin"], each["reason"]] for each in about["settings"]],
    )
    say(about["probe"])
    say()


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)


def _say_result(about: dict[str, Any], out: Path, *, as_json: bool) -> None:
    import polars as pl

    from hilum.encoders.card import read_card

    card, curves = read_card(out), pl.read_parquet(out / "curves.parquet")
    last = curves.row(-1, named=True)
    signs = {name: last[name] for name in ("train_loss", "effective_rank", "feature_spread") if name in last}
    seconds = float(curves["seconds"].sum())
    probing = float(curves["probe_seconds"].sum()) if "probe_seconds" in curves.columns else 0.0
    if as_json:
        kept = {"kept_epoch": card.epoch, "outcome": card.notes, "probe_seconds": probing}
        say_json({**about, "seconds": seconds, "last_epoch": signs, **kept, "out": str(out)})
        return
    if about["was_done"]:
        say("This run was done already: nothing was trained.")
    rate = float(curves["images_per_second"].to_numpy().mean())
    told = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in signs.items() if value is not None)
    probes = f" and {probing:,.0f} s of probes" if probing else ""
    say(f"{seconds:,.0f} s of training{probes}, {rate:,.0f} images a second; at the end {told}")
    for note in card.notes:
        say(note)
    say(str(out))
