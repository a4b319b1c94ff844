"""From a study and the folders of its data to images, splits and targets; no pixel is read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from hilum.data.collections import Collected, read_collection
from hilum.data.labelled_images import LabelledImages
from hilum.data.labels import Cohort, choose, keep_only, targets, task_images
from hilum.data.patients import issuer_of, own_patients_named, own_salt
from hilum.data.recipe import Recipe, parse_recipe
from hilum.data.splits import (
    Split,
    check_patients_apart,
    label_fraction,
    listed_split,
    paper_split,
    patient_split,
    some_patients,
)
from hilum.data.store import hidden, is_ingested, read_ingested
from hilum.errors import HilumError
from hilum.study.data import PreparedData
from hilum.study.file import DataSet, ListedSplit, PaperSplit, PatientSplit, Pretrained, Study
from hilum.study.identity import Identity, identify


@dataclass(frozen=True)
class PreparedTask:
    """What training and selection may know of the task: no test label is in here.

    Attributes:
        manifest: the images of the task, with the codes that it reads.
        split: of these images.
        train, val: images with targets; all of them, whatever share of the labels may be used.
        labelled_ids: of each seed, the images of `train` whose labels may be used. Every seed draws its own patients,
            so that intervals over seeds hold for another draw; those of a smaller share are among those of a larger
            one.
        test_ids: images to score. Their labels are read by `hilum.study.plan.predictions`, after all training is done.
    """

    manifest: pl.DataFrame
    split: Split
    train: LabelledImages
    val: LabelledImages
    test_ids: list[str]
    labelled_ids: Mapping[int, Collection[str]]

    def train_of(self, seed: int) -> LabelledImages:
        """The training images whose labels a replicate may use."""
        return self.train.only(self.labelled_ids[seed])


@dataclass(frozen=True)
class Prepared:
    """A study's data, ready for its steps."""

    study: Study
    recipe: Recipe
    data: Mapping[str, PreparedData]
    task: PreparedTask
    identity: Identity

    @property
    def labelled(self) -> PreparedData:
        """The data set that the task is on."""
        return self.data[self.study.labelled_data]

    @property
    def labelled_images(self) -> int:
        """Training images whose labels may be used, by the first seed's draw; presets go by it for all seeds."""
        return len(self.task.labelled_ids[self.study.seeds[0]])

    def pretraining_ids(self, name: str, percent: float = 100) -> list[str]:
        """Images of a data set that pretraining may see: all, but those of validation or test patients.

        Patients are known by their full names over all data sets, and by copies of their images; see
        `hilum.study.identity`.

        Args:
            name: of the data set.
            percent: of these patients, by lot.
        """
        image_ids = self.identity.pools[name]
        if percent == 100 or not image_ids:
            return image_ids
        patients = self.data[name].patients(image_ids)
        chosen = set(some_patients(pl.Series(patients), percent, self.study.task.split.seed))
        return [image_id for image_id, patient in zip(image_ids, patients, strict=True) if patient in chosen]

    def stored_images(self, name: str) -> pl.DataFrame:
        """The images of a data set that the study decodes: those of the task, and those that an arm learns from."""
        manifest, study = self.data[name].manifest, self.study
        if name != study.labelled_data:
            return manifest
        used = set(self.task.manifest["image_id"])
        if name in study.pretraining_data:
            used |= set(self.pretraining_ids(name))
        return manifest.filter(pl.Series([image_id in used for image_id in manifest["image_id"]], dtype=pl.Boolean))

    def pool_of(self, init: Pretrained) -> dict[str, list[str]]:
        """Images that one pretraining learns from, by data set."""
        return {name: self.pretraining_ids(name, percent) for name, percent in init.shares.items()}


def prepare(study: Study, roots: Mapping[str, Path], *, allow_missing: bool = False) -> Prepared:
    """Read every data set's tables, divide patients and read the labels of training and validation images.

    Args:
        study: the study.
        roots: folder of each data set.
        allow_missing: take images whose file is not there, as `hilum.data.collections.read_collection` does.

    Raises:
        HilumError: a folder is missing, a table is wrong, or the split leaves a part empty.
    """
    data = {name: _read(study, name, _root(name, roots), allow_missing) for name in study.data}
    own_patients_named(
        {name: each.manifest["patient_id"] for name, each in data.items()},
        {name: each.issuer for name, each in data.items()},
    )
    task = _prepare_task(study, data[study.labelled_data])
    prepared = Prepared(study, parse_recipe(study.preprocess), data, task, identify(study, data, task.split))
    for name, arm in study.arms.items():
        if isinstance(arm.init, Pretrained) and not any(prepared.pool_of(arm.init).values()):
            raise HilumError(
                f"arms.{name}.init.on",
                expected="images to learn from, of patients who neither validate nor test",
                found=f"none in {' and '.join(arm.init.shares)}",
                fix="Name other data sets, or a split that leaves patients to train on.",
            )
    return prepared


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


def _read(study: Study, name: str, root: Path, allow_missing: bool) -> PreparedData:
    collected, issuer = _as_found(study.data[name], name, root, allow_missing)
    settings = study.data[name]
    manifest = _usable(collected.manifest, settings)
    known = settings.collection != "folder" or settings.issuer is not None or issuer != name
    return PreparedData(name, collected, manifest, issuer, known)


def _as_found(settings: DataSet, name: str, root: Path, allow_missing: bool) -> tuple[Collected, str]:
    """A data set from its native files, or as it was ingested, and the issuer of its patients."""
    options = {"labels": settings.labels, "release": settings.release, "labeller": settings.labeller}
    if is_ingested(root):
        given = {f"data.{name}.{option}": value for option, value in options.items() if value}
        ingested = read_ingested(name, root, given, issuer=settings.issuer)
        collected, issuer = ingested.collected, ingested.issuer
        if collected.name != settings.collection:
            fix = "Write that collection into the study, or give the folder of the other."
            raise HilumError(f"data.{name}.collection", expected=collected.name, found=settings.collection, fix=fix)
        if not collected.root.is_dir():
            fix = "Bring the images back, or ingest them again from where they are."
            raise HilumError(collected.root, expected=f"the images of {root}", found="no such folder", fix=fix)
    else:
        labels = root / settings.labels if settings.labels else None
        collected = read_collection(
            settings.collection,
            root,
            allow_missing=allow_missing,
            labels=labels,
            release=settings.release,
            labeller=settings.labeller,
        )
        issuer = issuer_of(root, settings.collection, settings.issuer or name)
    if settings.hash_patients:
        collected = hidden(collected, issuer, own_salt(), f"data.{name}.hash_patients")
    return collected, issuer


def _usable(manifest: pl.DataFrame, settings: DataSet) -> pl.DataFrame:
    """The images that the study file lets a data set give."""
    wanted = settings.images
    if settings.only:
        manifest = keep_only(manifest, settings.only)
    if wanted.views:
        manifest = choose(manifest, Cohort(views=wanted.views if wanted.views == "frontal" else tuple(wanted.views)))
    return manifest.filter(pl.col("split").is_in(wanted.lists)) if wanted.lists else manifest


def _prepare_task(study: Study, data: PreparedData) -> PreparedTask:
    task = study.task
    images = replace(data.collected, manifest=data.manifest)
    manifest = task_images(images, task.findings, task.policy(), task.images.cohort())
    split = make_split(manifest, task.split, data.collected.name)
    check_patients_apart(split.assignment, f"task.split ({split.title})", sharing=split.sharing)
    part = dict(zip(split.assignment["image_id"], split.assignment["split"], strict=True))
    for name in ("train", "val", "test"):
        if name not in part.values():
            raise HilumError(
                "task.split",
                expected="images in train, validation and test",
                found=f"no {name} image of {data.name} in {split.title}",
                fix="Choose another split, or mend the lists.",
            )
    open_rows = manifest.filter(pl.col("image_id").replace_strict(part, default=None).is_in(["train", "val"]))
    ids, values = targets(open_rows, task.findings, task.policy())
    train = _labelled_images(data, ids, values, [part[image_id] == "train" for image_id in ids])
    here = Split(split.name, split.assignment.filter(pl.col("image_id").is_in(train.image_ids)))
    return PreparedTask(
        manifest=manifest,
        split=split,
        train=train,
        labelled_ids={
            seed: frozenset(label_fraction(here, task.labelled, seed).image_ids("train")) for seed in study.seeds
        },
        val=_labelled_images(data, ids, values, [part[image_id] == "val" for image_id in ids]),
        test_ids=[image_id for image_id in manifest["image_id"] if part.get(image_id) == "test"],
    )


def _labelled_images(
    data: PreparedData, ids: list[str], values: np.ndarray[tuple[int, int], np.dtype[np.float32]], chosen: list[bool]
) -> LabelledImages:
    rows = np.flatnonzero(chosen)
    image_ids = [ids[row] for row in rows]
    return LabelledImages(image_ids=image_ids, patient_ids=data.patients(image_ids), targets=values[rows])
