"""Images embedded: features, points on a plane, neighbours and numbers, and the files that hold them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from hilum.artifacts import write_json
from hilum.data.store import NamedData
from hilum.draws import Stream, image_keys, shuffled
from hilum.encoders.card import Card
from hilum.errors import HilumError
from hilum.explanation.embedding.classes import ILL, SINGLE, groupings
from hilum.explanation.embedding.features import Features, write_features
from hilum.explanation.embedding.neighbours import nearest_images, neighbours_table
from hilum.explanation.embedding.project import EmbeddingMethod, embed
from hilum.explanation.embedding.purity import SCHEMA, class_separation
from hilum.progress import ProgressReport, silent


@dataclass(frozen=True)
class ChosenImages:
    """Images to embed.

    Attributes:
        manifest: of them; `patient_id` is the patient's full name.
        trained_on: how many are of patients that the model has learnt from.
        notes: what was left out and why, one sentence each.
    """

    manifest: pl.DataFrame
    trained_on: int
    notes: list[str]


@dataclass(frozen=True)
class Embedded:
    """What came out; all tables are those of the files that `write_embedded` leaves.

    Attributes:
        features: of all N images.
        points: `image_id`, `method`, `x`, `y`, `single_label`, `anomalies` (classes, or null), of the images shown.
        purity: see `hilum.explanation.embedding.purity.class_separation`.
        neighbours: see `hilum.explanation.embedding.neighbours.neighbours_table`.
        notes: what a reader must know, one sentence each.
    """

    features: Features
    points: pl.DataFrame
    purity: pl.DataFrame
    neighbours: pl.DataFrame
    notes: list[str]


def images_to_embed(
    data: NamedData,
    card: Card,
    readable: Sequence[str],
    *,
    split: str | None = None,
    include_training_patients: bool = False,
) -> ChosenImages:
    """The images of a data set that can be read, without those of patients that the model has learnt from.

    Features of images that a model was fitted to show it at its best, not how it will do.

    Args:
        data: the data set.
        card: of the model.
        readable: images that the store holds.
        split: only images of the data set's own list; None: all.
        include_training_patients: also images of patients that the model has learnt from.

    Raises:
        HilumError: no image is left.
    """
    manifest = data.manifest.filter(pl.col("image_id").is_in(list(readable)))
    names = data.patients(manifest["image_id"].to_list())
    manifest = manifest.with_columns(pl.Series("patient_id", names, dtype=pl.String))
    notes = []
    unread = len(data.manifest) - len(manifest)
    if unread:
        notes.append(f"{unread:,} images could not be read and were set aside")
    if split is not None:
        manifest = manifest.filter(pl.col("split") == split)
        notes.append(f"only images of the list {split}")
    exposure = card.ledger.exposure_of(manifest["patient_id"].to_list())
    trained_on = pl.Series(exposure.trained_on)
    met = int(exposure.trained_on.sum())
    if include_training_patients and exposure.not_known.any():
        notes.append(f"whether the model has learnt from these patients is not known: {exposure.why_not_known}")
    elif not include_training_patients:
        exposure.refuse_not_known(f"--data {data.name}")
    if met and include_training_patients:
        notes.append(f"{met:,} images are of patients that the model has learnt from: they show it at its best")
    elif met:
        manifest = manifest.filter(~trained_on)
        notes.append(f"{met:,} images of patients that the model has learnt from were left out")
    if manifest.is_empty():
        raise HilumError(
            f"--data {data.name}",
            expected="images that the model has not learnt from",
            found=f"none ({'; '.join(notes)})",
            fix="Take another --split or data set, or add --include-training-patients to embed those, too.",
        )
    return ChosenImages(manifest, met if include_training_patients else 0, notes)


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
    """Points, neighbours and numbers of images.

    Args:
        features: of the images, in the order of their manifest.
        images: see `images_to_embed`.
        methods: of the points.
        k: neighbours, in tables and in the purity.
        most_shown: images that get points, by lot where there are more; numbers and neighbours are of all images.
        n_bootstrap, seed: of the intervals; the seed also draws images, and is that of the methods.
        same_patient: also neighbours of the same patient in the table (never in the purity).
        on_progress: receives the resamples done.

    Raises:
        HilumError: too few images.
    """
    ids, patients = features.image_ids, images.manifest["patient_id"].to_list()
    grouped = {grouping.name: grouping for grouping in groupings(images.manifest, ids)}
    notes = list(images.notes)
    lot = np.sort(shuffled(seed, image_keys(ids), use=Stream.POINTS_TO_SHOW)[:most_shown])
    if len(lot) < len(ids):
        notes.append(f"{len(lot):,} of {len(ids):,} images, drawn by lot, are in the image; numbers are of all images")
    classes = {name: grouped[name].of if name in grouped else [None] * len(ids) for name in (SINGLE, ILL)}
    columns = {name: pl.Series(name, [of[row] for row in lot], dtype=pl.String) for name, of in classes.items()}
    points = []
    for method in methods:
        on_progress(0, n_bootstrap, method)
        places = embed(features.values[lot], method, seed=seed)
        points.append(
            pl.DataFrame(
                {
                    "image_id": [ids[row] for row in lot],
                    "method": [method] * len(lot),
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
        notes.append("the data set has no labels that put images into two classes: there are no numbers of classes")
    nearest = nearest_images(features.values, patients, k, same_patient=same_patient)
    return Embedded(
        features=features,
        points=pl.concat(points),
        purity=pl.concat(purity) if purity else pl.DataFrame(schema=SCHEMA),
        neighbours=neighbours_table(nearest, ids, patients),
        notes=notes,
    )


def write_embedded(embedded: Embedded, about: dict[str, object], directory: Path) -> None:
    """Write all tables, and `embed.json` with what they were made from, into a directory that is being filled."""
    write_features(embedded.features, directory / "features")
    embedded.points.write_parquet(directory / "embedding.parquet")
    embedded.neighbours.write_parquet(directory / "neighbours.parquet")
    embedded.purity.write_parquet(directory / "purity.parquet")
    embedded.purity.write_csv(directory / "purity.csv")
    write_json(directory / "embed.json", {**about, "notes": embedded.notes})
