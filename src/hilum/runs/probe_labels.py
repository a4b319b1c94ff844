"""Whose labels a pretraining run is probed with: never those of test patients."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.labelled_images import LabelledImages
from hilum.data.labels import LabelPolicy, targets
from hilum.data.manifest import finding_columns
from hilum.data.splits import parse_split, sample_patients
from hilum.data.store import NamedData, pooled_ids
from hilum.errors import HilumError
from hilum.pretext.monitoring import ProbedImages, probed_images
from hilum.runs.pretraining_pool import Pool

NO_FINDING = "No Finding"
_HELD_BACK = 20.0  # percent of the patients, to score, where the split's own validation patients are not learnt from


def labels_of_pools(
    data: Mapping[str, NamedData], pools: Mapping[str, Pool], *, split: str, seed: int
) -> ProbedImages | None:
    """Labels of the images that a run outside of a study learns from.

    Each data set is divided as for `hilum probe`: by the split that was asked for, the official list where it has test
    images, 60, 20 and 20 % of the patients elsewhere. Probes are fitted to images of training patients and scored on
    images of validation patients, as far as these are in the pool; where none are, a fifth of its training patients are
    held back from the fit. Uncertain and unmentioned findings count as absent.

    Args:
        data: by name.
        pools: of each, what is learnt from.
        split, seed: as for `hilum.runs.pretraining_pool.pretraining_pool`.

    Returns:
        Images under the names that the pool's store has for them; None without labels that would do.
    """
    findings = sorted({name for each in data.values() for name in _findings(each)})
    parts: dict[str, list[LabelledImages]] = {"train": [], "val": []}
    tested: set[str] = set()
    for name, each in data.items():
        try:
            divided = parse_split(each.manifest, split, seed=seed).assignment
        except HilumError:  # too few patients
            return None
        tested |= set(each.patients(divided.filter(pl.col("split") == "test")["image_id"].to_list()))
        if _findings(each):
            called = list if len(data) == 1 else partial(pooled_ids, name)
            for part, images in _divided(each, pools[name].image_ids, divided, seed).items():
                parts[part].append(_labelled(each, images, findings, called))
    train, val = (_without_patients(_joined(parts[part], findings), tested) for part in ("train", "val"))
    return probed_images(findings, train, val, seed=seed)


def _findings(data: NamedData) -> list[str]:
    here = finding_columns(data.manifest)
    return [name for name in here if name != NO_FINDING] or here


def _divided(data: NamedData, pool: list[str], divided: pl.DataFrame, seed: int) -> dict[str, list[str]]:
    """Images of the pool to fit to and to score."""
    part_of = dict(divided.select("image_id", "split").iter_rows())
    images = {part: [each for each in pool if part_of.get(each) == part] for part in ("train", "val")}
    if images["train"] and not images["val"]:
        patients = data.patients(images["train"])
        held = set(sample_patients(pl.Series(patients, dtype=pl.String), _HELD_BACK, seed))
        every = list(zip(images["train"], patients, strict=True))
        images = {
            "train": [each for each, patient in every if patient not in held],
            "val": [each for each, patient in every if patient in held],
        }
    return images


def _labelled(
    data: NamedData, image_ids: list[str], findings: list[str], called: Callable[[list[str]], list[str]]
) -> LabelledImages:
    """With a column for every finding; NaN for those that this data set does not have."""
    own = _findings(data)
    rows = data.manifest.filter(pl.col("image_id").is_in(image_ids))
    ids, values = targets(rows, own, LabelPolicy().for_scoring())
    every = np.full((len(ids), len(findings)), np.nan, dtype=np.float32)
    every[:, [findings.index(name) for name in own]] = values
    return LabelledImages(called(ids), data.patients(ids), every)


def _joined(parts: list[LabelledImages], findings: list[str]) -> LabelledImages:
    values: list[NDArray[np.float32]] = [part.targets for part in parts]
    return LabelledImages(
        [each for part in parts for each in part.image_ids],
        [each for part in parts for each in part.patient_ids],
        np.concatenate([*values, np.empty((0, len(findings)), np.float32)]),
    )


def _without_patients(images: LabelledImages, patients: set[str]) -> LabelledImages:
    return images.only(
        {each for each, patient in zip(images.image_ids, images.patient_ids, strict=True) if patient not in patients}
    )
