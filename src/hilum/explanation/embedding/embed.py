"""Embedding of images: features, two-dimensional projection, neighbours, class separation, and their files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from hilum.artifacts import write_json
from hilum.data.splits import images_of_part
from hilum.data.store import NamedData
from hilum.draws import Stream, image_keys, shuffled
from hilum.encoders.card import Card
from hilum.evaluation.training_patients import exclude_training_patients
from hilum.explanation.embedding.classes import ILL, SINGLE, groupings
from hilum.explanation.embedding.features import Features, write_features
from hilum.explanation.embedding.neighbours import nearest_images, neighbours_table
from hilum.explanation.embedding.project import EmbeddingMethod, embed
from hilum.explanation.embedding.purity import SCHEMA, class_separation
from hilum.notes import Code, Note, note, notes_as_data
from hilum.progress import ProgressReport, silent


@dataclass(frozen=True)
class ChosenImages:
    """Images to embed.

    Attributes:
        manifest: Manifest of the images; `patient_id` is the patient's full name.
        trained_on: Number of images of patients in the training data.
        notes: Exclusions with reasons, and limitations of the results.
    """

    manifest: pl.DataFrame
    trained_on: int
    notes: list[Note]


@dataclass(frozen=True)
class Embedded:
    """Embedding of images; `write_embedded` writes all tables.

    Attributes:
        features: Features of all N images.
        points: `image_id`, `method`, `x`, `y`, `single_label`, `anomalies` (classes, or null) of the images shown.
        purity: Table of `hilum.explanation.embedding.purity.class_separation`.
        neighbours: Table of `hilum.explanation.embedding.neighbours.neighbours_table`.
        notes: Notes for the reader.
    """

    features: Features
    points: pl.DataFrame
    purity: pl.DataFrame
    neighbours: pl.DataFrame
    notes: list[Note]


def images_to_embed(
    data: NamedData,
    card: Card,
    readable: Sequence[str],
    *,
    split: str | None = None,
    include_training_patients: bool = False,
) -> ChosenImages:
    """Select the readable images of a data set, by default without patients of the training data.

    The features of training images are not representative of new images.

    Args:
        data: Data set.
        card: Card of the model.
        readable: Ids of the images in the store.
        split: Official split to use; None: all images.
        include_training_patients: Whether to include images of patients in the training data.

    Raises:
        HilumError: No image remains.
    """
    manifest = data.manifest.filter(pl.col("image_id").is_in(list(readable)))
    names = data.patients(manifest["image_id"].to_list())
    manifest = manifest.with_columns(pl.Series("patient_id", names, dtype=pl.String))
    notes = []
    unread = len(data.manifest) - len(manifest)
    if unread:
        notes.append(note(Code.UNREADABLE_IMAGES, images=unread))
    if split is not None:
        manifest = images_of_part(manifest, split)
        notes.append(note(Code.ONLY_SPLIT, split=split))
    checked = exclude_training_patients(
        [card],
        manifest,
        list(manifest.select("image_id", "patient_id").iter_rows()),
        data.issuer,
        f"--data {data.name}",
        include=include_training_patients,
        before=notes,
    )
    manifest = manifest.filter(pl.col("image_id").is_in(pl.Series(checked.image_ids, dtype=pl.String).implode()))
    return ChosenImages(manifest, len(checked.trained_on), checked.notes)


def embed_images(
    features: Features,
    images: ChosenImages,
    methods: Sequence[EmbeddingMethod],
    *,
    k: int,
    most_shown: int,
    n_bootstrap: int,
    seed: int,
    same_patient: bool = False,
    on_progress: ProgressReport = silent,
) -> Embedded:
    """Compute points, neighbours and class separation of images.

    Args:
        features: Features of the images, in the order of their manifest.
        images: Images of `images_to_embed`.
        methods: Projection methods.
        k: Number of neighbours, in tables and for the purity.
        most_shown: Maximum number of points, sampled at random; class separation and neighbours use all images.
        n_bootstrap, seed: Number of bootstrap resamples, and random seed of these, of sampling and of the projection.
        same_patient: Whether the table includes neighbours of the same patient (the purity never does).
        on_progress: Receives the number of resamples done.

    Raises:
        HilumError: Too few images.
    """
    ids, patients = features.image_ids, images.manifest["patient_id"].to_list()
    grouped = {grouping.name: grouping for grouping in groupings(images.manifest, ids)}
    notes = list(images.notes)
    sample = np.sort(shuffled(seed, image_keys(ids), use=Stream.POINTS_TO_SHOW)[:most_shown])
    if len(sample) < len(ids):
        notes.append(note(Code.SAMPLED_POINTS, points=len(sample), images=len(ids)))
    classes = {name: grouped[name].of if name in grouped else [None] * len(ids) for name in (SINGLE, ILL)}
    columns = {name: pl.Series(name, [of[row] for row in sample], dtype=pl.String) for name, of in classes.items()}
    points = []
    for method in methods:
        on_progress(0, n_bootstrap, method)
        places = embed(features.values[sample], method, seed=seed)
        points.append(
            pl.DataFrame(
                {
                    "image_id": [ids[row] for row in sample],
                    "method": [method] * len(sample),
                    "x": places[:, 0],
                    "y": places[:, 1],
                    **columns,
                }
            )
        )
    purity = [
        class_separation(
            features.values, patients, grouping, k=k, n_bootstrap=n_bootstrap, seed=seed, on_progress=on_progress
        )
        for grouping in grouped.values()
    ]
    if not grouped:
        notes.append(note(Code.NO_CLASSES))
    nearest = nearest_images(features.values, patients, k, same_patient=same_patient)
    return Embedded(
        features=features,
        points=pl.concat(points),
        purity=pl.concat(purity) if purity else pl.DataFrame(schema=SCHEMA),
        neighbours=neighbours_table(nearest, ids, patients),
        notes=notes,
    )


def write_embedded(embedded: Embedded, about: dict[str, object], directory: Path) -> None:
    """Write all tables, and `embed.json` with their settings, into an output directory."""
    write_features(embedded.features, directory / "features")
    embedded.points.write_parquet(directory / "embedding.parquet")
    embedded.neighbours.write_parquet(directory / "neighbours.parquet")
    embedded.purity.write_parquet(directory / "purity.parquet")
    embedded.purity.write_csv(directory / "purity.csv")
    write_json(directory / "embed.json", {**about, "notes": notes_as_data(embedded.notes)})
