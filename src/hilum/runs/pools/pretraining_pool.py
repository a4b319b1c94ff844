"""Pretraining without a study: pool of images, initial weights, and detection of a complete run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import safetensors

from hilum.artifacts import fingerprint
from hilum.data.splits import held_out_patients, parse_split, sample_patients
from hilum.data.store import NamedData
from hilum.encoders.card import CARD, read_card
from hilum.encoders.published import REPORT
from hilum.encoders.statements import describe_statements
from hilum.encoders.weights import ENCODER_WEIGHTS
from hilum.errors import HilumError
from hilum.notes import Code, Note, note
from hilum.pretext.monitoring import ProbedImages
from hilum.pretext.settings import PretextSettings
from hilum.runs.pools.pooling import PooledImages

AUTO = "auto"


@dataclass(frozen=True)
class Pool:
    """Images to train on.

    Attributes:
        image_ids: Ids of the images.
        title: Description of the pool, for the card of the weights.
        notes: Excluded images with reasons.
        excluded_patients: Full names of the patients in excluded parts of the split.
    """

    image_ids: list[str]
    title: str
    notes: list[Note]
    excluded_patients: frozenset[str] = frozenset()


@dataclass(frozen=True)
class InitialWeights:
    """Initial weights of a run.

    Attributes:
        directory: Directory of the weights.
        matched: Number of tensors of the encoder that are in the weights.
        missing: Keys of the encoder that are not.
        trained_on: Description of their training images.
    """

    directory: Path
    matched: int
    missing: list[str]
    trained_on: str


def pretraining_pool(
    data: NamedData,
    readable: Sequence[str],
    *,
    split: str = AUTO,
    exclude: Sequence[str] = ("test",),
    seed: int = 0,
    percent: float = 100,
) -> Pool:
    """Select the images of a data set, except those of patients in excluded parts of a split.

    Args:
        data: The data set. Labels are used only if the split is stratified by findings.
        readable: Images in the store.
        split: As in `hilum.data.splits.parse_split`; "auto": the official list if it has test images, else no split.
        exclude: Parts of the split whose patients are excluded, with all of their images, listed or not.
        seed: Random seed of the split and of the subset of patients.
        percent: Percentage of the remaining patients to select at random, 0 < percent ≤ 100.

    Raises:
        HilumError: No image remains, or an unknown part.
    """
    unknown = [part for part in exclude if part not in ("train", "val", "test")]
    if unknown:
        raise HilumError(
            "--exclude-split", expected="train, val or test", found=", ".join(unknown), fix="Use one of these."
        )
    can_be_read = set(readable)
    here = [image_id for image_id in data.manifest["image_id"] if image_id in can_be_read]
    notes = []
    if len(here) < len(data.manifest):
        notes.append(note(Code.UNREADABLE_IMAGES, images=len(data.manifest) - len(here)))
    title, excluded = f"{data.name}, all images", frozenset[str]()
    if exclude and split == AUTO and "test" not in data.manifest["split"]:
        notes.append(note(Code.NO_TEST_LIST))
    elif exclude:
        divided = parse_split(data.manifest, split, seed=seed)
        patients = held_out_patients(data.manifest, divided, exclude)
        rows = data.manifest.filter(pl.col("patient_id").is_in(list(patients)))
        excluded = frozenset(data.patients(rows["image_id"].to_list()))
        parts = " and ".join(exclude)
        title = f"{data.name}, all but {parts} of {divided.title}"
        remaining = _without(data, here, excluded)
        if len(remaining) < len(here):
            images = len(here) - len(remaining)
            notes.append(note(Code.EXCLUDED_PATIENTS, images=images, patients=len(excluded), parts=parts))
        here = remaining
    if percent < 100 and here:
        chosen = set(sample_patients(pl.Series(data.patients(here), dtype=pl.String), percent, seed))
        here = [image_id for image_id, patient in zip(here, data.patients(here), strict=True) if patient in chosen]
        title += f", {percent:g} % of the patients at random (s{seed})"
    return _not_empty(data, Pool(here, title, notes, excluded))


def without_excluded_elsewhere(data: Mapping[str, NamedData], pools: Mapping[str, Pool]) -> dict[str, Pool]:
    """Exclude from each pool the patients that another data set excludes.

    For example, RSNA Pneumonia and ChestX-ray14 share images: a test patient of one must not be in the pool of the
    other (data leakage).

    Args:
        data: Data sets by name.
        pools: Pool of each.

    Raises:
        HilumError: No image of a data set remains.
    """
    excluded = frozenset[str]().union(*(pool.excluded_patients for pool in pools.values()))
    cleared = {}
    for name, pool in pools.items():
        remaining = _without(data[name], pool.image_ids, excluded)
        images = len(pool.image_ids) - len(remaining)
        notes = pool.notes + [note(Code.EXCLUDED_ELSEWHERE, images=images)] * (images > 0)
        cleared[name] = _not_empty(data[name], replace(pool, image_ids=remaining, notes=notes))
    return cleared


def pool_of_all(pools: Mapping[str, Pool], images: PooledImages) -> Pool:
    """Describe the pools of several data sets as one pool."""
    if len(pools) == 1:
        return next(iter(pools.values()))
    texts = [
        f"{pool.title} ({part.images:,} images of {part.patients:,} patients)"
        for pool, part in zip(pools.values(), images.parts, strict=True)
    ]
    notes = [each.about(each.subject or name) for name, pool in pools.items() for each in pool.notes]
    shared = sum(part.patients for part in images.parts) - len(set(images.patient_ids))
    if shared:
        notes.append(note(Code.PATIENTS_IN_SEVERAL, patients=shared))
    return Pool(images.image_ids, "; ".join(texts), notes)


def describe_initial_weights(directory: Path) -> InitialWeights:
    """Describe the weights in a directory.

    Hilum loads only complete weights; the report of an import lists keys that the published file lacked and that were
    filled with neutral values.
    """
    with safetensors.safe_open(directory / ENCODER_WEIGHTS, framework="numpy") as tensors:
        keys = len(list(tensors.keys()))
    report = directory / REPORT
    neutral = json.loads(report.read_text(encoding="utf-8"))["neutral"] if report.is_file() else []
    card = read_card(directory)
    trained_on = describe_statements(card.statements)
    if card.training_patients:
        trained_on = (
            f"{card.n_training_images:,} images in the last run, {len(card.training_patients):,} patients in total; "
            f"before: {trained_on}"
        )
    return InitialWeights(directory, keys - len(neutral), list(neutral), trained_on)


def already_done(
    directory: Path,
    *,
    method: str,
    encoder: str,
    start: Path | None,
    settings: PretextSettings,
    recipe: list[Any],
    pool: Pool,
    probed: ProbedImages | None,
    seed: int,
) -> bool:
    """Check whether a directory contains the weights of exactly this run.

    Args:
        directory: Directory of the run.
        method, encoder, seed: Pretraining method, architecture and random seed.
        settings: Complete settings (`hilum.pretext.settings.pretext.PretextSettings.filled`).
        start: Directory of the initial weights; None: random.
        recipe: Preprocessing of the images.
        pool: Images to train on.
        probed: Images of the online probe.
    """
    if not (directory / CARD).is_file():
        return False
    card = read_card(directory)
    wanted = {
        "method": method,
        "encoder": encoder,
        "starts_from": read_card(start).sha256 if start else "random",
        "settings": settings.fingerprint_fields(),
        "preprocessing": recipe,
        "split": pool.title,
        "n_training_images": len(pool.image_ids),
        "probe": probed.digest if probed else "",
        "seed": seed,
    }
    found = card.model_dump(include=set(wanted))
    return fingerprint(found) == fingerprint(wanted)


def _without(data: NamedData, image_ids: Sequence[str], excluded: frozenset[str]) -> list[str]:
    patients = data.patients(list(image_ids))
    return [image_id for image_id, patient in zip(image_ids, patients, strict=True) if patient not in excluded]


def _not_empty(data: NamedData, pool: Pool) -> Pool:
    if not pool.image_ids:
        raise HilumError(
            f"--data {data.name}",
            expected="images to train on",
            found="none",
            fix="Add images, or exclude fewer.",
        )
    return pool
