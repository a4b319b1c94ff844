"""Prepared data of a study: images, splits and targets of its tasks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from hilum.data.labelled_images import LabelledImages
from hilum.data.recipe import Recipe
from hilum.data.splits import Split, sample_patients
from hilum.runs.pools.copies import counted_once
from hilum.study.data import PreparedData
from hilum.study.file import Pretrained, Study
from hilum.study.file.section import percent_of
from hilum.study.identity import Identity


@dataclass(frozen=True)
class PreparedTask:
    """Data of a task for training and model selection, without test labels.

    Attributes:
        manifest: Images of the task, with label codes.
        split: Split of these images.
        train, val: All training and validation images with targets, at any label fraction.
        labelled_ids: Labelled training images of each seed. Every seed draws its own patients, so that confidence
            intervals include this variance; subsets of one seed are nested over label fractions.
        tested_patients: Full names of the test patients.
        without_features: Number of images excluded for lack of features, by part of the split.
        test_ids: Test images. `hilum.study.plan.predictions` reads their labels after all training.
    """

    manifest: pl.DataFrame
    split: Split
    train: LabelledImages
    val: LabelledImages
    test_ids: list[str]
    labelled_ids: Mapping[int, Collection[str]]
    tested_patients: Collection[str] = ()
    without_features: Mapping[str, int] = field(default_factory=dict)

    def train_of(self, seed: int) -> LabelledImages:
        """Return the labelled training images of a seed."""
        return self.train.only(self.labelled_ids[seed])


@dataclass(frozen=True)
class AllTasks:
    """Data that all tasks of a study share.

    Attributes:
        held: Validation, test and external test images of all tasks, by data set, in order.
        titles: Titles of the splits that hold them out, by data set.
        stored: Images to decode, by data set; data sets without a task are decoded completely.
        seed: Random seed of fractions of patients for pretraining; that of the first task's split.
        supervised: Data of each supervised start, by its directory (`hilum.study.file.views.start_directory`).
    """

    held: Mapping[str, Sequence[str]]
    titles: Mapping[str, Sequence[str]]
    stored: Mapping[str, Collection[str]]
    seed: int
    supervised: Mapping[str, "Prepared"] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """Prepared data of one task of a study at one label fraction.

    Attributes:
        study: Study of one task, see `hilum.study.file.views`.
        recipe: Preprocessing of the stored images.
        data: All data sets of the study.
        task: Data of the task.
        identity: Patient identities over all tasks.
        all_tasks: Data that all tasks share.
        external: Images of external test sets, by data set.
    """

    study: Study
    recipe: Recipe
    data: Mapping[str, PreparedData]
    task: PreparedTask
    identity: Identity
    all_tasks: AllTasks
    external: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def labelled(self) -> PreparedData:
        """The data set of the task."""
        return self.data[self.study.labelled_data]

    @property
    def labelled_images(self) -> int:
        """Number of labelled training images of the first seed, which determines presets for all seeds."""
        return len(self.task.labelled_ids[self.study.seeds[0]])

    def pretraining_ids(self, name: str, fraction: float = 1.0) -> list[str]:
        """Return the images of a data set for pretraining, without validation and test patients of any task.

        Patients are identified over all data sets; see `hilum.study.identity`.

        Args:
            name: Name of the data set.
            fraction: Fraction of these patients, drawn at random.
        """
        image_ids = self.identity.pools[name]
        if fraction == 1 or not image_ids:
            return image_ids
        patients = self.data[name].patients(image_ids)
        chosen = set(sample_patients(pl.Series(patients), percent_of(fraction), self.all_tasks.seed))
        return [image_id for image_id, patient in zip(image_ids, patients, strict=True) if patient in chosen]

    def stored_images(self, name: str) -> pl.DataFrame:
        """Return the images of a data set that the study decodes."""
        manifest, used = self.data[name].manifest, self.all_tasks.stored.get(name)
        if used is None:
            return manifest
        return manifest.filter(pl.Series([image_id in used for image_id in manifest["image_id"]], dtype=pl.Boolean))

    def reached_by(self, init: Pretrained) -> dict[str, list[str]]:
        """Return the images of one pretraining by data set, before duplicates are removed."""
        return {name: self.pretraining_ids(name, fraction) for name, fraction in init.fractions.items()}

    def pool_of(self, init: Pretrained) -> dict[str, list[str]]:
        """Return the images of one pretraining by data set, without duplicate files."""
        reached = self.reached_by(init)
        return counted_once({name: self.data[name] for name in reached}, reached, self.identity.equal)

    def counted_once(self, init: Pretrained) -> dict[str, int]:
        """Return the number of duplicate images removed from one pretraining, by data set."""
        reached, pool = self.reached_by(init), self.pool_of(init)
        twice = {name: len(reached[name]) - len(pool[name]) for name in pool}
        return {name: images for name, images in twice.items() if images}


@dataclass(frozen=True)
class PreparedStudy:
    """Prepared data of all tasks and label fractions of a study.

    Attributes:
        study: Study as read from its file.
        views: Prepared tasks by folder (`Study.place`), in order.
    """

    study: Study
    views: Mapping[str, Prepared]

    @property
    def first(self) -> Prepared:
        """The first task at its first label fraction, with the data that all tasks share."""
        return next(iter(self.views.values()))
