"""Probes of frozen features, beside random encoders and shortcuts: `hilum.probe` and `hilum probe`."""

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
from hilum.declared import check_ranges
from hilum.encoders.card import Card
from hilum.encoders.weightless import weightless
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
from hilum.notes import notes_as_data
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.runs.inputs.data import DataSource, decode, findings_from, read_data
from hilum.runs.inputs.models import model_directory, name_of_model
from hilum.runs.probing import ENCODER, LINEAR, Matrix, Probed, ProbedImages, images_to_probe, probe as probe_arms
from hilum.runs.results import Result
from hilum.training.settings import Device
from hilum.wording import counted

TABLES = ("metrics", "comparisons", "signs")
_OUTPUTS = ("probe.json", *(f"{name}.{kind}" for name in TABLES for kind in ("parquet", "csv")))


@dataclass(frozen=True, repr=False)
class ProbeResult(Result):
    """Probes of frozen features.

    Attributes:
        directory: Directory with metrics, comparisons and signs as Parquet and CSV, and probe.json.
        about: Encoder, data, split, numbers of images, findings, settings, notes.
        probed: Tables.
    """

    directory: Path
    probed: Probed

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`metrics`, `comparisons` and `signs` (see `hilum.runs.probing.Probed`)."""
        return {name: getattr(self.probed, name) for name in TABLES}

    @property
    def summary(self) -> list[str]:
        """Encoder, data and numbers of images."""
        counts = self.about["images"]
        return [
            f"{self.about['architecture']}, {self.about['method']} on {self.about['data']}, {self.about['split']}",
            f"probes fitted to {counted(counts['train'])}, penalty chosen on {counts['val']:,}, tested on "
            f"{counts['test']:,}",
        ]

    def _shown(self) -> dict[str, pl.DataFrame]:
        metrics = self.probed.metrics
        overall = overall_finding(metrics["finding"].to_list())
        shown = metrics.filter((pl.col("finding") == overall) & (pl.col("probe") == LINEAR))
        return {"linear probe, AUROC": shown.select("arm", "finding", "estimate", "ci_low", "ci_high", "note")}


@checked_arguments
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
    """Fit linear and nearest-neighbour probes to frozen features, and compare with random encoders and shortcuts.

    Args:
        encoder: Directory of an encoder or a classifier, name of published weights, or result of a run.
        data: "NAME=FOLDER" or {NAME: FOLDER}.
        out: Directory to write the tables to.
        split: "official", another published list, "patients" (60, 20 and 20 %, at random), or "auto".
        split_seed: Random seed of the split, if patients are drawn.
        findings: Findings to probe; None: all of the data set except No Finding.
        include_training_patients: Also score images of patients the encoder was trained on.
        labels: CSV file of labels, for own images.
        allow_missing: Continue if tables name images whose files are missing.
        hash_patients: As in `hilum.runs.inputs.data.read_data`.
        min_positive_patients: Findings with fewer positive or negative patients are excluded from the mean.
        n_bootstrap: Number of bootstrap resamples of patients, 40 or more.
        seed: Random seed of the random encoders and the bootstrap.
        stores: Folder of decoded images, reused by later runs; None: `stores` next to `out`.
        workers: Threads that decode images; None: all cores.
        device: "auto", "cpu" or "cuda".
        progress: Shows the progress of each stage.

    Returns:
        Tables of AUROC, of differences to the other features, and of collapse metrics.

    Raises:
        HilumError: A wrong model, data set or option.

    Example:
        >>> import hilum
        >>> result = hilum.probe("runs/simclr", {"ours": "images"}, "probed", labels="labels.csv")  # doctest: +SKIP
        >>> result.tables["metrics"]  # doctest: +SKIP
    """
    out = Path(out)
    check_ranges(
        BootstrapConfig,
        EvaluationSettings,
        n_bootstrap=n_bootstrap,
        seed=seed,
        min_positive_patients=min_positive_patients,
    )
    check_replaceable(out, _OUTPUTS)
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
        "encoder": name_of_model(encoder),
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
        "notes": notes_as_data(images.notes),
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
    """Return the functions that compute the features of each arm: the encoder, random encoders, and shortcuts."""
    ids = images.image_ids
    random = partial(random_encoder_features, store, ids, card.encoder, seed=seed, size=card.image_size, device=device)
    arms: dict[str, Callable[[], Matrix]] = {
        ENCODER: lambda: features_of(network, card.image_size, store, ids, device=device).values,
        "random weights": random,
    }
    with weightless():
        has_batch_norm = create_encoder(card.encoder, seed=seed).has_batch_norm
    if has_batch_norm:
        arms["calibrated random weights"] = partial(random, calibrated_on=ids[: images.train])
    arms[THUMBNAIL] = lambda: thumbnail_features(store, ids)
    arms[METADATA] = lambda: metadata_features(data.manifest, ids)
    return arms
