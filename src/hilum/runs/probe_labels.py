"""Labels for the online probe of a pretraining run, without those of test patients."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.labelled_images import LabelledImages
from hilum.data.labels import LabelPolicy, targets
from hilum.data.splits import parse_split, sample_patients
from hilum.data.store import NamedData, pooled_ids
from hilum.errors import HilumError
from hilum.pretext.monitoring import ProbedImages, probed_images
from hilum.runs.inputs.data import findings_of
from hilum.runs.pools.pretraining_pool import Pool

_HELD_OUT = 20.0  # percent of the training patients, to score, if no validation patients are in the pool


def labels_of_pools(
    data: Mapping[str, NamedData], pools: Mapping[str, Pool], *, split: str, seed: int
) -> ProbedImages | None:
    """Read the labels of the images that a run without a study trains on.

    Each data set is split as for `hilum probe`: by the given split; by default the official list if it has test images,
    else 60, 20 and 20 % of the patients. Probes are fitted to training patients and scored on validation patients, as
    far as these are in the pool; if none are, a fifth of its training patients is held out from the fit. Uncertain and
    unmentioned findings count as negative.

    Args:
        data: Data sets by name.
        pools: Images of each data set to train on.
        split, seed: As for `hilum.runs.pools.pretraining_pool.pretraining_pool`.

    Returns:
        Images under their names in the pool's store; None without suitable labels.
    """
    findings = sorted({name for each in data.values() for name in findings_of(each)})
    parts: dict[str, list[LabelledImages]] = {"train": [], "val": []}
    tested: set[str] = set()
    for name, each in data.items():
        try:
            divided = parse_split(each.manifest, split, seed=seed).assignment
        except HilumError:  # too few patients for a split
            return None
        tested |= set(each.patients(divided.filter(pl.col("split") == "test")["image_id"].to_list()))
        if findings_of(each):
            called = list if len(data) == 1 else partial(pooled_ids, name)
            for part, images in _divided(each, pools[name].image_ids, divided, seed).items():
                parts[part].append(_labelled(each, images, findings, called))
    train, val = (_without_patients(_joined(parts[part], findings), tested) for part in ("train", "val"))
    return probed_images(findings, train, val, seed=seed)


def _divided(data: NamedData, pool: list[str], divided: pl.DataFrame, seed: int) -> dict[str, list[str]]:
    """Return the images of the pool to fit to and to score."""
    part_of = dict(divided.select("image_id", "split").iter_rows())
    images = {part: [each for each in pool if part_of.get(each) == part] for part in ("train", "val")}
    if images["train"] and not images["val"]:
        patients = data.patients(images["train"])
        held = set(sample_patients(pl.Series(patients, dtype=pl.String), _HELD_OUT, seed))
        every = list(zip(images["train"], patients, strict=True))
        images = {
            "train": [each for each, patient in every if patient not in held],
            "val": [each for each, patient in every if patient in held],
        }
    return images


def _labelled(
    data: NamedData, image_ids: list[str], findings: list[str], called: Callable[[list[str]], list[str]]
) -> LabelledImages:
    """Return images with a column for every finding, NaN for those that this data set does not label."""
    own = findings_of(data)
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
