"""Whose labels a pretraining run is probed with: never those of test patients."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.labelled_films import LabelledFilms
from hilum.data.labels import LabelPolicy, targets
from hilum.data.manifest import finding_columns
from hilum.data.named import NamedData
from hilum.data.pooled import pooled_ids
from hilum.data.splits import some_patients, told_split
from hilum.data.store import Store
from hilum.errors import HilumError
from hilum.pretext.probed_films import ProbedFilms, probed_films
from hilum.study.prepare import Prepared
from hilum.study.pretraining import Pool

NO_FINDING = "No Finding"
_HALF = 50.0  # percent of the validation patients, to fit
_HELD_BACK = 20.0  # percent of the patients, to score, where the split's own validation patients are not learnt from


def labels_of_pools(
    data: Mapping[str, NamedData], pools: Mapping[str, Pool], *, split: str, seed: int
) -> ProbedFilms | None:
    """Labels of the films that a run outside of a study learns from.

    Each data set is divided as for `hilum probe`: by the split that was asked for, the official list where it has test
    films, 60, 20 and 20 % of the patients elsewhere. Probes are fitted to films of training patients and scored on
    films of validation patients, as far as these are in the pool; where none are, a fifth of its training patients are
    held back from the fit. Uncertain and unmentioned findings count as absent.

    Args:
        data: by name.
        pools: of each, what is learnt from.
        split, seed: as for `hilum.study.pretraining.pretraining_pool`.

    Returns:
        Films under the names that the pool's store has for them; None without labels that would do.
    """
    findings = sorted({name for each in data.values() for name in _findings(each)})
    parts: dict[str, list[LabelledFilms]] = {"train": [], "val": []}
    tested: set[str] = set()
    for name, each in data.items():
        try:
            divided = told_split(each.manifest, split, seed=seed).assignment
        except HilumError:  # too few patients
            return None
        tested |= set(each.patients(divided.filter(pl.col("split") == "test")["image_id"].to_list()))
        if _findings(each):
            called = list if len(data) == 1 else partial(pooled_ids, name)
            for part, films in _divided(each, pools[name].image_ids, divided, seed).items():
                parts[part].append(_labelled(each, films, findings, called))
    train, val = (_without_patients(_joined(parts[part], findings), tested) for part in ("train", "val"))
    return probed_films(findings, train, val, seed=seed)


def labels_of_task(prepared: Prepared, store: Store | None = None) -> ProbedFilms | None:
    """Labels of a study's validation patients, for a pretraining on the task's own data set.

    No label of a training patient is read: the labels of validation patients are those that a study has at every
    share of labelled training patients (`task.labelled`), so that the epoch that is kept depends on none, and changing
    the share pretrains nothing again. Probes are fitted to one half of these patients and scored on the other.

    Args:
        prepared: the study's data.
        store: leaves out the films that it does not hold; None: all that the tables have.
    """
    study, task = prepared.study, prepared.task
    films = task.val if store is None else task.val.only(set(store.image_ids))
    if not films.image_ids:
        return None
    patients = pl.Series(films.patient_ids, dtype=pl.String)
    fitted = set(some_patients(patients, _HALF, study.task.split.seed))
    rows = list(zip(films.image_ids, films.patient_ids, strict=True))
    to_fit, to_score = (
        films.only({image_id for image_id, patient in rows if (patient in fitted) is inside})
        for inside in (True, False)
    )
    return probed_films(list(study.task.findings), to_fit, to_score, seed=study.task.split.seed)


def _findings(data: NamedData) -> list[str]:
    here = finding_columns(data.manifest)
    return [name for name in here if name != NO_FINDING] or here


def _divided(data: NamedData, pool: list[str], divided: pl.DataFrame, seed: int) -> dict[str, list[str]]:
    """Films of the pool to fit to and to score."""
    part_of = dict(divided.select("image_id", "split").iter_rows())
    films = {part: [each for each in pool if part_of.get(each) == part] for part in ("train", "val")}
    if films["train"] and not films["val"]:
        patients = data.patients(films["train"])
        held = set(some_patients(pl.Series(patients, dtype=pl.String), _HELD_BACK, seed))
        every = list(zip(films["train"], patients, strict=True))
        films = {
            "train": [each for each, patient in every if patient not in held],
            "val": [each for each, patient in every if patient in held],
        }
    return films


def _labelled(
    data: NamedData, image_ids: list[str], findings: list[str], called: Callable[[list[str]], list[str]]
) -> LabelledFilms:
    """With a column for every finding; NaN for those that this data set does not have."""
    own = _findings(data)
    rows = data.manifest.filter(pl.col("image_id").is_in(image_ids))
    ids, values = targets(rows, own, LabelPolicy().for_scoring())
    every = np.full((len(ids), len(findings)), np.nan, dtype=np.float32)
    every[:, [findings.index(name) for name in own]] = values
    return LabelledFilms(called(ids), data.patients(ids), every)


def _joined(parts: list[LabelledFilms], findings: list[str]) -> LabelledFilms:
    values: list[NDArray[np.float32]] = [part.targets for part in parts]
    return LabelledFilms(
        [each for part in parts for each in part.image_ids],
        [each for part in parts for each in part.patient_ids],
        np.concatenate([*values, np.empty((0, len(findings)), np.float32)]),
    )


def _without_patients(films: LabelledFilms, patients: set[str]) -> LabelledFilms:
    return films.only(
        {each for each, patient in zip(films.image_ids, films.patient_ids, strict=True) if patient not in patients}
    )
