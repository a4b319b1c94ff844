"""Probe frozen features, beside encoders that have learnt nothing and shortcuts: `hilum probe` and `hilum.probe`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import polars as pl
from torch import nn

from hilum.artifacts import whole_directory, write_json
from hilum.data.replaceable import check_replaceable
from hilum.data.splits import parse_split
from hilum.data.store import NamedData, Store
from hilum.encoders.card import Card
from hilum.encoders.zoo import create_encoder
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.metrics import overall_finding
from hilum.evaluation.settings import EvaluationSettings
from hilum.explanation.embedding import features_of, load_feature_model, recipe_of
from hilum.finetuning.shortcut_features import (
    metadata_features,
    random_encoder_features,
    thumbnail_features,
)
from hilum.finetuning.shortcut_names import METADATA, THUMBNAIL
from hilum.progress import ShowProgress, quiet
from hilum.runs.inputs.data import DataSource, decode, findings_from, read_data
from hilum.runs.inputs.models import model_directory
from hilum.runs.probing import ENCODER, LINEAR, Matrix, Probed, ProbedImages, images_to_probe
from hilum.runs.probing import probe as probe_arms
from hilum.runs.results import Result
from hilum.training.settings import Device

TABLES = ("metrics", "comparisons", "signs")
_LEFT = ("probe.json", *(f"{name}.{kind}" for name in TABLES for kind in ("parquet", "csv")))


@dataclass(frozen=True, repr=False)
class ProbeResult(Result):
    """What probes of frozen features tell.

    Attributes:
        directory: with metrics, comparisons and signs as Parquet and CSV, and probe.json.
        about: encoder, data, split, numbers of images, findings, settings, notes.
        probed: the tables.
    """

    directory: Path
    probed: Probed

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`metrics`, `comparisons` and `signs` (see `hilum.runs.probing.Probed`)."""
        return {name: getattr(self.probed, name) for name in TABLES}

    @property
    def summary(self) -> list[str]:
        """What was probed, on what."""
        counts = self.about["images"]
        return [
            f"{self.about['architecture']}, {self.about['method']} on {self.about['data']}, {self.about['split']}",
            f"probes fitted to {counts['train']:,} images, penalty chosen on {counts['val']:,}, "
            f"{counts['test']:,} scored",
        ]

    def _shown(self) -> dict[str, pl.DataFrame]:
        metrics = self.probed.metrics
        overall = overall_finding(metrics["finding"].to_list())
        shown = metrics.filter((pl.col("finding") == overall) & (pl.col("probe") == LINEAR))
        return {"linear probe, AUROC": shown.select("arm", "finding", "estimate", "ci_low", "ci_high")}


def probe(
    encoder: str | Path | Result,
    data: DataSource,
    out: str | Path,
    *,
    split: str = "auto",
    split_seed: int = 0,
    findings: str | Sequence[str] | None = None,
    include_training_patients: bool = False,
    labels: str | Path | None = None,
    allow_missing: bool = False,
    hash_patients: str | None = None,
    min_positive_patients: int = EvaluationSettings.min_positive_patients,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    stores: str | Path | None = None,
    workers: int | None = None,
    device: str = "auto",
    progress: ShowProgress = quiet,
) -> ProbeResult:
    """Fit linear and nearest-neighbour probes to frozen features, and compare with encoders that have learnt nothing.

    Args:
        encoder: directory of an encoder or of a classifier; or published weights by name;
            or the result of a run.
        data: "NAME=FOLDER" or {NAME: FOLDER}.
        out: directory for the tables.
        split: "official", another list of the data set, "patients", or "auto".
        split_seed: of the split, where patients are drawn.
        findings: to be distinguished; None: all of the data set but No Finding.
        include_training_patients: also score images of patients that the encoder has learnt from.
        labels: own images: the CSV with the labels.
        allow_missing: go on where tables name images whose file is not there.
        hash_patients: as in `hilum.runs.inputs.data.read_data`.
        min_positive_patients: findings with fewer positive or negative patients are not in the mean.
        n_bootstrap: bootstrap samples of patients, at least 40.
        seed: of the random encoders and the bootstrap.
        stores: folder that keeps decoded images for the next run; None: `stores` beside `out`.
        workers: threads that decode images; None: all cores.
        device: "auto", "cpu" or "cuda".
        progress: shows each stage.

    Returns:
        Tables of AUROC, of differences to the other features, and of signs of collapse.

    Raises:
        HilumError: anything that is wrong with the model, the data or an option.

    Example:
        >>> import hilum
        >>> result = hilum.probe("runs/simclr", {"ours": "images"}, "probed", labels="labels.csv")  # doctest: +SKIP
        >>> result.tables["metrics"]  # doctest: +SKIP
    """
    out = Path(out)
    check_replaceable(out, _LEFT)
    network, card = load_feature_model(model_directory(encoder))
    read = read_data(data, labels=labels, allow_missing=allow_missing, hash_patients=hash_patients, progress=progress)
    named = findings_from(findings)
    divided = parse_split(read.manifest, split, seed=split_seed)
    store = decode(read, recipe_of(card), out, stores=stores, workers=workers, progress=progress)
    images = images_to_probe(
        read, card, store.image_ids, divided, findings=named, include_training_patients=include_training_patients
    )
    arms = _arms(network, card, read, store, images, seed, cast(Device, device))
    with progress("probing") as on_progress:
        probed = probe_arms(
            images,
            arms,
            linear_only=[METADATA],
            min_positive_patients=min_positive_patients,
            n_bootstrap=n_bootstrap,
            seed=seed,
            on_progress=on_progress,
        )
    scored = len(images.image_ids) - images.train - images.val
    about: dict[str, Any] = {
        "encoder": str(model_directory(encoder)) if isinstance(encoder, Result) else str(encoder),
        "architecture": card.encoder,
        "method": card.method,
        "sha256": card.sha256,
        "data": read.name,
        "split": divided.title,
        "images": {"train": images.train, "val": images.val, "test": scored},
        "findings": images.findings,
        "min_positive_patients": min_positive_patients,
        "n_bootstrap": n_bootstrap,
        "seed": seed,
        "notes": images.notes,
    }
    with whole_directory(out) as beside:
        for name in TABLES:
            getattr(probed, name).write_parquet(beside / f"{name}.parquet")
            getattr(probed, name).write_csv(beside / f"{name}.csv")
        write_json(beside / "probe.json", about)
    return ProbeResult(out, about, probed)


def _arms(
    network: nn.Module, card: Card, data: NamedData, store: Store, images: ProbedImages, seed: int, device: Device
) -> dict[str, Callable[[], Matrix]]:
    """What makes the features of each arm: the encoder, the same with random weights, and shortcuts."""
    ids = images.image_ids
    random = partial(random_encoder_features, store, ids, card.encoder, seed=seed, size=card.image_size, device=device)
    arms: dict[str, Callable[[], Matrix]] = {
        ENCODER: lambda: features_of(network, card.image_size, store, ids, device=device).values,
        "random weights": random,
    }
    if create_encoder(card.encoder, seed=seed).has_batch_norm:
        arms["calibrated random weights"] = partial(random, calibrated_on=ids[: images.train])
    arms[THUMBNAIL] = lambda: thumbnail_features(store, ids)
    arms[METADATA] = lambda: metadata_features(data.manifest, ids)
    return arms
