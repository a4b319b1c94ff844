"""From a study and the folders of its data to films, splits and targets; no pixel is read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from hilum.data.collections import Collected, read_collection
from hilum.data.labelled_films import LabelledFilms
from hilum.data.labels import keep_only, targets, task_films
from hilum.data.patients import issuer_of, patient_names
from hilum.data.preprocess import Recipe, parse_recipe
from hilum.data.splits import (
    Split,
    check_patients_apart,
    label_fraction,
    listed_split,
    paper_split,
    patient_split,
    some_patients,
)
from hilum.errors import HilumError
from hilum.study.pretraining_schema import Pretrained
from hilum.study.schema import Study
from hilum.study.task_schema import ListedSplit, PaperSplit, PatientSplit


@dataclass(frozen=True)
class PreparedData:
    """One data set, read.

    Attributes:
        name: in the study.
        collected: what its collection gave.
        manifest: the films that the study uses.
        issuer: who gave the patients their numbers.
    """

    name: str
    collected: Collected
    manifest: pl.DataFrame
    issuer: str

    def patients(self, image_ids: list[str]) -> list[str]:
        """Full names of the patients of films, by which the cards of encoders know them."""
        patient_of = self._patient_of
        return [patient_of[image_id] for image_id in image_ids]

    @cached_property
    def _patient_of(self) -> dict[str, str]:
        names = patient_names(self.manifest["patient_id"], self.issuer)
        return dict(zip(self.manifest["image_id"], names, strict=True))


@dataclass(frozen=True)
class PreparedTask:
    """What training and selection may know of the task: no test label is in here.

    Attributes:
        split: of the labelled data set.
        train, val: films with targets; all of them, whatever share of the labels may be used.
        labelled_ids: of each seed, the films of `train` whose labels may be used. Every seed draws its own patients, so
            that intervals over seeds hold for another draw; those of a smaller share are among those of a larger one.
        test_ids: films to score. Their labels are read by `hilum.study.scored_labels`, after all training is done.
        pool_ids: films of all training patients, labelled or not: what pretraining may see.
    """

    split: Split
    train: LabelledFilms
    val: LabelledFilms
    test_ids: list[str]
    pool_ids: list[str]
    labelled_ids: Mapping[int, Collection[str]]

    def train_of(self, seed: int) -> LabelledFilms:
        """The training films whose labels a replicate may use."""
        return self.train.only(self.labelled_ids[seed])


@dataclass(frozen=True)
class Prepared:
    """A study's data, ready for its steps."""

    study: Study
    recipe: Recipe
    data: Mapping[str, PreparedData]
    task: PreparedTask

    @property
    def labelled(self) -> PreparedData:
        """The data set that the task is on."""
        return self.data[self.study.labelled_data]

    @property
    def labelled_images(self) -> int:
        """Training images whose labels may be used, by the first seed's draw; presets go by it for all seeds."""
        return len(self.task.labelled_ids[self.study.seeds[0]])

    def pretraining_ids(self, name: str, percent: float = 100) -> list[str]:
        """Films of a data set that pretraining may see: never those of validation or test patients.

        Args:
            name: of the data set.
            percent: of these patients, by lot.
        """
        is_labelled = name == self.study.labelled_data
        image_ids = self.task.pool_ids if is_labelled else self.data[name].manifest["image_id"].to_list()
        if percent == 100 or not image_ids:
            return image_ids
        patients = self.data[name].patients(image_ids)
        chosen = set(some_patients(pl.Series(patients), percent, self.study.task.split.seed))
        return [image_id for image_id, patient in zip(image_ids, patients, strict=True) if patient in chosen]

    def pool_of(self, init: Pretrained) -> dict[str, list[str]]:
        """Films that one pretraining learns from, by data set."""
        return {name: self.pretraining_ids(name, percent) for name, percent in init.shares.items()}


def prepare(study: Study, roots: Mapping[str, Path]) -> Prepared:
    """Read every data set's tables, divide patients and read the labels of training and validation films.

    Args:
        study: the study.
        roots: folder of each data set.

    Raises:
        HilumError: a folder is missing, a table is wrong, or the split leaves a part empty.
    """
    data = {name: _read(study, name, _root(name, roots)) for name in study.data}
    return Prepared(study, parse_recipe(study.preprocess), data, _prepare_task(study, data[study.labelled_data]))


def make_split(manifest: pl.DataFrame, wanted: PatientSplit | ListedSplit | PaperSplit, collection: str) -> Split:
    """The split that a study asks for."""
    if isinstance(wanted, ListedSplit):
        return listed_split(manifest, wanted.lists, validation=wanted.validation, seed=wanted.seed)
    if isinstance(wanted, PaperSplit):
        return paper_split(wanted.paper, manifest, collection, validation=wanted.validation, seed=wanted.seed)
    return patient_split(manifest, wanted.patients, wanted.seed)


def _root(name: str, roots: Mapping[str, Path]) -> Path:
    if name not in roots:
        raise HilumError(
            f"--data {name}=ROOT", expected="the folder of this data set", found="none", fix=f"Add --data {name}=ROOT."
        )
    return roots[name]


def _read(study: Study, name: str, root: Path) -> PreparedData:
    settings = study.data[name]
    labels = root / settings.labels if settings.labels else None
    collected = read_collection(
        settings.collection, root, labels=labels, release=settings.release, labeller=settings.labeller
    )
    kept = keep_only(collected.manifest, settings.only) if settings.only else collected.manifest
    manifest = kept
    if name == study.labelled_data:
        task, films = study.task, replace(collected, manifest=kept)
        manifest = task_films(films, task.findings, task.policy(), task.films.cohort())
    return PreparedData(name, collected, manifest, issuer_of(root, settings.collection, settings.issuer or name))


def _prepare_task(study: Study, data: PreparedData) -> PreparedTask:
    task, manifest = study.task, data.manifest
    split = make_split(manifest, task.split, data.collected.name)
    check_patients_apart(split.assignment, f"task.split ({split.title})", sharing=split.sharing)
    part = dict(zip(split.assignment["image_id"], split.assignment["split"], strict=True))
    for name in ("train", "val", "test"):
        if name not in part.values():
            raise HilumError(
                "task.split",
                expected="films in train, validation and test",
                found=f"no {name} film of {data.name} in {split.title}",
                fix="Choose another split, or mend the lists.",
            )
    open_rows = manifest.filter(pl.col("image_id").replace_strict(part, default=None).is_in(["train", "val"]))
    ids, values = targets(open_rows, task.findings, task.policy())
    train = _labelled_films(data, ids, values, [part[image_id] == "train" for image_id in ids])
    here = Split(split.name, split.assignment.filter(pl.col("image_id").is_in(train.image_ids)))
    return PreparedTask(
        split=split,
        train=train,
        labelled_ids={
            seed: frozenset(label_fraction(here, task.labelled, seed).image_ids("train")) for seed in study.seeds
        },
        val=_labelled_films(data, ids, values, [part[image_id] == "val" for image_id in ids]),
        test_ids=[image_id for image_id in manifest["image_id"] if part.get(image_id) == "test"],
        pool_ids=[image_id for image_id in manifest["image_id"] if part.get(image_id) == "train"],
    )


def _labelled_films(
    data: PreparedData, ids: list[str], values: np.ndarray[tuple[int, int], np.dtype[np.float32]], chosen: list[bool]
) -> LabelledFilms:
    rows = np.flatnonzero(chosen)
    image_ids = [ids[row] for row in rows]
    return LabelledFilms(image_ids=image_ids, patient_ids=data.patients(image_ids), targets=values[rows])
