"""One pretraining outside of a study: whose films it may learn from, where it starts, and whether it is done."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import safetensors

from hilum.artifacts import fingerprint
from hilum.data.named import NamedData
from hilum.data.splits import told_split
from hilum.encoders.card import CARD, read_card
from hilum.encoders.published.importing import REPORT
from hilum.encoders.published.statements import statements_in_words
from hilum.encoders.weights import ENCODER_WEIGHTS
from hilum.errors import HilumError
from hilum.pretext.methods import method_settings
from hilum.pretext.settings import PretextSettings

AUTO = "auto"


@dataclass(frozen=True)
class Pool:
    """Films to learn from.

    Attributes:
        image_ids: of the films.
        title: of the pool, for the card of the weights.
        notes: what was left out and why, one sentence each.
    """

    image_ids: list[str]
    title: str
    notes: list[str]


@dataclass(frozen=True)
class Start:
    """Weights that a run starts from.

    Attributes:
        directory: of them.
        matched: tensors that the encoder takes from them.
        missing: keys of the encoder that they lack.
        seen: what films they have seen, in words.
    """

    directory: Path
    matched: int
    missing: list[str]
    seen: str


def pretraining_pool(
    data: NamedData, readable: Sequence[str], *, split: str = AUTO, exclude: Sequence[str] = ("test",), seed: int = 0
) -> Pool:
    """All films of a data set but those of patients in excluded parts of a split.

    Args:
        data: the data set. Its labels are not looked at, but where the split deals patients out evenly by findings.
        readable: films that the store holds.
        split: as in `hilum.data.splits.told_split`; "auto": the official list where it has test films, none elsewhere.
        exclude: parts of the split whose patients' films are left out, all of them, listed or not.
        seed: of the split.

    Raises:
        HilumError: no film is left, or a part that no split has.
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
        notes.append(f"{len(data.manifest) - len(here):,} films could not be read and were set aside")
    if not exclude:
        return _not_empty(data, Pool(here, f"{data.name}, all films", notes))
    if split == AUTO and "test" not in data.manifest["split"]:
        notes.append("no official test list: all films are learnt from; to probe them later, say --split patients")
        return _not_empty(data, Pool(here, f"{data.name}, all films", notes))
    divided = told_split(data.manifest, split, seed=seed)
    left_out = set(divided.assignment.filter(pl.col("split").is_in(list(exclude)))["patient_id"])
    patient_of = dict(data.manifest.select("image_id", "patient_id").iter_rows())
    kept = [image_id for image_id in here if patient_of[image_id] not in left_out]
    parts = " and ".join(exclude)
    if len(kept) < len(here):
        notes.append(f"{len(here) - len(kept):,} films of {len(left_out):,} {parts} patients are not learnt from")
    return _not_empty(data, Pool(kept, f"{data.name}, all but {parts} of {divided.title}", notes))


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
    seen = statements_in_words(card.statements)
    if card.patients_seen:
        seen = (
            f"{card.images_seen:,} films in its last run, {len(card.patients_seen):,} patients in all; before: {seen}"
        )
    return Start(directory, keys - len(neutral), list(neutral), seen)


def already_done(
    directory: Path,
    *,
    method: str,
    encoder: str,
    start: Path | None,
    settings: PretextSettings,
    recipe: list[Any],
    pool: Pool,
    seed: int,
) -> bool:
    """Whether a directory holds the weights of this very run.

    Args:
        directory: where they would be.
        method, encoder, settings, seed: of the run.
        start: directory of the weights that it starts from; None for random ones.
        recipe: of the films.
        pool: that it learns from.
    """
    if not (directory / CARD).is_file():
        return False
    card = read_card(directory)
    decisive = settings.decisive() | {"options": method_settings(method, settings.options).model_dump()}
    wanted = {
        "method": method,
        "encoder": encoder,
        "starts_from": read_card(start).sha256 if start else "random",
        "settings": decisive,
        "preprocessing": recipe,
        "split": pool.title,
        "images_seen": len(pool.image_ids),
        "seed": seed,
    }
    found = card.model_dump(include=set(wanted))
    return fingerprint(found) == fingerprint(wanted)


def _not_empty(data: NamedData, pool: Pool) -> Pool:
    if not pool.image_ids:
        raise HilumError(
            f"--data {data.name}", expected="films to learn from", found="none", fix="Give more films, or exclude less."
        )
    return pool
