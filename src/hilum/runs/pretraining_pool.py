"""One pretraining outside of a study: whose images it may learn from, where it starts, and whether it is done."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import safetensors

from hilum.artifacts import fingerprint
from hilum.data.splits import held_out_patients, parse_split, some_patients
from hilum.data.store import NamedData
from hilum.encoders.card import CARD, read_card
from hilum.encoders.published import REPORT
from hilum.encoders.statements import statements_in_words
from hilum.encoders.weights import ENCODER_WEIGHTS
from hilum.errors import HilumError
from hilum.pretext.monitoring import ProbedImages
from hilum.pretext.settings import PretextSettings
from hilum.runs.pools import PooledImages

AUTO = "auto"


@dataclass(frozen=True)
class Pool:
    """Images to learn from.

    Attributes:
        image_ids: of the images.
        title: of the pool, for the card of the weights.
        notes: what was left out and why, one sentence each.
        left_out: full names of the patients in excluded parts of the split.
    """

    image_ids: list[str]
    title: str
    notes: list[str]
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Start:
    """Weights that a run starts from.

    Attributes:
        directory: of them.
        matched: tensors that the encoder takes from them.
        missing: keys of the encoder that they lack.
        trained_on: what images they were trained on, in words.
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
    """All images of a data set but those of patients in excluded parts of a split.

    Args:
        data: the data set. Its labels are not looked at, but where the split deals patients out evenly by findings.
        readable: images that the store holds.
        split: as in `hilum.data.splits.parse_split`; "auto": the official list where it has test images, none
            elsewhere.
        exclude: parts of the split whose patients' images are left out, all of them, listed or not.
        seed: of the split, and of the share.
        percent: of the patients left, by lot; 0 < percent ≤ 100.

    Raises:
        HilumError: no image is left, or a part that no split has.
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
        notes.append(f"{len(data.manifest) - len(here):,} images could not be read and were set aside")
    title, left_out = f"{data.name}, all images", frozenset[str]()
    if exclude and split == AUTO and "test" not in data.manifest["split"]:
        notes.append("no official test list: all images are learnt from; to probe them later, say --split patients")
    elif exclude:
        divided = parse_split(data.manifest, split, seed=seed)
        patients = held_out_patients(data.manifest, divided, exclude)
        rows = data.manifest.filter(pl.col("patient_id").is_in(list(patients)))
        left_out = frozenset(data.patients(rows["image_id"].to_list()))
        parts = " and ".join(exclude)
        title = f"{data.name}, all but {parts} of {divided.title}"
        remaining = _without(data, here, left_out)
        if len(remaining) < len(here):
            notes.append(
                f"{len(here) - len(remaining):,} images of {len(left_out):,} {parts} patients are not learnt from"
            )
        here = remaining
    if percent < 100 and here:
        chosen = set(some_patients(pl.Series(data.patients(here), dtype=pl.String), percent, seed))
        here = [image_id for image_id, patient in zip(here, data.patients(here), strict=True) if patient in chosen]
        title += f", {percent:g} % of the patients by lot (s{seed})"
    return _not_empty(data, Pool(here, title, notes, left_out))


def apart(data: Mapping[str, NamedData], pools: Mapping[str, Pool]) -> dict[str, Pool]:
    """Pools of several data sets without images of patients whom another one leaves out.

    RSNA's images are ChestX-ray14's: a test patient of the one would be learnt from under the name of the other.

    Args:
        data: by name.
        pools: of each.

    Raises:
        HilumError: nothing is left of one.
    """
    left_out = frozenset[str]().union(*(pool.left_out for pool in pools.values()))
    cleared = {}
    for name, pool in pools.items():
        remaining = _without(data[name], pool.image_ids, left_out)
        images = len(pool.image_ids) - len(remaining)
        note = f"{images:,} images of patients whom another data set leaves out are not learnt from"
        cleared[name] = _not_empty(
            data[name], replace(pool, image_ids=remaining, notes=pool.notes + [note] * (images > 0))
        )
    return cleared


def pool_of_all(pools: Mapping[str, Pool], images: PooledImages) -> Pool:
    """Description of the pools of several data sets, as of one."""
    if len(pools) == 1:
        return next(iter(pools.values()))
    texts = [
        f"{pool.title} ({part.images:,} images of {part.patients:,} patients)"
        for pool, part in zip(pools.values(), images.parts, strict=True)
    ]
    notes = [f"{name}: {note}" for name, pool in pools.items() for note in pool.notes]
    shared = sum(part.patients for part in images.parts) - len(set(images.patient_ids))
    if shared:
        notes.append(f"{shared:,} patients are counted again: they are in more than one of the data sets")
    return Pool(images.image_ids, "; ".join(texts), notes)


def describe_start(directory: Path) -> Start:
    """How the weights of a directory fill their encoder.

    Hilum loads weights completely or not at all; what a published file lacked and was filled neutrally is in the
    report of its import.
    """
    with safetensors.safe_open(directory / ENCODER_WEIGHTS, framework="numpy") as tensors:
        keys = len(list(tensors.keys()))
    report = directory / REPORT
    neutral = json.loads(report.read_text(encoding="utf-8"))["neutral"] if report.is_file() else []
    card = read_card(directory)
    trained_on = statements_in_words(card.statements)
    if card.training_patients:
        trained_on = (
            f"{card.n_training_images:,} images in its last run, {len(card.training_patients):,} patients in all; "
            f"before: {trained_on}"
        )
    return Start(directory, keys - len(neutral), list(neutral), trained_on)


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
    """Whether a directory holds the weights of this very run.

    Args:
        directory: where they would be.
        method, encoder, seed: of the run.
        settings: of the run, filled (`hilum.pretext.settings.pretext.PretextSettings.filled`).
        start: directory of the weights that it starts from; None for random ones.
        recipe: of the images.
        pool: that it learns from.
        probed: whose labels it is probed with.
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


def _without(data: NamedData, image_ids: Sequence[str], left_out: frozenset[str]) -> list[str]:
    patients = data.patients(list(image_ids))
    return [image_id for image_id, patient in zip(image_ids, patients, strict=True) if patient not in left_out]


def _not_empty(data: NamedData, pool: Pool) -> Pool:
    if not pool.image_ids:
        raise HilumError(
            f"--data {data.name}",
            expected="images to learn from",
            found="none",
            fix="Give more images, or exclude less.",
        )
    return pool
