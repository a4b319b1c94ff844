"""A study's data, read: images, splits and targets of its tasks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from hilum.data.labelled_images import LabelledImages
from hilum.data.recipe import Recipe
from hilum.data.splits import Split, sample_patients
from hilum.runs.copies import counted_once
from hilum.study.data import PreparedData
from hilum.study.file import Pretrained, Study
from hilum.study.file.section import percent_of
from hilum.study.identity import Identity


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
        tested_patients: full names of the patients of these images.
        without_features: by part of the split, images that an arm has no features of and that all arms go without.
        test_ids: images to score. Their labels are read by `hilum.study.plan.predictions`, after all training is done.
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
        """The training images whose labels a replicate may use."""
        return self.train.only(self.labelled_ids[seed])


@dataclass(frozen=True)
class AllTasks:
    """What is of all tasks of a study, whichever of them is looked at.

    Attributes:
        held: by data set, the images that validate or test in any task, or are an external test set, in order.
        titles: by data set, the titles of the splits that hold them out.
        stored: by data set, the images that the study decodes; data sets that carry no task are decoded as a whole.
        seed: of the lots by which patients of a pool are left out; the first task's.
        supervised: what each start with labels learns, by its directory (`steps.start_directory`).
    """

    held: Mapping[str, Sequence[str]]
    titles: Mapping[str, Sequence[str]]
    stored: Mapping[str, Collection[str]]
    seed: int
    supervised: Mapping[str, "Prepared"] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """A study's data, ready for its steps; of a study of several tasks, those of one task at one label fraction.

    Attributes:
        study: of one task, see `hilum.study.file.views`.
        recipe: of the stored images.
        data: all data sets of the study file.
        task: the task's images.
        identity: over all tasks.
        all_tasks: see there.
        external: images of other data sets to test on, by data set.
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
        """The data set that the task is on."""
        return self.data[self.study.labelled_data]

    @property
    def labelled_images(self) -> int:
        """Training images whose labels may be used, by the first seed's draw; presets go by it for all seeds."""
        return len(self.task.labelled_ids[self.study.seeds[0]])

    def pretraining_ids(self, name: str, fraction: float = 1.0) -> list[str]:
        """Images of a data set that pretraining may see: all, but those of validation or test patients of any task.

        Patients are known by their full names over all data sets, and by copies of their images; see
        `hilum.study.identity`.

        Args:
            name: of the data set.
            fraction: of these patients, by lot.
        """
        image_ids = self.identity.pools[name]
        if fraction == 1 or not image_ids:
            return image_ids
        patients = self.data[name].patients(image_ids)
        chosen = set(sample_patients(pl.Series(patients), percent_of(fraction), self.all_tasks.seed))
        return [image_id for image_id, patient in zip(image_ids, patients, strict=True) if patient in chosen]

    def stored_images(self, name: str) -> pl.DataFrame:
        """The images of a data set that the study decodes: of tasks and tests, and those that an arm learns from."""
        manifest, used = self.data[name].manifest, self.all_tasks.stored.get(name)
        if used is None:
            return manifest
        return manifest.filter(pl.Series([image_id in used for image_id in manifest["image_id"]], dtype=pl.Boolean))

    def reached_by(self, init: Pretrained) -> dict[str, list[str]]:
        """Images that one pretraining may learn from, by data set; one that is reached twice is there twice."""
        return {name: self.pretraining_ids(name, fraction) for name, fraction in init.shares.items()}

    def pool_of(self, init: Pretrained) -> dict[str, list[str]]:
        """Images that one pretraining learns from, by data set; images of equal bytes count once."""
        reached = self.reached_by(init)
        return counted_once({name: self.data[name] for name in reached}, reached, self.identity.equal)

    def counted_once(self, init: Pretrained) -> dict[str, int]:
        """By data set, images that a pretraining leaves out because it learns from others of the same bytes."""
        reached, pool = self.reached_by(init), self.pool_of(init)
        twice = {name: len(reached[name]) - len(pool[name]) for name in pool}
        return {name: images for name, images in twice.items() if images}


@dataclass(frozen=True)
class PreparedStudy:
    """All tasks and label fractions of a study file, ready for their steps.

    Attributes:
        study: as it was read.
        views: by the folder of each (`Study.place`), in order.
    """

    study: Study
    views: Mapping[str, Prepared]

    @property
    def first(self) -> Prepared:
        """The first task at its first label fraction; what is of all tasks can be asked of it."""
        return next(iter(self.views.values()))
