"""Steps of a study in order, with their directories and computational cost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, assert_never

from hilum.data.recipe import parse_recipe
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.explanation.selection import RULES
from hilum.finetuning.shortcut_names import CALIBRATED, METADATA, RANDOM, THUMBNAIL, untrained_name
from hilum.finetuning.trials import Choices, Search
from hilum.pretext.settings import mean_size
from hilum.study.cost import (
    FORWARDS_A_TRAINING_STEP,
    explaining_gigaflops,
    finetuning_gigaflops,
    forward_gigaflops,
    pretraining_gigaflops,
)
from hilum.study.file import ListedSplit, PatientSplit, Pretrained, Study, pretext_settings, resolved_finetuning
from hilum.study.file.pretraining import Supervised
from hilum.study.file.sweep import Sweep, sweep_space, swept_encoders
from hilum.study.file.views import start_directory, starts_in, supervised_study, views_of
from hilum.study.plan.step_types import (
    AcrossStep,
    BaselinesStep,
    DataStep,
    EvaluateStep,
    ExplainStep,
    ExternalStep,
    FinetuneStep,
    GenerateStep,
    OverviewStep,
    PretrainStep,
    ReportStep,
    StartStep,
    Step,
    StoreStep,
    SuperviseStep,
    SweepStep,
)
from hilum.study.prepared import Prepared

EVALUATION = "evaluation"
"""Directory of predictions and tables of a task; at the top level, of the tables over all tasks."""

BASELINES = "baselines"
"""Directory of the scores of shortcut baselines."""

EXPLANATION = "explain"
"""Directory of heat maps and feature embeddings."""

REPORT = "report"
"""Directory of the record of the report; the report itself is at the top level."""

OFFICIAL_TEST_FRACTION = 0.23
"""Fraction of ChestX-ray14's images in the official test list; used before tables are read."""


@dataclass(frozen=True)
class ImageCounts:
    """Numbers of images in each part of a study.

    Attributes:
        all: Images of each data set.
        pool: Images of each data set that are available for pretraining.
        pretraining: Distinct images of each pretraining, by its data sets and their fractions; other pretrainings are
            estimated from `pool`.
        train, val, test: Images of the labelled data set; `train` counts the labelled subset of the first seed.
        exact: Whether they are counted in the tables, and not estimated from the study file.
    """

    all: dict[str, int]
    pool: dict[str, int]
    train: int
    val: int
    test: int
    exact: bool
    pretraining: Mapping[tuple[tuple[str, float], ...], int] = field(default_factory=dict)


def steps_of(study: Study, images: ImageCounts | Mapping[str, ImageCounts] | None) -> list[Step]:
    """Return all steps of a study in the order in which they run: shared steps, then each task, then all tasks.

    Args:
        study: Study as read from its file.
        images: Image counts, by folder of the task if there are several; None: all costs are 0.
    """
    views = {view.directory: view.study for view in views_of(study)}
    steps: list[Step] = [*_data_steps(study), *_start_steps(list(views.values()))]
    for view in views.values():
        steps += [*_sweep_steps(view), *_finetuning_steps(view), *_external_steps(view)]
        steps.append(BaselinesStep(**_of_task(view, "fit shortcut baselines", BASELINES), data=view.labelled_data))
        steps.append(EvaluateStep(**_of_task(view, "evaluate", EVALUATION)))
    if "" not in views:
        steps.append(AcrossStep(title="compare tasks", directory=EVALUATION))
    for view in views.values():
        if view.explain and view.explained_arms:
            title = f"explain {' and '.join(view.explained_arms)}: {view.explain.method}, {view.explain.embedding}"
            steps.append(ExplainStep(**_of_task(view, title, EXPLANATION), data=view.labelled_data))
        steps.append(ReportStep(**_of_task(view, "write the report", REPORT)))
    if "" not in views:
        steps.append(OverviewStep(title="write the report over all tasks", directory=REPORT))
    if images is None:
        return steps
    counted = {"": images} if isinstance(images, ImageCounts) else images
    first = next(iter(counted.values()))
    main = next(iter(views.values()))
    return [
        replace(step, gigaflops=_cost(step, views.get(step.view, main), counted.get(step.view, first)))
        for step in steps
    ]


class _OfTask(TypedDict):
    title: str
    directory: str
    view: str


def _of_task(view: Study, title: str, name: str) -> _OfTask:
    """Return title, directory and view of a step of one task."""
    return {"title": _titled(view, title), "directory": view_directory(view, name), "view": view.place}


def _titled(study: Study, title: str) -> str:
    return f"{view_name(study)}: {title}" if study.place else title


def view_name(study: Study) -> str:
    """Return the title of a task among several: "nih", or "nih, 10 % of the labels"."""
    return next((view.name for view in views_of(study.whole) if view.directory == study.place), study.place)


def count_images(prepared: Prepared) -> ImageCounts:
    """Count the images of each part in the tables."""
    task = prepared.task
    return ImageCounts(
        all={name: prepared.stored_images(name).height for name in prepared.data},
        pool={name: len(prepared.pretraining_ids(name)) for name in prepared.data},
        train=prepared.labelled_images,
        val=len(task.val.image_ids),
        test=len(task.test_ids),
        exact=True,
        pretraining={
            tuple(init.fractions.items()): sum(map(len, prepared.pool_of(init).values()))
            for arm in prepared.study.arms.values()
            for init in starts_in(arm.init)
            if isinstance(init, Pretrained)
        },
    )


def count_pretraining_images(images: ImageCounts, init: Pretrained) -> int:
    """Count the images of a pretraining; approximate (rounded fractions) before tables are read."""
    counted = images.pretraining.get(tuple(init.fractions.items()))
    if counted is not None:
        return counted
    return round(sum(images.pool[name] * fraction for name, fraction in init.fractions.items()))


def estimate_image_counts(study: Study) -> ImageCounts | None:
    """Estimate image counts from the study file if every data set is generated; None otherwise."""
    if any(data.generate is None for data in study.data.values() if data.pool is None):
        return None
    counts = {name: data.generate.images for name, data in study.data.items() if data.generate}
    counts |= {name: sum(counts[part] for part in data.pool) for name, data in study.data.items() if data.pool}
    labelled = counts[study.labelled_data]
    val, test = _part_fractions(study)
    pool = dict(counts)
    for view in views_of(study.whole):
        pool[view.study.labelled_data] = round(
            counts[view.study.labelled_data] * (1 - sum(_part_fractions(view.study)))
        )
    train = round(pool[study.labelled_data] * study.task.label_fractions[0])
    return ImageCounts(counts, pool, train, round(labelled * val), round(labelled * test), exact=False)


def _part_fractions(study: Study) -> tuple[float, float]:
    """Return the approximate fractions of validation and of test images."""
    split = study.task.split
    if isinstance(split, ListedSplit):
        test = OFFICIAL_TEST_FRACTION if split.lists == "official" else 0.2
        return (1 - test) * (split.validation or 0.2) if split.lists == "official" else 0.1, test
    if isinstance(split, PatientSplit):
        return split.patients[1], split.patients[2]
    return 0.16, 0.2


def pretraining_directory(study: Study, arm: str, seed: int) -> str | None:
    """Return the directory of the encoder that an arm starts from; None without a pretraining in this study."""
    settings = study.arms[arm]
    if not isinstance(settings.init, Pretrained | Supervised):
        return None
    return directory_of_start(study, settings.encoder, settings.init, seed)


def pretraining_directories(study: Study, arm: str, seed: int) -> list[str]:
    """Return the directories of an arm's chain of starts, in order; the last is `pretraining_directory`."""
    settings = study.arms[arm]
    return [directory_of_start(study, settings.encoder, init, seed) for init in starts_in(settings.init)]


def shares_its_start(study: Study, arm: str) -> bool:
    """Return whether several seeds of an arm share one pretraining of this study."""
    starts = {tuple(pretraining_directories(study, arm, seed)) for seed in study.seeds}
    return len(study.seeds) > 1 and len(starts) == 1 and any(starts)


def directory_of_start(study: Study, encoder: str, init: Pretrained | Supervised, seed: int) -> str:
    """Return the directory of the encoder of a start."""
    seed = seed if study.pretrain.seeds == "each" else study.seeds[0]
    return f"{start_directory(study, encoder, init)}/seed-{seed}"


def finetuning_directory(study: Study, arm: str, seed: int) -> str:
    """Return the directory of the model and scores of one arm and seed."""
    return str(Path(study.place) / "arms" / arm / f"seed-{seed}")


def external_directory(study: Study, arm: str, seed: int) -> str:
    """Return the directory of the scores of one arm and seed on external test sets."""
    return str(Path(study.place) / "external" / arm / f"seed-{seed}")


def view_directory(study: Study, name: str) -> str:
    """Return a directory of a task: its evaluation, baselines, explanation or report."""
    return str(Path(study.place) / name)


def sweep_directory(study: Study, arm: str) -> str:
    """Return the directory of the trials and the selected settings of an arm's sweep."""
    return str(Path(study.place) / "arms" / arm / "sweep")


def image_size(study: Study) -> int:
    """Return the side length of the stored images in pixels."""
    return parse_recipe(study.preprocess).size


def _data_steps(study: Study) -> Iterator[DataStep]:
    for name, data in study.data.items():
        if data.generate:
            title = f"generate {data.generate.images:,} images for {name}"
            yield GenerateStep(title=title, directory=f"generated/{name}", data=name)
    for name in study.data:
        yield StoreStep(title=f"decode and preprocess {name}", directory=f"stores/{name}", data=name)


def _start_steps(views: Sequence[Study]) -> Iterator[StartStep]:
    """Yield each start once, in order; preferably for a task on its data, whose labels can probe it."""
    found: dict[str, tuple[Study, StartStep]] = {}
    for seed in views[0].seeds:
        for view in views:
            for name, arm in view.arms.items():
                for init in starts_in(arm.init):
                    directory = directory_of_start(view, arm.encoder, init, seed)
                    known = found.get(directory)
                    if known is None or _is_probed(view, init) > _is_probed(known[0], init):
                        found[directory] = view, _start_step(view, name, init, directory, seed)
    yield from (step for _, step in found.values())


def _is_probed(view: Study, init: Pretrained | Supervised) -> bool:
    return isinstance(init, Pretrained) and view.labelled_data in init.fractions


def _start_step(view: Study, arm: str, init: Pretrained | Supervised, directory: str, seed: int) -> StartStep:
    encoder, suffix = view.arms[arm].encoder, f"seed {seed}"
    if isinstance(init, Supervised):
        data = view.supervised_data(init)
        findings = supervised_study(view, encoder, init).task.findings
        count = f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"
        title = f"train {encoder} with labels of {data}, {count}, {suffix}"
        return SuperviseStep(
            title=title, directory=directory, view=view.place, init=init, encoder=encoder, seed=seed, data=data
        )
    title = f"pretrain {init.pretrain} {encoder} on {init.pool()}, {suffix}"
    return PretrainStep(title=title, directory=directory, view=view.place, init=init, encoder=encoder, seed=seed)


class _OfArm(_OfTask):
    arm: str
    encoder: str
    seed: int
    data: str


def _of_arm(view: Study, title: str, directory: str, arm: str, seed: int) -> _OfArm:
    """Return the fields of a step of one arm."""
    return {
        "title": _titled(view, title), "directory": directory, "view": view.place, "arm": arm,
        "encoder": view.arms[arm].encoder, "seed": seed, "data": view.labelled_data,
    }  # fmt: skip


def _sweep_steps(view: Study) -> Iterator[SweepStep]:
    for arm in view.arms:
        if view.sweep_of(arm) is not None:
            yield SweepStep(**_of_arm(view, f"sweep {arm}", sweep_directory(view, arm), arm, view.seeds[0]))


def _finetuning_steps(view: Study) -> Iterator[FinetuneStep]:
    for seed in view.seeds:
        for name, arm in view.arms.items():
            what = f"fine-tune {name}" if arm.features is None else f"fit {arm.features.head} of {name}"
            directory = finetuning_directory(view, name, seed)
            yield FinetuneStep(**_of_arm(view, f"{what}, seed {seed}", directory, name, seed))


def _external_steps(view: Study) -> Iterator[ExternalStep]:
    others = " and ".join(view.task.external)
    for seed in view.seeds if others else ():
        for arm in view.arms:
            title, directory = f"score {arm} on {others}, seed {seed}", external_directory(view, arm, seed)
            yield ExternalStep(**_of_arm(view, title, directory, arm, seed))


def _cost(step: Step, study: Study, images: ImageCounts) -> float:
    """Return the cost of a step in 10^9 floating-point operations; 0 for work without a network."""
    match step:
        case PretrainStep(init=init, encoder=encoder):
            count = count_pretraining_images(images, init)
            resolved = pretext_settings(study, init, count)
            size = mean_size(resolved.size, image_size(study))
            return pretraining_gigaflops(
                init.pretrain, resolved.options, encoder, size, images=count, epochs=resolved.epochs
            )
        case SuperviseStep(init=supervised, encoder=encoder, data=data):
            tuning = resolved_finetuning(supervised_study(study, encoder, supervised), "supervised", images.pool[data])
            return finetuning_gigaflops(
                encoder, tuning.settings.size or image_size(study), unfreeze=tuning.settings.unfreeze,
                train=images.pool[data], val=0, test=0, epochs=tuning.epochs, validations=0,
            )  # fmt: skip
        case SweepStep(arm=arm):
            return _sweep_cost(study, arm, images)
        case FinetuneStep(arm=arm, encoder=encoder):
            return _finetuning_cost(study, arm, encoder, images)
        case ExplainStep():
            return _explaining_cost(study, images)
        case GenerateStep() | StoreStep() | ExternalStep() | BaselinesStep() | EvaluateStep():
            return 0.0
        case ReportStep() | AcrossStep() | OverviewStep():
            return 0.0
        case _:
            assert_never(step)


def _finetuning_cost(study: Study, arm: str, encoder: str, images: ImageCounts) -> float:
    if study.arms[arm].features is not None:
        return 0.0
    tuning = resolved_finetuning(study, arm, images.train)
    settings, epochs, validations = tuning.settings, 0, 0
    unfreeze: int | str = 0
    if study.finetuning_of(arm).train:
        epochs, unfreeze = tuning.epochs, settings.unfreeze
        validations = len(range(0, epochs, settings.training(0, images.train).validate_every))
    return finetuning_gigaflops(
        encoder, settings.size or image_size(study), unfreeze=unfreeze, train=images.train, val=images.val,
        test=images.test, epochs=epochs, validations=validations,
    )  # fmt: skip


def _explaining_cost(study: Study, images: ImageCounts) -> float:
    config = study.explain
    if config is None:
        return 0.0
    return explaining_gigaflops(
        [study.arms[arm].encoder for arm in study.explained_arms],
        image_size(study),
        config.method,
        drawn=min(config.candidates, images.test),
        shown=config.images * len(RULES) * len(study.task.findings),
        points=min(config.points, images.test) if config.embedding != "none" else 0,
    )


def _sweep_cost(study: Study, arm: str, images: ImageCounts) -> float:
    """Return the cost of a sweep: frozen layers once, the others for each trial, without early stopping."""
    sweep = study.sweep_of(arm)
    if sweep is None:
        return 0.0
    encoders = swept_encoders(sweep, study.arms[arm].encoder)
    return sum(_sweep_cost_of(study, arm, sweep, encoder, images) for encoder in encoders) / len(encoders)


def _sweep_cost_of(study: Study, arm: str, sweep: Sweep, encoder: str, images: ImageCounts) -> float:
    """Return the cost of a sweep if all its trials used one encoder."""
    tuning = resolved_finetuning(study, arm, images.train)
    space = sweep_space(sweep, encoder, tuning.settings.batch_size)
    how = Search(sweep.search, sweep.trials, sweep.select, reduction=sweep.reduction)
    trials = len(space) if isinstance(space, list) else sum(how.batches(space))
    depths: Sequence[int | str] = [0] if isinstance(space, list) else [tuning.settings.unfreeze]
    if not isinstance(space, list) and "unfreeze" in space:
        values = space["unfreeze"]
        depths = values.values if isinstance(values, Choices) else [int(values.high)]
    blocks, epochs = ARCHITECTURES[encoder].blocks, tuning.epochs
    fractions = [1.0 if depth == "all" else int(depth) / blocks for depth in depths]
    each = sum(fractions) / len(fractions) * trials * (FORWARDS_A_TRAINING_STEP * images.train + images.val) * epochs
    pruned = how.halving.planned_share(trials, epochs) if how.halving else 1.0
    once = (1 - min(fractions)) * (images.train * epochs + images.val)
    return forward_gigaflops(encoder, tuning.settings.size or image_size(study)) * (once + each * pruned)


def baseline_names(study: Study) -> list[str]:
    """Return the names of the baselines: two, and random encoders for every encoder that an arm keeps frozen."""
    frozen = frozen_encoders(study)
    return [
        METADATA,
        THUMBNAIL,
        *(untrained_name(RANDOM, name) for name in frozen),
        *(untrained_name(CALIBRATED, name) for name in calibrated_encoders(frozen)),
    ]


def calibrated_encoders(encoders: Sequence[str]) -> list[str]:
    """Return the encoders whose random weights are calibrated; the others are compared with plain random weights."""
    return [name for name in encoders if ARCHITECTURES[name].random_opponent == "calibrated"]


def frozen_encoders(study: Study) -> list[str]:
    """Return the encoders that at least one arm keeps frozen."""
    frozen = [
        arm.encoder
        for name, arm in study.arms.items()
        if arm.features is None and study.finetuning_of(name).unfreeze == 0
    ]
    return list(dict.fromkeys(frozen))
