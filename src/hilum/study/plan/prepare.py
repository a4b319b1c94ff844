"""Preparation of a study's data: tables, splits, targets and patient identities, without reading pixels."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from hilum.data.collections import Dataset, read_collection
from hilum.data.collections.label_table import read_own_column
from hilum.data.labelled_images import LabelledImages
from hilum.data.labels import Cohort, filter_positive, select_cohort
from hilum.data.patients import check_same_salt, issuer_of, own_salt
from hilum.data.recipe import parse_recipe
from hilum.data.splits import (
    Split,
    assign_patients,
    check_patients_apart,
    label_fraction,
    listed_split,
    paper_split,
    patient_split,
)
from hilum.data.store import is_ingested, pseudonymised, read_ingested
from hilum.errors import HilumError
from hilum.study.data import PreparedData
from hilum.study.features import images_without_features, without_features
from hilum.study.file import DataSet, ListedSplit, PaperSplit, Pretrained, Study
from hilum.study.file.pretraining import Supervised, SupervisedTask
from hilum.study.file.section import percent_of
from hilum.study.file.task import AnySplit, ColumnSplit
from hilum.study.file.views import View, start_directory, starts_in, supervised_study, views_of
from hilum.study.identity import Identity, identify
from hilum.study.pool import findings_of, images_of_task, pooled_data, splits_of_parts, targets_of
from hilum.study.prepared import AllTasks, Prepared, PreparedStudy, PreparedTask


def prepare(study: Study, roots: Mapping[str, Path], *, allow_missing: bool = False) -> Prepared:
    """Prepare a study with one task and one label fraction; see `prepare_study`."""
    (only,) = prepare_study(study, roots, allow_missing=allow_missing).views.values()
    return only


def prepare_study(study: Study, roots: Mapping[str, Path], *, allow_missing: bool = False) -> PreparedStudy:
    """Read all tables, split patients, and read the labels of training and validation images.

    Args:
        study: The study.
        roots: Folder of each data set.
        allow_missing: Accept images without a file, as `hilum.data.collections.read_collection`.

    Raises:
        HilumError: A folder is missing, a table is invalid, or a part of the split is empty.
    """
    refuse_without_folder(study, roots)
    data = {
        name: _read(study, name, roots[name], allow_missing)
        for name, settings in study.data.items()
        if settings.pool is None
    }
    check_same_salt(
        {name: each.manifest["patient_id"] for name, each in data.items()},
        {name: each.issuer for name, each in data.items()},
    )
    for name, settings in study.data.items():
        if settings.pool is not None:
            data[name] = pooled_data(name, {part: data[part] for part in settings.pool})
    views = views_of(study)
    of_task: dict[str, PreparedTask] = {}
    for view in views:
        if view.task not in of_task:
            of_task[view.task] = _prepare_task(view, data[view.study.labelled_data])
    external = {view.task: _external_images(view, views, of_task, data) for view in views}
    splits = _splits(views, of_task, external, data)
    pretraining = list(dict.fromkeys(name for view in views for name in view.study.pretraining_data))
    identity = identify(study, data, splits, pretraining)
    common = _all_tasks(views, of_task, splits, identity, pretraining)
    found: dict[str, Prepared] = {}
    for view in views:
        task = replace(of_task[view.task], labelled_ids=_labelled_ids(view.study, of_task[view.task]))
        found[view.directory] = Prepared(
            view.study, parse_recipe(study.preprocess), data, task, identity, common, external[view.task]
        )
    supervised = dict(_supervised(found.values(), of_task))
    if supervised:
        common = replace(common, supervised=supervised)
        found = {place: replace(each, all_tasks=common) for place, each in found.items()}
    prepared = PreparedStudy(study, found)
    _refuse_empty_pools(prepared)
    return prepared


def _refuse_empty_pools(prepared: PreparedStudy) -> None:
    for view in prepared.views.values():
        for name, arm in view.study.arms.items():
            for init in starts_in(arm.init):
                if isinstance(init, Pretrained) and not any(view.pool_of(init).values()):
                    raise HilumError(
                        f"arms.{name}.init.on",
                        expected="pretraining images of patients outside validation and test",
                        found=f"none in {' and '.join(init.fractions)}",
                        fix="Name other data sets, or a split that leaves patients to train on.",
                    )


def _splits(
    views: Sequence[View],
    of_task: Mapping[str, PreparedTask],
    external: Mapping[str, Mapping[str, Sequence[str]]],
    data: Mapping[str, PreparedData],
) -> list[tuple[str, Split]]:
    """Return the splits of all tasks and external test sets, with the name of the data set of each."""
    studies = {view.task: view.study for view in views}
    splits = [
        each
        for task, study in studies.items()
        for each in splits_of_parts(data[study.labelled_data], of_task[task].split)
    ]
    for task in studies:
        for name, image_ids in external[task].items():
            chosen = pl.col("image_id").is_in(pl.Series(list(image_ids), dtype=pl.String).implode())
            rows = data[name].manifest.filter(chosen).select("image_id", "patient_id", pl.lit("test").alias("split"))
            split = Split(f"external test of {task}", rows)
            if all(split.hash != other.hash for on, other in splits if on == name):
                splits.append((name, split))
    return splits


def _all_tasks(
    views: Sequence[View],
    of_task: Mapping[str, PreparedTask],
    splits: Sequence[tuple[str, Split]],
    identity: Identity,
    pretraining: Sequence[str],
) -> AllTasks:
    held: dict[str, dict[str, None]] = {}
    titles: dict[str, list[str]] = {}
    for name, split in splits:
        held.setdefault(name, {}).update(dict.fromkeys([*split.image_ids("val"), *split.image_ids("test")]))
        titles.setdefault(name, []).append(split.title)
    stored: dict[str, set[str]] = {}
    for view in views:
        stored.setdefault(view.study.labelled_data, set()).update(of_task[view.task].manifest["image_id"])
    for name, images in stored.items():
        images.update(held.get(name, {}))
        if name in pretraining:
            images.update(identity.pools[name])
    return AllTasks(
        {name: list(images) for name, images in held.items()}, titles, stored, views[0].study.task.split_seed
    )


def _external_images(
    view: View, views: Sequence[View], of_task: Mapping[str, PreparedTask], data: Mapping[str, PreparedData]
) -> dict[str, list[str]]:
    """Return the external test images of a task, without its training and validation patients."""
    own, home = of_task[view.task], data[view.study.labelled_data]
    known = {*home.patients(own.train.image_ids), *home.patients(own.val.image_ids)}
    found = {}
    for name, part in view.study.task.external.items():
        task_there = next((other.task for other in views if other.study.labelled_data == name), None)
        if task_there is not None:
            image_ids = of_task[task_there].test_ids
        else:
            manifest = external_manifest(view.study, data[name])
            rows = manifest.filter(pl.col("split") == "test") if part == "official" else manifest
            image_ids = rows["image_id"].to_list()
        patients = data[name].patients(image_ids)
        apart = [each for each, patient in zip(image_ids, patients, strict=True) if patient not in known]
        missing = without_features(view.study, data[name], dict.fromkeys(apart, "test"))
        found[name] = [each for each in apart if each not in missing]
        if not found[name]:
            fix = "Name another data set, or `all` of its images."
            raise HilumError(
                f"test_on of task {view.task}", expected=f"labelled images of {name}", found="none", fix=fix
            )
    return found


def external_findings(study: Study, data: PreparedData) -> list[str]:
    """Return the findings of a task that another data set labels, in the task's order."""
    return findings_of(study, data)


def external_manifest(study: Study, data: PreparedData) -> pl.DataFrame:
    """Return the labelled images of another data set that meet a task's inclusion criteria.

    Raises:
        HilumError: It labels none of the findings.
    """
    findings = external_findings(study, data)
    if not findings:
        wanted = f"labels of {', '.join(study.task.findings)}"
        raise HilumError(f"test_on: {data.name}", expected=wanted, found="none", fix="Name another data set.")
    return images_of_task(study, data, findings)


def _supervised(views: Iterable[Prepared], of_task: Mapping[str, PreparedTask]) -> Iterator[tuple[str, Prepared]]:
    """Yield the data of each supervised start with its directory, without held-out patients of any task."""
    every = list(views)
    tested = {name for task in of_task.values() for name in task.tested_patients}
    tested |= {
        patient
        for view in every
        for name, ids in view.external.items()
        for patient in view.data[name].patients(list(ids))
    }
    for view in every:
        for name, arm in view.study.arms.items():
            for init in starts_in(arm.init):
                if isinstance(init, Supervised):
                    start = _supervised_start(view, name, init, of_task, tested)
                    yield start_directory(view.study, arm.encoder, init), start


def _supervised_start(
    view: Prepared, arm: str, init: Supervised, of_task: Mapping[str, PreparedTask], tested: Collection[str]
) -> Prepared:
    study = supervised_study(view.study, view.study.arms[arm].encoder, init)
    data, pool = view.data[study.labelled_data], frozenset(view.identity.pools[study.labelled_data])
    if isinstance(init.supervise, str):
        task = of_task[init.supervise]
        names = dict(zip(task.val.image_ids, data.patients(task.val.image_ids), strict=True))
        val = task.val.only({image_id for image_id, patient in names.items() if patient not in tested})
        start_task = replace(task, train=task.train.only(pool), val=val, test_ids=[])
    else:
        start_task = _own_task(study, data, pool, init.supervise)
    if not start_task.train.image_ids or not start_task.val.image_ids:
        raise HilumError(
            f"arms.{arm}: supervise",
            expected=f"labelled training and validation images of {data.name}, without test patients",
            found=f"{len(start_task.train.image_ids)} and {len(start_task.val.image_ids)}",
            fix="Name another data set.",
        )
    every = frozenset(start_task.train.image_ids)
    start_task = replace(start_task, labelled_ids=dict.fromkeys(study.seeds, every))
    return replace(view, study=study, task=start_task, external={})


def _own_task(study: Study, data: PreparedData, pool: Collection[str], own: SupervisedTask) -> PreparedTask:
    """Prepare a task defined in a start: its patients are split into training and validation."""
    manifest = images_of_task(study, data, study.task.findings)
    manifest = manifest.filter(pl.col("image_id").is_in(pl.Series(sorted(pool), dtype=pl.String).implode()))
    percent = int(percent_of(own.validation))
    if manifest.is_empty():
        raise HilumError(
            f"supervise: {data.name}",
            expected="labelled images of patients outside the validation and test sets of all tasks",
            found="none",
            fix="Name another data set; all images of external test sets are held out.",
        )
    assignment = assign_patients(manifest, {"train": 100 - percent, "val": percent}, own.seed)
    split = Split(f"patients-{100 - percent}-{percent}-s{own.seed}", assignment)
    return _with_targets(study, data, manifest, split)


def make_split(manifest: pl.DataFrame, wanted: AnySplit, collection: str, data: PreparedData | None = None) -> Split:
    """Make the split of a task.

    Args:
        manifest: Images of the task.
        wanted: Section `split` of the study file.
        collection: Collection of the data set.
        data: The data set, for a split by a column of its label table.
    """
    if isinstance(wanted, ColumnSplit):
        return _column_split(manifest, wanted, data)
    if isinstance(wanted, ListedSplit):
        percent = None if wanted.validation is None else int(percent_of(wanted.validation))
        return listed_split(manifest, wanted.lists, validation=percent, seed=wanted.seed)
    if isinstance(wanted, PaperSplit):
        percent = int(percent_of(wanted.validation))
        return paper_split(wanted.paper, manifest, collection, validation=percent, seed=wanted.seed)
    return patient_split(manifest, wanted.percent, wanted.seed)


def _column_split(manifest: pl.DataFrame, wanted: ColumnSplit, data: PreparedData | None) -> Split:
    """Make a split by a column of the label table."""
    if wanted.column == "split":
        value_of = dict(manifest.select("image_id", "split").iter_rows())
    elif data is None or data.labels is None:
        raise HilumError(
            "split.column",
            expected=f"a table of labels with the column {wanted.column}",
            found="none",
            fix="Give the original folder, with data.NAME.labels, instead of the ingested one.",
        )
    else:
        value_of = read_own_column(data.labels, wanted.column)
    parts = [wanted.part_of(value_of.get(image_id)) for image_id in manifest["image_id"]]
    rows = manifest.select("image_id", "patient_id", pl.Series("split", parts, dtype=pl.String)).drop_nulls("split")
    return Split(f"{wanted.column}-test-{'-'.join(map(str, wanted.test))}", rows)


def refuse_without_folder(study: Study, roots: Mapping[str, Path]) -> None:
    """Refuse a study with data sets whose folder is not given or downloaded.

    Raises:
        HilumError: Names these data sets.
    """
    if lacking := [name for name in study.data_in_folders if name not in roots]:
        options = [f"--data {name}=FOLDER" for name in lacking]
        each = "the folder of this data set" if len(lacking) == 1 else "a folder for each of these data sets"
        fetch = all(study.data[name].address is not None for name in lacking)
        fix = f"{'Run `hilum study fetch`, or add' if fetch else 'Add'} {' '.join(options)}."
        raise HilumError(" ".join(options), expected=each, found="none", fix=fix)


def _read(study: Study, name: str, root: Path, allow_missing: bool) -> PreparedData:
    dataset, issuer = _read_collection(study.data[name], name, root, allow_missing)
    settings = study.data[name]
    manifest = _usable(dataset.manifest, settings)
    known = settings.collection != "folder" or settings.issuer is not None or issuer != name
    labels = None if settings.labels is None or is_ingested(root) else root / settings.labels
    return PreparedData(name, dataset, manifest, issuer, known, labels)


def _read_collection(settings: DataSet, name: str, root: Path, allow_missing: bool) -> tuple[Dataset, str]:
    """Read a data set from its native files or its ingested form, and the issuer of its patient ids."""
    options = {"labels": settings.labels, "release": settings.release, "labeller": settings.labeller}
    if is_ingested(root):
        given = {f"data.{name}.{option}": value for option, value in options.items() if value}
        ingested = read_ingested(name, root, given, issuer=settings.issuer)
        dataset, issuer = ingested.dataset, ingested.issuer
        if dataset.name != settings.collection:
            fix = "Correct the collection in the study file, or give another folder."
            raise HilumError(f"data.{name}.collection", expected=dataset.name, found=settings.collection, fix=fix)
        if not dataset.root.is_dir():
            fix = "Restore the images, or ingest them again from their new folder."
            raise HilumError(dataset.root, expected=f"the images of {root}", found="no such folder", fix=fix)
    else:
        labels = root / settings.labels if settings.labels else None
        dataset = read_collection(
            settings.collection,
            root,
            allow_missing=allow_missing,
            labels=labels,
            release=settings.release,
            labeller=settings.labeller,
        )
        issuer = issuer_of(root, settings.collection, settings.issuer or name)
    if settings.hash_patients:
        dataset = pseudonymised(dataset, issuer, own_salt(), f"data.{name}.hash_patients")
    return dataset, issuer


def _usable(manifest: pl.DataFrame, settings: DataSet) -> pl.DataFrame:
    """Select the images of a data set that the study uses."""
    wanted = settings.images
    if settings.only:
        manifest = filter_positive(manifest, settings.only)
    if wanted.views:
        manifest = select_cohort(
            manifest, Cohort(views=wanted.views if wanted.views == "frontal" else tuple(wanted.views))
        )
    return manifest.filter(pl.col("split").is_in(wanted.lists)) if wanted.lists else manifest


def _prepare_task(view: View, data: PreparedData) -> PreparedTask:
    study, task = view.study, view.study.task
    place = f"tasks.{view.task}" if study.whole.tasks else "task"
    manifest = images_of_task(study, data, task.findings, f"{place}.findings")
    if task.unit == "study" and manifest["study_id"].null_count() == len(manifest):
        raise HilumError(
            f"{place}.unit",
            expected=f"studies of the images of {data.name}",
            found="no study_id",
            fix="Add a column study_id to its label table, or set unit: image.",
        )
    split = make_split(manifest, task.split, data.dataset.name, data)
    at = f"{place}.split"
    check_patients_apart(split.assignment, f"{at} ({split.title})", sharing=split.sharing)
    parts = set(split.assignment["split"])
    for name in ("train", "val", "test"):
        if name not in parts:
            raise HilumError(
                at,
                expected="images in train, validation and test",
                found=f"no {name} image of {data.name} in {split.title}",
                fix="Choose another split, or fix the lists.",
            )
    missing = images_without_features(study, data, split)
    if not missing:
        return _with_targets(study, data, manifest, split)
    selected = ~pl.col("image_id").is_in(pl.Series(sorted(missing), dtype=pl.String).implode())
    parts_lost = split.assignment.filter(~selected)["split"].value_counts()
    selected_split = replace(split, assignment=split.assignment.filter(selected))
    return replace(
        _with_targets(study, data, manifest.filter(selected), selected_split),
        without_features=dict(parts_lost.iter_rows()),
    )


def _with_targets(study: Study, data: PreparedData, manifest: pl.DataFrame, split: Split) -> PreparedTask:
    """Add the labels of training and validation images."""
    task = study.task
    parts = split.assignment.select("image_id", pl.col("split").alias("part"))
    divided = manifest.join(parts, on="image_id", how="left", maintain_order="left")
    open_rows = divided.filter(pl.col("part").is_in(["train", "val"]))
    ids, values = targets_of(study, data, open_rows.drop("part"), task.findings, task.label_policy())
    test_ids = divided.filter(pl.col("part") == "test")["image_id"].to_list()
    of_train = set(open_rows.filter(pl.col("part") == "train")["image_id"])
    trains = np.array([image_id in of_train for image_id in ids], dtype=np.bool_)
    return PreparedTask(
        manifest=manifest,
        split=split,
        train=_labelled_images(data, ids, values, trains),
        labelled_ids={},
        val=_labelled_images(data, ids, values, ~trains),
        test_ids=test_ids,
        tested_patients=frozenset(data.patients(test_ids)),
    )


def _labelled_ids(study: Study, task: PreparedTask) -> dict[int, frozenset[str]]:
    """Return the labelled training images of each seed."""
    here = Split(task.split.name, task.split.assignment.filter(pl.col("image_id").is_in(task.train.image_ids)))
    percent = study.task.labelled_percent
    return {seed: frozenset(label_fraction(here, percent, seed).image_ids("train")) for seed in study.seeds}


def _labelled_images(
    data: PreparedData,
    ids: list[str],
    values: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    chosen: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> LabelledImages:
    rows = np.flatnonzero(chosen)
    image_ids = [ids[row] for row in rows]
    return LabelledImages(image_ids=image_ids, patient_ids=data.patients(image_ids), targets=values[rows])
