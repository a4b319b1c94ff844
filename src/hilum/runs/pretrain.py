"""Self-supervised pretraining of an encoder: `hilum.pretrain` and `hilum pretrain`."""

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
from hilum.data.tables import read_result_table
from hilum.encoders.card import Card, read_card
from hilum.encoders.published import resolve_weights
from hilum.encoders.weightless import weightless
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.notes import notes_as_data
from hilum.pretext.monitoring import OnlineProbe, describe_probing, epochs_between
from hilum.pretext.pretrain import check_batch_size, pretrain as train
from hilum.pretext.settings import last_size, parse_overrides, resolve_settings
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.runs.inputs.data import RECIPE, DataSource, decode, read_data_sets, recipe_from
from hilum.runs.pools.pool_copies import without_copies
from hilum.runs.pools.pooling import pooled_images
from hilum.runs.pools.pretraining_pool import (
    already_done,
    describe_initial_weights,
    pool_of_all,
    pretraining_pool,
    without_excluded_elsewhere,
)
from hilum.runs.probe_labels import labels_of_pools
from hilum.runs.results import Result
from hilum.training.distributed import process_group, rank, run_on_rank0
from hilum.wording import images_of_patients

_OUTPUTS = ("encoder.safetensors", "card.json", "curves.parquet")


@dataclass(frozen=True, repr=False)
class PretrainResult(Result):
    """Pretrained encoder.

    Attributes:
        directory: Directory with encoder.safetensors, card.json and curves.parquet.
        about: Method, encoder, data, settings with their origins, `was_done`, and the outcome.
        card: Card of the weights.
        curves: Training curves, one row per epoch.
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
        """Method, encoder, numbers of images and patients, and the selected epoch."""
        about = self.about
        return [
            f"{about['method']} of {about['encoder']} on {images_of_patients(about['images'], about['patients'])}",
            *map(str, self.card.notes),
        ]

    @property
    def seconds(self) -> float:
        """Training time in seconds."""
        return float(self.curves["seconds"].sum())


@checked_arguments
def pretrain(
    method: str,
    data: DataSource | Sequence[DataSource],
    encoder: str,
    out: str | Path,
    *,
    init: str | Path | Result | None = None,
    augmentation: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    preprocess: str | Sequence[object] = RECIPE,
    settings: Mapping[str, Any] | Sequence[str] = (),
    split: str = "auto",
    split_seed: int = 0,
    exclude_splits: Sequence[str] = ("test",),
    patient_fractions: Mapping[str, float] | None = None,
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
    """Pretrain an encoder on images without labels (self-supervised), from one data set or several.

    Make the same call again to resume an interrupted run; a complete run is not repeated. Several processes (torchrun,
    srun) share each batch.

    Args:
        method: "simclr", "mocov2", "swav", "dino", "dinov2" or "fcmae".
        data: "NAME=FOLDER" or {NAME: FOLDER}; several data sets are pooled.
        encoder: Architecture, one of `hilum.encoders.zoo.ENCODERS`.
        out: Directory to write encoder.safetensors, card.json and curves.parquet to.
        init: Initial weights: name of published weights, an encoder's directory, or result of `hilum.pretrain`; None:
            random.
        augmentation: Name or YAML file; None: the augmentation of the method.
        epochs: Passes over the images; None: by preset for the number of images.
        batch_size: Images per step; None: by preset.
        preprocess: Steps or name of a recipe (`hilum.data.preprocess`).
        settings: Further settings of the run or of the method, by name, such as {"lr": 1e-3}, or as KEY=VALUE.
        split: "official", another published list, "patients" (60, 20 and 20 %, at random), or "auto" (the official list
            if it has test images, else no split).
        split_seed: Random seed of the split, if patients are drawn.
        exclude_splits: Parts of the split whose patients are excluded; () for none.
        patient_fractions: Fraction of the patients of each data set to train on, drawn at random, 0 < fraction ≤ 1.
        labels: CSV file of labels, for own images; only online probes read it.
        allow_missing: Continue if tables name images whose files are missing.
        hash_patients: As in `hilum.runs.inputs.data.read_data`.
        seed: Random seed of the weights, the augmentation and the order of images.
        stores: Folder of decoded images, reused by later runs; None: `stores` next to `out`.
        workers: Threads that decode images; None: all cores.
        device: "auto", "cpu" or "cuda".
        progress: Shows the progress of each stage.
        on_plan: Called with the plan of the run before training, in the first process.

    Returns:
        The encoder's directory, its card and its curves.

    Raises:
        HilumError: Wrong data or settings (before training), or representation collapse.

    Example:
        >>> import hilum
        >>> result = hilum.pretrain("simclr", {"ours": "images"}, "resnet18", "runs/simclr")  # doctest: +SKIP
        >>> result.tables["curves"]  # doctest: +SKIP
    """
    out = Path(out)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it logs its precision
    given = parse_overrides(
        method,
        [f"{k}={json.dumps(v)}" for k, v in settings.items()] if isinstance(settings, Mapping) else list(settings),
        epochs=epochs,
        batch_size=batch_size,
        augmentation=augmentation,
        device=device,
    )
    recipe = recipe_from(preprocess)
    check_replaceable(out, _OUTPUTS)
    size = last_size(given.run.size, recipe.size)
    with weightless():
        create_encoder(encoder, seed=0, image_size=size)  # raises errors before reading images
    with process_group(given.device):
        first = rank() == 0
        show = progress if first else quiet
        weights = init.directory if isinstance(init, Result) else init
        start = run_on_rank0(lambda: resolve_weights(str(weights), encoder) if weights else None)
        read = read_data_sets(
            data, labels=labels, allow_missing=allow_missing, hash_patients=hash_patients, progress=show
        )
        fraction_of = _fractions(patient_fractions or {}, list(read))
        if given.run.batch_size is not None:  # the batch size of a preset is adapted to the pool
            check_batch_size(given.run.batch_size, sum(each.manifest["path"].count() for each in read.values()))
        decoded = _decode_once(read, recipe, out, stores, workers, progress)
        pools = {
            name: pretraining_pool(
                each,
                decoded[name].image_ids,
                split=split,
                exclude=tuple(exclude_splits),
                seed=split_seed,
                percent=round(100 * fraction_of[name], 9),
            )
            for name, each in read.items()
        }
        pools = without_excluded_elsewhere(read, pools)
        found = run_on_rank0(lambda: without_copies(read, decoded, pools))
        pools = found.pools
        read = {name: read[name] for name in pools}
        images = pooled_images(read, decoded, {name: each.image_ids for name, each in pools.items()})
        pool = pool_of_all(pools, images)
        begun = describe_initial_weights(start) if start else None
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
            "notes": notes_as_data(
                [*pool.notes, *(each.about(name) for name, store in decoded.items() for each in store.notes())]
            ),
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


def _result(about: dict[str, Any], out: Path) -> PretrainResult:
    card, curves = read_card(out), read_result_table(out / "curves.parquet")
    last = curves.row(-1, named=True)
    signs = {name: last[name] for name in ("train_loss", "effective_rank", "feature_spread") if name in last}
    outcome = {
        "seconds": float(curves["seconds"].sum()),
        "last_epoch": signs,
        "selected_epoch": card.epoch,
        "outcome": notes_as_data(card.notes),
        "probe_seconds": float(curves["probe_seconds"].sum()) if "probe_seconds" in curves.columns else 0.0,
        "out": str(out),
    }
    return PretrainResult(out, about | outcome, card, curves)


def _fractions(given: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Check fractions of patients; 1 for data sets without one."""
    for name, fraction in given.items():
        if name not in names or not 0 < fraction <= 1:
            raise HilumError(
                "patient_fractions",
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
    """Decode the images in the first process; the others wait and open the stores."""

    def decode_all() -> dict[str, Path]:
        return {
            name: decode(each, recipe, out, stores=stores, workers=workers, progress=progress).directory
            for name, each in data.items()
        }

    return {name: open_store(directory) for name, directory in run_on_rank0(decode_all).items()}
