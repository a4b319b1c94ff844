"""Selection of the images to explain, by default without patients of the training data."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from hilum.data.collections import Dataset
from hilum.data.patients import full_names, issuer_of
from hilum.data.splits import images_of_part
from hilum.draws import Stream, image_keys, shuffled
from hilum.encoders.card import Card
from hilum.evaluation.training_patients import exclude_training_patients
from hilum.notes import Code, Note, note


@dataclass(frozen=True)
class ExplainedImages:
    """Selected images.

    Attributes:
        manifest: Manifest of the images, with the patient's full name as `patient_id`.
        boxes: Boxes on them, in pixels of their frames; empty if the data set has none.
        trained_on: Images of patients in the training data of a model.
        notes: Exclusions with reasons, and limitations of the results.
    """

    manifest: pl.DataFrame
    boxes: pl.DataFrame
    trained_on: frozenset[str]
    notes: list[Note]


def choose_images(
    dataset: Dataset,
    issuer: str,
    cards: Sequence[Card],
    findings: Collection[str],
    *,
    most: int,
    seed: int,
    split: str | None = None,
    include_training_patients: bool = False,
    boxes: bool = True,
) -> ExplainedImages:
    """Select all images with a box of a finding, and other images at random.

    Args:
        dataset: Data set.
        issuer: Name given by the user; used as issuer of the patient ids if the data set does not define one.
        cards: Cards of the models.
        findings: Findings to explain.
        most: Maximum number of images without boxes.
        seed: Random seed of the selection.
        split: Official split to use; None: all images.
        include_training_patients: Whether to include images of patients in the training data.
        boxes: Whether to use boxes; otherwise they are ignored.

    Raises:
        HilumError: No image remains.
    """
    manifest = dataset.manifest.filter(pl.col("path").is_not_null())
    own_issuer = issuer_of(dataset.root, dataset.name, issuer)
    names = full_names(manifest, own_issuer)
    manifest = manifest.with_columns(pl.Series("patient_id", names, dtype=pl.String))
    notes: list[Note] = []
    if split is not None:
        manifest = images_of_part(manifest, split)
        notes.append(note(Code.ONLY_SPLIT, split=split))
    checked = exclude_training_patients(
        cards,
        manifest,
        list(manifest.select("image_id", "patient_id").iter_rows()),
        own_issuer,
        str(dataset.root),
        include=include_training_patients,
        before=notes,
    )
    notes = checked.notes
    manifest = manifest.filter(pl.col("image_id").is_in(pl.Series(checked.image_ids, dtype=pl.String).implode()))
    placed = _boxes(dataset.boxes if boxes else None, manifest, findings)
    boxed = set(placed["image_id"])
    order = shuffled(seed, image_keys(manifest["image_id"]), use=Stream.IMAGES_TO_EXPLAIN)
    others = [image_id for image_id in manifest["image_id"].gather(order) if image_id not in boxed]
    if len(others) > most:
        notes.append(note(Code.SAMPLED_IMAGES, images=most, of=len(others), kind="images without boxes"))
    chosen = boxed | set(others[:most])
    manifest = manifest.filter(pl.col("image_id").is_in(list(chosen)))
    return ExplainedImages(manifest, placed, checked.trained_on & chosen, notes)


def _boxes(boxes: pl.DataFrame | None, manifest: pl.DataFrame, findings: Collection[str]) -> pl.DataFrame:
    if boxes is None:
        number, text = pl.Float64(), pl.String()
        names = ("x", "y", "width", "height", "frame_width", "frame_height")
        return pl.DataFrame(schema={"image_id": text, "finding": text, **dict.fromkeys(names, number)})
    on_these = pl.col("image_id").is_in(manifest["image_id"].to_list())
    return boxes.filter(on_these & pl.col("finding").is_in(list(findings)))
