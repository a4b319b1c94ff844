"""Pretrain an encoder on images without labels: what `hilum pretrain` and `hilum.pretrain` do."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hilum.data.preprocess import Recipe
from hilum.data.replaceable import check_replaceable
from hilum.data.store import NamedData, Store, open_store
from hilum.encoders.card import Card, read_card
from hilum.encoders.published import resolve_weights
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.pretext.monitoring import OnlineProbe, describe_probing, epochs_between
from hilum.pretext.pretrain import check_batch_size
from hilum.pretext.pretrain import pretrain as train
from hilum.pretext.settings import last_size, parse_overrides, resolve_settings
from hilum.progress import ShowProgress, quiet
from hilum.runs.inputs.data import RECIPE, DataSource, decode, read_data_sets, recipe_from
from hilum.runs.pool_copies import without_copies
from hilum.runs.pools import pooled_images
from hilum.runs.pretraining_pool import already_done, apart, describe_start, pool_of_all, pretraining_pool
from hilum.runs.probe_labels import labels_of_pools
from hilum.runs.results import Result
from hilum.training.distributed import process_group, rank, run_on_rank0

_LEFT = ("encoder.safetensors", "card.json", "seen.parquet", "curves.parquet")  # seen.parquet: of earlier versions


@dataclass(frozen=True, repr=False)
class PretrainResult(Result):
    """An encoder that has learnt from images.

    Attributes:
        directory: with encoder.safetensors, card.json and curves.parquet.
        about: method, encoder, data, settings with where each comes from, `was_done`, and the outcome.
        card: of the weights.
        curves: a row an epoch.
    """

    directory: Path
    card: Card
    curves: pl.DataFrame

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`curves`."""
        return {"curves": self.curves}

    @property
    def summary(self) -> list[str]:
        """What learnt from how much, and which epoch was kept."""
        about = self.about
        return [
            f"{about['method']} of {about['encoder']} on {about['images']:,} images of {about['patients']:,} patients",
            *self.card.notes,
        ]

    @property
    def seconds(self) -> float:
        """Spent training."""
        return float(self.curves["seconds"].sum())


def pretrain(
    method: str,
    data: DataSource | Sequence[DataSource],
    encoder: str,
    out: str | Path,
    *,
    weights: str | Path | Result | None = None,
    augmentation: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    preprocess: str | Sequence[object] = RECIPE,
    settings: Mapping[str, Any] | Sequence[str] = (),
    split: str = "auto",
    split_seed: int = 0,
    exclude_splits: Sequence[str] = ("test",),
    fractions: Mapping[str, float] | None = None,
    labels: str | Path | None = None,
    allow_missing: bool = False,
    hash_patients: str | None = None,
    seed: int = 0,
    stores: str | Path | None = None,
    workers: int | None = None,
    device: str = "auto",
    progress: ShowProgress = quiet,
    on_plan: Callable[[dict[str, Any]], None] | None = None,
) -> PretrainResult:
    """Pretrain an encoder on images without labels, of one data set or of several.

    A run that is killed goes on where it was when the same call is made again; one that is done is found done. Several
    processes (torchrun, srun) share the batches.

    Args:
        method: "simclr", "mocov2", "swav", "dino", "dinov2" or "fcmae".
        data: "NAME=FOLDER" or {NAME: FOLDER}; several data sets are pooled.
        encoder: one of `hilum.encoders.zoo.ENCODERS`.
        out: directory for encoder.safetensors, card.json and curves.parquet.
        weights: to start from: published weights by name, an encoder's directory, or what `hilum.pretrain` returned;
            None: random weights.
        augmentation: random views: a name or a YAML file; None: the method's own.
        epochs: passes over the images; None: of the preset for so many images.
        batch_size: images a step; None: of the preset.
        preprocess: steps, or the name of a recipe (`hilum.data.preprocess`).
        settings: other settings of the run or of the method, by name, or as KEY=VALUE.
        split: "official", another list of the data set, "patients", or "auto".
        split_seed: of the split, where patients are drawn.
        exclude_splits: parts of the split whose patients are not learnt from; () for none.
        fractions: of the patients of each data set to learn from, by lot, 0 < fraction ≤ 1.
        labels: own images: the CSV with the labels, which probes read (never the training).
        allow_missing: go on where tables name images whose file is not there.
        hash_patients: as in `hilum.runs.inputs.data.read_data`.
        seed: of weights, views and order.
        stores: folder that keeps decoded images for the next run; None: `stores` beside `out`.
        workers: threads that decode images; None: all cores.
        device: "auto", "cpu" or "cuda".
        progress: shows each stage.
        on_plan: called with what will be done before it is done, in the first process.

    Returns:
        The encoder's directory, its card and its curves.

    Raises:
        HilumError: anything that is wrong with data or settings, before training; features that collapse.

    Example:
        >>> import hilum
        >>> result = hilum.pretrain("simclr", {"ours": "images"}, "resnet18", "runs/simclr")  # doctest: +SKIP
        >>> result.tables["curves"]  # doctest: +SKIP
    """
    out = Path(out)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it announces its precision
    given = parse_overrides(
        method,
        settings_as_text(settings),
        epochs=epochs,
        batch_size=batch_size,
        augmentation=augmentation,
        device=device,
    )
    recipe = recipe_from(preprocess)
    check_replaceable(out, _LEFT)
    size = last_size(given.run.size, recipe.size)
    create_encoder(encoder, seed=0, image_size=size)  # refuses before any image is read
    with process_group(given.device):
        first = rank() == 0
        show = progress if first else quiet
        start = run_on_rank0(lambda: resolve_weights(str(_directory(weights)), encoder) if weights else None)
        read = read_data_sets(
            data, labels=labels, allow_missing=allow_missing, hash_patients=hash_patients, progress=show
        )
        taken = _fractions(fractions or {}, list(read))
        if given.run.batch_size is not None:  # a preset's batch is fitted to the pool
            check_batch_size(given.run.batch_size, sum(each.manifest["path"].count() for each in read.values()))
        decoded = _decode_once(read, recipe, out, stores, workers, progress)
        pools = {
            name: pretraining_pool(
                each,
                decoded[name].image_ids,
                split=split,
                exclude=tuple(exclude_splits),
                seed=split_seed,
                percent=round(100 * taken[name], 9),
            )
            for name, each in read.items()
        }
        pools = apart(read, pools)
        found = run_on_rank0(lambda: without_copies(read, decoded, pools))
        pools = found.pools
        read = {name: read[name] for name in pools}
        images = pooled_images(read, decoded, {name: each.image_ids for name, each in pools.items()})
        pool = pool_of_all(pools, images)
        begun = describe_start(start) if start else None
        resolved = resolve_settings(method, given, len(images.image_ids), from_weights=start is not None)
        probe_every = epochs_between(resolved.settings.probe_every, resolved.settings.epochs)
        probed = labels_of_pools(read, pools, split=split, seed=split_seed) if probe_every else None
        done = run_on_rank0(
            lambda: already_done(
                out,
                method=method,
                encoder=encoder,
                start=start,
                settings=resolved.settings,
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
            "copies": {"counted_once": found.counted_once, "left_out": found.left_out},
            "notes": [*pool.notes, *(f"{name}: {note}" for name, store in decoded.items() for note in store.notes())],
            "starts_from": "random weights" if begun is None else str(begun.directory),
            "matched_keys": None if begun is None else begun.matched,
            "missing_keys": None if begun is None else begun.missing,
            "init_trained_on": None if begun is None else begun.trained_on,
            "preset": resolved.why,
            "settings": [asdict(each) for each in resolved.choices],
            "probe": describe_probing(probed, probe_every, resolved.settings.keep),
            "seed": seed,
            "was_done": done,
        }
        if first and on_plan is not None:
            on_plan(about)
        if not done:
            with show(f"{method} pretraining") as on_progress:
                train(
                    method,
                    images.store,
                    images.image_ids,
                    images.patient_ids,
                    encoder=start or encoder,
                    settings=resolved.settings,
                    seed=seed,
                    directory=out,
                    split_title=pool.title,
                    copied_patients=found.copied_patients,
                    probe=OnlineProbe(images.store, probed) if probed else None,
                    on_progress=on_progress,
                )
    return _result(about, out)


def settings_as_text(settings: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """Settings as KEY=VALUE."""
    if isinstance(settings, Mapping):
        return [f"{name}={json.dumps(value)}" for name, value in settings.items()]
    return list(settings)


def _directory(weights: str | Path | Result) -> str | Path | None:
    return weights.directory if isinstance(weights, Result) else weights


def _result(about: dict[str, Any], out: Path) -> PretrainResult:
    card, curves = read_card(out), pl.read_parquet(out / "curves.parquet")
    last = curves.row(-1, named=True)
    signs = {name: last[name] for name in ("train_loss", "effective_rank", "feature_spread") if name in last}
    outcome = {
        "seconds": float(curves["seconds"].sum()),
        "last_epoch": signs,
        "selected_epoch": card.epoch,
        "outcome": card.notes,
        "probe_seconds": float(curves["probe_seconds"].sum()) if "probe_seconds" in curves.columns else 0.0,
        "out": str(out),
    }
    return PretrainResult(out, about | outcome, card, curves)


def _fractions(given: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Of each data set's patients; 1 where nothing is given."""
    for name, fraction in given.items():
        if name not in names or not 0 < fraction <= 1:
            raise HilumError(
                "fractions",
                expected=f"above 0 and at most 1, for any of {', '.join(names)}",
                found=f"{name}: {fraction}",
                fix=f"For example {{'{names[0]}': 0.5}}.",
            )
    return dict.fromkeys(names, 1.0) | dict(given)


def _decode_once(
    data: Mapping[str, NamedData],
    recipe: Recipe,
    out: Path,
    stores: str | Path | None,
    workers: int | None,
    progress: ShowProgress,
) -> dict[str, Store]:
    """The images as pixels: the first process decodes them, the others wait and open what it made."""

    def decode_all() -> dict[str, Path]:
        return {
            name: decode(each, recipe, out, stores=stores, workers=workers, progress=progress).directory
            for name, each in data.items()
        }

    return {name: open_store(directory) for name, directory in run_on_rank0(decode_all).items()}
