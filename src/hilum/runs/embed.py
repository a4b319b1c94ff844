"""Embed images by a model's features: what `hilum embed` and `hilum.embed` do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import polars as pl

from hilum.artifacts import whole_directory
from hilum.data.manifest import finding_columns
from hilum.data.replaceable import check_replaceable
from hilum.data.store import Store
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.explanation.embedding import (
    ChosenImages,
    Embedded,
    embed_images,
    features_of,
    images_to_embed,
    load_feature_model,
    recipe_of,
    rows_of,
    write_embedded,
)
from hilum.progress import ShowProgress, quiet
from hilum.report.figures import SimilarImages, write_embedding_figures, write_similar_images
from hilum.runs.inputs.data import DataSource, decode, read_data
from hilum.runs.inputs.models import model_directory
from hilum.runs.results import Result
from hilum.training.settings import Device

EmbeddingChoice: TypeAlias = Literal["tsne", "umap", "both"]
_METHODS: dict[str, tuple[Literal["tsne", "umap"], ...]] = {
    "tsne": ("tsne",),
    "umap": ("umap",),
    "both": ("tsne", "umap"),
}
_SHEET = "similar.png"
_MOST_SIMILAR = 8
_LEFT = (
    "features",
    "embedding.parquet",
    "purity.parquet",
    "purity.csv",
    "neighbours.parquet",
    "embed.json",
    _SHEET,
    *(f"embedding-{method}.{kind}" for method in ("tsne", "umap") for kind in ("svg", "png")),
)


@dataclass(frozen=True, repr=False)
class EmbedResult(Result):
    """Images by their features.

    Attributes:
        directory: with features, points, numbers, neighbours and figures.
        about: model, data, settings, notes.
        embedded: features and tables.
    """

    directory: Path
    embedded: Embedded

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`purity`, `points` and `neighbours`."""
        return {name: getattr(self.embedded, name) for name in ("purity", "points", "neighbours")}

    @property
    def summary(self) -> list[str]:
        """Which model, how many images."""
        about = self.about
        return [
            f"{about['encoder']} on {about['images']:,} images of {about['patients']:,} patients of {about['data']}"
        ]

    def nearest(self, image_id: str) -> pl.DataFrame:
        """The nearest images of one image: `rank`, `neighbour`, `cosine`, `same_patient`."""
        return nearest(self.embedded, image_id)


def embed(
    model: str | Path | Result,
    data: DataSource,
    out: str | Path,
    *,
    method: EmbeddingChoice | str = "tsne",
    like: Sequence[str] = (),
    k: int = 20,
    same_patient: bool = False,
    max_points: int = 10_000,
    split: str | None = None,
    include_training_patients: bool = False,
    labels: str | Path | None = None,
    allow_missing: bool = False,
    hash_patients: str | None = None,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    stores: str | Path | None = None,
    workers: int | None = None,
    device: str = "auto",
    progress: ShowProgress = quiet,
) -> EmbedResult:
    """Compute features of images, points on a plane (t-SNE or UMAP), class separation, and nearest images.

    Args:
        model: directory of an encoder or of a classifier; or published weights by name;
            or the result of a run.
        data: "NAME=FOLDER" or {NAME: FOLDER}.
        out: directory for features, tables and figures.
        method: "tsne", "umap" or "both".
        like: ids of images whose nearest images are drawn.
        k: nearest images, in numbers and tables.
        same_patient: nearest images may be of the same patient.
        max_points: at most so many points in the figure, by lot.
        split: only images of this published list; None: all.
        include_training_patients: also images of patients that the model has learnt from.
        labels: own images: the CSV with the labels.
        allow_missing: go on where tables name images whose file is not there.
        hash_patients: as in `hilum.runs.inputs.data.read_data`.
        n_bootstrap: bootstrap samples of patients.
        seed: of points, lots and the bootstrap.
        stores: folder that keeps decoded images for the next run; None: `stores` beside `out`.
        workers: threads that decode images; None: all cores.
        device: "auto", "cpu" or "cuda".
        progress: shows each stage.

    Raises:
        HilumError: anything that is wrong with the model, the data or an option.

    Example:
        >>> import hilum
        >>> result = hilum.embed("runs/simclr", {"ours": "images"}, "embedded", labels="labels.csv")  # doctest: +SKIP
        >>> result.nearest("0042.png")  # doctest: +SKIP
    """
    out = Path(out)
    if method not in _METHODS:
        raise HilumError("--method", expected=f"one of {', '.join(_METHODS)}", found=repr(method), fix="Use tsne.")
    check_replaceable(out, _LEFT)
    network, card = load_feature_model(model_directory(model))
    read = read_data(data, labels=labels, allow_missing=allow_missing, hash_patients=hash_patients, progress=progress)
    store = decode(read, recipe_of(card), out, stores=stores, workers=workers, progress=progress)
    chosen = images_to_embed(
        read, card, store.image_ids, split=split, include_training_patients=include_training_patients
    )
    ids = chosen.manifest["image_id"].to_list()
    rows_of(like, ids, "--similar-to")  # before the long work
    with progress("features") as on_progress:
        features = features_of(
            network, card.image_size, store, ids, device=cast(Device, device), on_progress=on_progress
        )
    with progress("embedding") as on_progress:
        embedded = embed_images(
            features,
            chosen,
            _METHODS[method],
            k=k,
            most_shown=max_points,
            n_bootstrap=n_bootstrap,
            seed=seed,
            same_patient=same_patient,
            on_progress=on_progress,
        )
    about: dict[str, Any] = {
        "model": str(model_directory(model)) if isinstance(model, Result) else str(model),
        "encoder": card.encoder,
        "sha256": card.sha256,
        "data": read.name,
        "images": len(ids),
        "patients": chosen.manifest["patient_id"].n_unique(),
        "trained_on": chosen.trained_on,
        "split": split,
        "k": k,
        "n_bootstrap": n_bootstrap,
        "seed": seed,
    }
    with whole_directory(out) as beside:
        write_embedded(embedded, about, beside)
        write_embedding_figures(embedded.points, embedded.purity, beside)
        if like:
            _write_sheet(like, embedded, chosen, store, beside / _SHEET)
    return EmbedResult(out, {**about, "notes": embedded.notes, "out": str(out)}, embedded)


def nearest(embedded: Embedded, image_id: str) -> pl.DataFrame:
    """The nearest images of one image: `rank`, `neighbour`, `cosine`, `same_patient`."""
    rows = embedded.neighbours.filter(pl.col("image_id") == image_id)
    return rows.select("rank", "neighbour", "cosine", "same_patient")


def _write_sheet(like: Sequence[str], embedded: Embedded, chosen: ChosenImages, store: Store, path: Path) -> None:
    """Draw each image of `like` beside its nearest ones."""
    rows = []
    for image_id in like:
        found = nearest(embedded, image_id).select("neighbour", "cosine").head(_MOST_SIMILAR)
        rows.append(SimilarImages(image_id, list(found.iter_rows())))
    shown = list(dict.fromkeys([*like, *(name for row in rows for name, _ in row.neighbours)]))
    pixels = {name: store.pixels[row] for name, row in zip(shown, store.rows(shown), strict=True)}
    findings = finding_columns(chosen.manifest)
    about = {
        row["image_id"]: ", ".join(finding for finding in findings if row[finding] == 1)
        for row in chosen.manifest.iter_rows(named=True)
        if row["image_id"] in pixels
    }
    write_similar_images(rows, pixels, about, path)
