"""Miniature of a study for checks: few images and steps, with the encoders, settings and methods of the study."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import fingerprint
from hilum.data.labelled_images import UNCERTAIN_CLASS
from hilum.explanation.embedding import FEWEST_IMAGES
from hilum.pretext.settings import SizeCurriculum
from hilum.study.data import PreparedData
from hilum.study.file import Arm, Finetuning, Pretrained, Study, resolved_finetuning, resolved_pretraining
from hilum.study.file.pretraining import Supervised
from hilum.study.file.sweep import shrink_sweep
from hilum.study.file.views import start_directory, starts_in, supervised_study
from hilum.study.identity import Identity
from hilum.study.plan import labels
from hilum.study.plan.predictions import external_labels
from hilum.study.prepared import Prepared, PreparedTask

OF_EACH_LABEL = 2
"""Images per label value, finding and part, of different patients; the minimum for confidence intervals."""
FEWEST_IMAGES = FEWEST_IMAGES + 2
"""Minimum images per part, if available."""
BATCH_SIZE = 4
N_BOOTSTRAP = 100
TRIALS = 4
"""Trials of a sweep."""
MOST_EXPLAINED = 2  # findings: maps of 14 findings at 224 px take minutes
_LENGTH_SETTINGS = {"steps", "epochs", "validations", "patience", "batch_size", "warmup_epochs", "warmup_steps"}
_AS_GIVEN = {"schedule", "resample", "train"}
"""Settings whose form in a study file differs from that in `FinetuneSettings`."""
_OF_COST = ("lr", "weight_decay", *_LENGTH_SETTINGS)
"""Fine-tuning settings in which arms of one kind may differ."""


def miniature(prepared: Prepared) -> Prepared:
    """Reduce a study to one seed, one arm of each kind, few images per part and one epoch.

    Arms of one kind have the same encoder, start and fine-tuning; the reference arm and explained arms are always kept.
    Presets are those of the full study. Images are selected among existing files so that every finding has positives
    and negatives in every part, if available.

    Args:
        prepared: Prepared data of the task.
    """
    task, external = _few_of_task(prepared), _few_external(prepared)
    inits = [init for arm in prepared.study.arms.values() for init in starts_in(arm.init)]
    sizes = [_pretraining_batch(prepared, init) for init in inits if isinstance(init, Pretrained)]
    enough = max([FEWEST_IMAGES, *(2 * size for size in sizes)])
    pools = {
        name: _existing(prepared.data[name], image_ids, enough) for name, image_ids in prepared.identity.pools.items()
    }
    identity: Identity = replace(prepared.identity, pools=pools)
    study = _few_steps(prepared).placed("", prepared.study.whole)
    supervised = _few_supervised(prepared, study)
    used = {name: {*pools[name], *external.get(name, ())} for name in prepared.data}
    used[study.labelled_data] |= set(task.manifest["image_id"])
    for each in supervised.values():
        used[each.study.labelled_data] |= {*each.task.train.image_ids, *each.task.val.image_ids}
    data = {name: _cut(each, used[name], enough) for name, each in prepared.data.items()}
    small = replace(prepared, study=study, data=data, task=task, identity=identity, external=external)
    common = replace(small.all_tasks, supervised={at: replace(each, data=data) for at, each in supervised.items()})
    return replace(small, all_tasks=common)


def _few_supervised(prepared: Prepared, study: Study) -> dict[str, Prepared]:
    """Return the data of the miniature's supervised starts, by their directory."""
    found = {}
    for name, arm in study.arms.items():
        chain = zip(starts_in(arm.init), starts_in(prepared.study.arms[name].init), strict=True)
        for init, whole in chain:
            if not isinstance(init, Supervised) or not isinstance(whole, Supervised):
                continue
            start_data = prepared.all_tasks.supervised[start_directory(prepared.study, arm.encoder, whole)]
            task = start_data.task
            train = _few(start_data, task.train.image_ids, task.train.patient_ids, task.train.targets)
            val = _few(start_data, task.val.image_ids, task.val.patient_ids, task.val.targets)
            few = replace(
                task,
                train=task.train.only(train),
                val=task.val.only(val),
                labelled_ids=dict.fromkeys(study.seeds, frozenset(train)),
            )
            shrunk = supervised_study(study, arm.encoder, init)
            found[start_directory(study, arm.encoder, init)] = replace(start_data, study=shrunk, task=few)
    return found


def _few_external(prepared: Prepared) -> dict[str, list[str]]:
    """Select images of external test sets with every label value of every finding."""
    found = {}
    for name, image_ids in prepared.external.items():
        table = external_labels(prepared, name)
        values = table.select(pl.col("^y_.*$").cast(pl.Float32).fill_null(float("nan"))).to_numpy()
        few = _few(prepared, table["image_id"].to_list(), table["patient_id"].to_list(), values, prepared.data[name])
        found[name] = [image_id for image_id in image_ids if image_id in few]
    return found


def explained_miniature(prepared: Prepared) -> Prepared:
    """Reduce a miniature to few findings, since the cost of heat maps is proportional to them."""
    task = prepared.study.task
    few = task.model_copy(update={"findings": task.findings[:MOST_EXPLAINED]})
    return replace(prepared, study=prepared.study.model_copy(update={"task": few}))


def arms_of_each_kind(study: Study) -> list[str]:
    """Return one arm per combination of encoder, start and fine-tuning, and those needed by the evaluation."""
    needed = [study.reference_arm, *study.explained_arms, *(arm for pair in study.compare for arm in pair)]
    kinds: dict[str, str] = {}
    for arm in dict.fromkeys([*needed, *study.arms]):
        kinds.setdefault(_kind(study, arm), arm)
    chosen = {*needed, *kinds.values()}
    return [arm for arm in study.arms if arm in chosen]


def _kind(study: Study, arm: str) -> str:
    settings, init = study.arms[arm], study.arms[arm].init
    start: Any = init
    if isinstance(init, Pretrained):
        start = init.model_dump(mode="json", exclude={"epochs", "lr", "weight_decay", "warmup_epochs", "on"})
    if isinstance(init, Supervised):
        start = init.model_dump(mode="json")
    tuning = study.finetuning_of(arm).model_dump(mode="json", exclude=set(_OF_COST))
    sweep = study.sweep_of(arm)
    swept = [] if sweep is None else [sweep.model_dump(mode="json")]
    features = [] if settings.features is None else [settings.features.model_dump(mode="json")]
    return fingerprint([settings.encoder, start, tuning, *swept, *features])


def _few_of_task(prepared: Prepared) -> PreparedTask:
    study, task = prepared.study, prepared.task
    seed = study.seeds[0]
    labelled, findings = task.train_of(seed), [f"y_{finding}" for finding in study.task.findings]
    scored = labels(prepared).filter(pl.col("split") == "test")
    chosen = {
        "train": _few(prepared, labelled.image_ids, labelled.patient_ids, labelled.targets),
        "val": _few(prepared, task.val.image_ids, task.val.patient_ids, task.val.targets),
        "test": _few(
            prepared,
            scored["image_id"].to_list(),
            scored["patient_id"].to_list(),
            scored.select(pl.col(findings).cast(pl.Float32).fill_null(float("nan"))).to_numpy(),
        ),
    }
    every = set().union(*chosen.values())
    return replace(
        task,
        manifest=_rows(task.manifest, every),
        split=replace(task.split, assignment=_rows(task.split.assignment, every)),
        train=task.train.only(chosen["train"]),
        val=task.val.only(chosen["val"]),
        test_ids=[image_id for image_id in task.test_ids if image_id in chosen["test"]],
        labelled_ids={seed: frozenset(chosen["train"])},
    )


def _few(
    prepared: Prepared,
    image_ids: Sequence[str],
    patients: Sequence[str],
    targets: NDArray[np.floating],
    data: PreparedData | None = None,
) -> set[str]:
    """Select images with every label value of every finding, then others up to the minimum."""
    here = _Files(data or prepared.labelled)
    chosen: dict[str, None] = {}
    for column in targets.T:
        for value in (1.0, 0.0, UNCERTAIN_CLASS):
            rows = np.flatnonzero(column == value).tolist()
            patients_chosen = {patients[row] for row in rows if image_ids[row] in chosen}
            for row in rows:
                if len(patients_chosen) >= OF_EACH_LABEL:
                    break
                if patients[row] not in patients_chosen and here.has(image_ids[row]):
                    chosen[image_ids[row]] = None
                    patients_chosen.add(patients[row])
    for image_id in image_ids:
        if len(chosen) >= FEWEST_IMAGES:
            break
        if here.has(image_id):
            chosen[image_id] = None
    return set(chosen)


class _Files:
    """Lookup of the images of a data set that have a file."""

    def __init__(self, data: PreparedData) -> None:
        self._root = data.dataset.root
        self._path_of = dict(data.manifest.select("image_id", "path").iter_rows())

    def has(self, image_id: str) -> bool:
        path = self._path_of[image_id]
        return path is not None and (self._root / path).is_file()


def _existing(data: PreparedData, image_ids: Iterable[str], most: int) -> list[str]:
    """Return the first images with a file, of as many patients as possible."""
    files, ids = _Files(data), list(image_ids)
    if not ids:
        return []
    first_of = {patient: row for row, patient in reversed(list(enumerate(data.patients(ids))))}
    firsts = set(first_of.values())
    order = [*sorted(firsts), *(row for row in range(len(ids)) if row not in firsts)]
    chosen: list[int] = []
    for row in order:
        if len(chosen) >= most:
            break
        if files.has(ids[row]):
            chosen.append(row)
    return [ids[row] for row in sorted(chosen)]


def _cut(data: PreparedData, used: set[str], enough: int) -> PreparedData:
    """Reduce a data set to the used images, or to some images if none is used."""
    chosen = used or set(_existing(data, data.manifest["image_id"], enough))
    return replace(data, manifest=_rows(data.manifest, chosen))


def _rows(table: pl.DataFrame, image_ids: set[str]) -> pl.DataFrame:
    return table.filter(pl.col("image_id").is_in(pl.Series(sorted(image_ids), dtype=pl.String).implode()))


def _pool_size(prepared: Prepared, init: Pretrained) -> int:
    return sum(map(len, prepared.pool_of(init).values()))


def _pretraining_batch(prepared: Prepared, init: Pretrained) -> int:
    """Return a small batch size with the same remainder in gradient accumulation as the study's."""
    settings = resolved_pretraining(prepared.study, init, _pool_size(prepared, init)).settings
    parts = settings.gradient_accumulation_steps
    return min(settings.batch_size, parts * -(-BATCH_SIZE // parts) + settings.batch_size % parts)


def _few_steps(prepared: Prepared) -> Study:
    study = prepared.study
    arms = {}
    for name in arms_of_each_kind(study):
        arm: Arm = study.arms[name]
        if arm.features is not None:
            arms[name] = arm
            continue
        update: dict[str, Any] = {"finetune": _one_epoch(study, name, prepared.labelled_images)}
        update["init"] = _short_start(prepared, arm.encoder, arm.init)
        if (sweep := study.sweep_of(name)) is not None:
            update["sweep"] = shrink_sweep(sweep, TRIALS, tuple(_LENGTH_SETTINGS))
        arms[name] = arm.model_copy(update=update)
    evaluate = study.evaluate.model_copy(
        update={
            "n_bootstrap": N_BOOTSTRAP,
            "min_positive_patients": min(study.evaluate.min_positive_patients, OF_EACH_LABEL),
            "min_group": min(study.evaluate.min_group, OF_EACH_LABEL),
            "reference": None if study.compare else study.reference_arm,
        }
    )
    explain = study.explain
    if explain is not None:
        few = {"arms": study.explained_arms, "images": 1, "candidates": FEWEST_IMAGES}
        explain = explain.model_copy(update=few | {"points": min(explain.points, FEWEST_IMAGES)})
    short_study = {"arms": arms, "seeds": study.seeds[:1], "evaluate": evaluate, "explain": explain}
    return study.model_copy(update=short_study)


def _short_start(prepared: Prepared, encoder: str, init: Any) -> Any:
    """Shorten a chain of starts."""
    if isinstance(init, str):
        return init
    before = _short_start(prepared, encoder, init.start)
    if isinstance(init, Pretrained):
        short = _one_pretraining_epoch(prepared, init, _pretraining_batch(prepared, init))
        return short.model_copy(update={"start": before})
    start_data = prepared.all_tasks.supervised[start_directory(prepared.study, encoder, init)]
    tuning = _one_epoch(start_data.study, "supervised", start_data.labelled_images)
    return init.model_copy(update={"finetune": tuning, "start": before})


def _one_pretraining_epoch(prepared: Prepared, init: Pretrained, batch_size: int) -> Pretrained:
    resolved = resolved_pretraining(prepared.study, init, _pool_size(prepared, init))
    sizes = 2 if isinstance(resolved.settings.size, SizeCurriculum) else 1
    short = {"epochs": sizes, "batch_size": batch_size, "preset": resolved.preset}
    return init.model_copy(update=short | {"on": list(init.fractions)})


def _one_epoch(study: Study, arm: str, images: int) -> Finetuning:
    """Return the fine-tuning settings of an arm, presets included, for one epoch."""
    given, resolved = study.finetuning_of(arm), resolved_finetuning(study, arm, images).settings
    values = {
        name: getattr(resolved, name) for name in Finetuning.model_fields if name not in _LENGTH_SETTINGS | _AS_GIVEN
    }
    values |= {name: value for name, value in given.given().items() if name in _AS_GIVEN}
    if given.augmentation is not None:
        values["augmentation"] = given.augmentation
    batch_size = min(resolved.batch_size, BATCH_SIZE)
    return Finetuning.model_validate(values | {"epochs": 1, "batch_size": batch_size, "patience": None})
