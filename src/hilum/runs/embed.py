"""Embedding of images by the features of a model: `hilum.embed` and `hilum embed`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import polars as pl

from hilum.artifacts import whole_directory
from hilum.data.manifest import finding_columns
from hilum.data.replaceable import check_replaceable
from hilum.data.store import Store
from hilum.declared import check_ranges
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
from hilum.notes import notes_as_data
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.report.figures import SimilarImages, write_embedding_figures, write_similar_images
from hilum.runs.inputs.data import DataSource, decode, read_data
from hilum.runs.inputs.models import model_directory, name_of_model
from hilum.runs.results import Result
from hilum.training.settings import Device
from hilum.wording import images_of_patients

EmbeddingChoice: TypeAlias = Literal["tsne", "umap", "both"]
_METHODS: dict[str, tuple[Literal["tsne", "umap"], ...]] = {
    "tsne": ("tsne",),
    "umap": ("umap",),
    "both": ("tsne", "umap"),
}
_SHEET = "similar.png"
_MOST_SIMILAR = 8
_OUTPUTS = (
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
    """Embedding of images.

    Attributes:
        directory: Directory with features, points, neighbours, class separation and figures.
        about: Model, data, settings, notes.
        embedded: Features and tables.
    """

    directory: Path
    embedded: Embedded

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`purity`, `points` and `neighbours`."""
        return {name: getattr(self.embedded, name) for name in ("purity", "points", "neighbours")}

    @property
    def summary(self) -> list[str]:
        """Model and numbers of images and patients."""
        about = self.about
        return [f"{about['encoder']} on {images_of_patients(about['images'], about['patients'])} of {about['data']}"]

    def nearest(self, image_id: str) -> pl.DataFrame:
        """Return the nearest neighbours of an image: `rank`, `neighbour`, `cosine`, `same_patient`."""
        return _nearest(self.embedded, image_id)


@checked_arguments
def embed(
    model: str | Path | Result,
    data: DataSource,
    out: str | Path,
    *,
    method: EmbeddingChoice | str = "tsne",
    similar_to: Sequence[str] = (),
    k: int = 20,
    allow_same_patient: bool = False,
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
    """Compute features of images, a t-SNE or UMAP embedding, class separation, and nearest neighbours.

    Args:
        model: Directory of an encoder or a classifier, name of published weights, or result of a run.
        data: "NAME=FOLDER" or {NAME: FOLDER}.
        out: Directory to write features, tables and figures to.
        method: "tsne", "umap" or "both".
        similar_to: Ids of images whose nearest neighbours are drawn.
        k: Number of nearest neighbours.
        allow_same_patient: Allow neighbours of the same patient in the lists of images.
        max_points: Maximum number of points in the figure; more are drawn at random.
        split: Part of the published split to use; None: all images.
        include_training_patients: Include images of patients the model was trained on.
        labels: CSV file of labels, for own images.
        allow_missing: Continue if tables name images whose files are missing.
        hash_patients: As in `hilum.runs.inputs.data.read_data`.
        n_bootstrap: Number of bootstrap resamples of patients.
        seed: Random seed of the embedding, the samples and the bootstrap.
        stores: Folder of decoded images, reused by later runs; None: `stores` next to `out`.
        workers: Threads that decode images; None: all cores.
        device: "auto", "cpu" or "cuda".
        progress: Shows the progress of each stage.

    Raises:
        HilumError: A wrong model, data set or option.

    Example:
        >>> import hilum
        >>> result = hilum.embed("runs/simclr", {"ours": "images"}, "embedded", labels="labels.csv")  # doctest: +SKIP
        >>> result.nearest("0042.png")  # doctest: +SKIP
    """
    out = Path(out)
    if method not in _METHODS:
        raise HilumError("--method", expected=f"one of {', '.join(_METHODS)}", found=repr(method), fix="Use tsne.")
    check_ranges(BootstrapConfig, n_bootstrap=n_bootstrap, seed=seed)
    check_replaceable(out, _OUTPUTS)
    network, card = load_feature_model(model_directory(model))
    read = read_data(data, labels=labels, allow_missing=allow_missing, hash_patients=hash_patients, progress=progress)
    store = decode(read, recipe_of(card), out, stores=stores, workers=workers, progress=progress)
    chosen = images_to_embed(
        read, card, store.image_ids, split=split, include_training_patients=include_training_patients
    )
    ids = chosen.manifest["image_id"].to_list()
    rows_of(similar_to, ids, "--similar-to")  # refuses unknown ids before the long work
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
            same_patient=allow_same_patient,
            on_progress=on_progress,
        )
    about: dict[str, Any] = {
        "model": name_of_model(model),
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
        if similar_to:
            _write_sheet(similar_to, embedded, chosen, store, beside / _SHEET)
    return EmbedResult(out, {**about, "notes": notes_as_data(embedded.notes), "out": str(out)}, embedded)


def _nearest(embedded: Embedded, image_id: str) -> pl.DataFrame:
    rows = embedded.neighbours.filter(pl.col("image_id") == image_id)
    return rows.select("rank", "neighbour", "cosine", "same_patient")


def _write_sheet(image_ids: Sequence[str], embedded: Embedded, chosen: ChosenImages, store: Store, path: Path) -> None:
    """Draw each of the images beside its nearest neighbours."""
    rows = []
    for image_id in image_ids:
        found = _nearest(embedded, image_id).select("neighbour", "cosine").head(_MOST_SIMILAR)
        rows.append(SimilarImages(image_id, list(found.iter_rows())))
    shown = list(dict.fromkeys([*image_ids, *(name for row in rows for name, _ in row.neighbours)]))
    pixels = {name: store.pixels[row] for name, row in zip(shown, store.rows(shown), strict=True)}
    findings = finding_columns(chosen.manifest)
    about = {
        row["image_id"]: ", ".join(finding for finding in findings if row[finding] == 1)
        for row in chosen.manifest.iter_rows(named=True)
        if row["image_id"] in pixels
    }
    write_similar_images(rows, pixels, about, path)
