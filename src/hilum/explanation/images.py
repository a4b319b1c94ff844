"""Which images a model is explained on: none of a patient it has learnt from, unless it is asked for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from hilum.data.collections import Dataset
from hilum.data.patients import full_names, issuer_of
from hilum.draws import Stream, image_keys, shuffled
from hilum.encoders.card import Card
from hilum.encoders.ledger import Ledger
from hilum.errors import HilumError


@dataclass(frozen=True)
class ExplainedImages:
    """Images, and what was left out.

    Attributes:
        manifest: of the images, with `patient_id` as the patient's full name.
        boxes: on them, in their frames; empty where the data set has none.
        trained_on: images among them whose patients a model has learnt from.
        notes: what was left out and why, one sentence each.
    """

    manifest: pl.DataFrame
    boxes: pl.DataFrame
    trained_on: frozenset[str]
    notes: list[str]


def choose_images(
    collected: Dataset,
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
    """All images with a box of a finding, and others by lot.

    Args:
        collected: the data set.
        issuer: what the user calls it; counts where nothing else knows who gave the patients their numbers.
        cards: of the models.
        findings: that are explained.
        most: images without boxes to take.
        seed: of the lot.
        split: only images of this list; None: all.
        include_training_patients: also images of patients that a model has learnt from.
        boxes: whether boxes matter; otherwise they are as good as not there.

    Raises:
        HilumError: no image is left.
    """
    manifest = collected.manifest.filter(pl.col("path").is_not_null())
    names = full_names(manifest, issuer_of(collected.root, collected.name, issuer))
    manifest = manifest.with_columns(pl.Series("patient_id", names, dtype=pl.String))
    notes = []
    if split is not None:
        manifest = manifest.filter(pl.col("split") == split)
        notes.append(f"only images of the list {split}")
    learnt = Ledger(patient for card in cards for patient in card.training_patients)
    exposure = learnt.exposure_of(manifest["patient_id"].to_list())
    trained_on = pl.Series(exposure.trained_on)
    met = manifest.filter(trained_on)["image_id"].to_list()
    if include_training_patients and exposure.not_known.any():
        notes.append(f"whether a model has learnt from these patients is not known: {exposure.why_not_known}")
    elif not include_training_patients:
        exposure.refuse_not_known(str(collected.root))
    if met and include_training_patients:
        notes.append(f"{len(met):,} images are of patients that a model has learnt from: they show it at its best")
    elif met:
        manifest = manifest.filter(~trained_on)
        notes.append(f"{len(met):,} images of patients that a model has learnt from were left out")
    if manifest.is_empty():
        raise HilumError(
            collected.root,
            expected="images that the models have not learnt from",
            found=f"none ({'; '.join(notes) or 'no file of the manifest is here'})",
            fix="Take another --split or data set, or add --include-training-patients to look at those, too.",
        )
    drawn = _boxes(collected.boxes if boxes else None, manifest, findings)
    boxed = set(drawn["image_id"])
    lot = shuffled(seed, image_keys(manifest["image_id"]), use=Stream.IMAGES_TO_EXPLAIN)
    others = [image_id for image_id in manifest["image_id"].gather(lot) if image_id not in boxed]
    if len(others) > most:
        notes.append(f"of {len(others):,} images without boxes {most:,} were drawn")
    chosen = boxed | set(others[:most])
    manifest = manifest.filter(pl.col("image_id").is_in(list(chosen)))
    return ExplainedImages(manifest, drawn, frozenset(met) & chosen, notes)


def _boxes(boxes: pl.DataFrame | None, manifest: pl.DataFrame, findings: Collection[str]) -> pl.DataFrame:
    if boxes is None:
        number, text = pl.Float64(), pl.String()
        names = ("x", "y", "width", "height", "frame_width", "frame_height")
        return pl.DataFrame(schema={"image_id": text, "finding": text, **dict.fromkeys(names, number)})
    on_these = pl.col("image_id").is_in(manifest["image_id"].to_list())
    return boxes.filter(on_these & pl.col("finding").is_in(list(findings)))
