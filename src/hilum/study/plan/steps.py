"""The steps of a study, in order, with where each leaves its files and what it costs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

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
from hilum.study.prepared import Prepared

StepKind = Literal[
    "generate", "store", "pretrain", "supervise", "sweep", "finetune", "external", "baselines", "evaluate", "across",
    "explain", "report", "overview",
]  # fmt: skip

EVALUATION = "evaluation"
"""Directory of predictions and tables in that of a task; at the top of a study of several tasks, of tables over all."""

BASELINES = "baselines"
"""Directory of the scores of shortcut baselines in a study's."""

EXPLANATION = "explain"
"""Directory of heat-maps and points in a study's."""

REPORT = "report"
"""Directory of the record of a study's page, which itself is at the top."""

OFFICIAL_TEST_SHARE = 0.23
"""Of ChestX-ray14's images; for plans made before the tables are at hand."""


@dataclass(frozen=True)
class ImageCounts:
    """How many images each part of the work sees.

    Attributes:
        all: images of each data set.
        pool: images of each data set that pretraining may see.
        learnt: images that a pretraining learns from, each once, by its data sets and their shares; those that are not
            in it have what `pool` and the shares give.
        train, val, test: of the labelled data set; `train` counts the labelled share, by the first seed's draw.
        exact: counted in the tables, not guessed from the study file.
    """

    all: dict[str, int]
    pool: dict[str, int]
    train: int
    val: int
    test: int
    exact: bool
    learnt: Mapping[tuple[tuple[str, float], ...], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One step of a study.

    Attributes:
        kind: what is done.
        title: for people.
        directory: where its files go, relative to the study's directory.
        data: data set it works on, the labelled one where it has to choose; of pretraining, what it learns from in
            words.
        arm: arm it belongs to; None where arms share it.
        seed: replicate; None where it has none.
        init: start that it makes; None where it makes none.
        view: folder of the task and label fraction that it belongs to (`Study.place`), or of the first that shares it.
        gigaflops: 10^9 operations it takes at most; 0 where that does not matter.
    """

    kind: StepKind
    title: str
    directory: str
    data: str
    arm: str | None = None
    seed: int | None = None
    init: Pretrained | Supervised | None = None
    encoder: str | None = None
    gigaflops: float = 0.0
    view: str = ""


_JUDGING: tuple[tuple[StepKind, str, str], ...] = (
    ("baselines", "fit shortcut baselines", BASELINES),
    ("evaluate", "evaluate", EVALUATION),
)


def steps_of(study: Study, images: ImageCounts | Mapping[str, ImageCounts] | None) -> list[Step]:
    """All steps of a study in the order in which they run: what tasks share, then each task, then what is of all.

    Args:
        study: the study, as it was read.
        images: for the cost, by the folder of each task where there are several; without it every cost is 0.
    """
    views = {view.directory: view.study for view in views_of(study)}
    steps = [*_data_steps(study), *_start_steps(list(views.values()))]
    for view in views.values():
        steps += [*_sweep_steps(view), *_finetuning_steps(view), *_external_steps(view)]
        for kind, title, name in _JUDGING:
            steps.append(
                Step(kind, _titled(view, title), view_directory(view, name), view.labelled_data, view=view.place)
            )
    if "" not in views:
        steps.append(Step("across", "compare tasks", EVALUATION, ""))
    for view in views.values():
        if view.explain and view.explained_arms:
            title = f"explain {' and '.join(view.explained_arms)}: {view.explain.method}, {view.explain.embedding}"
            at = view_directory(view, EXPLANATION)
            steps.append(Step("explain", _titled(view, title), at, view.labelled_data, view=view.place))
        page = _titled(view, "write the report")
        steps.append(Step("report", page, view_directory(view, REPORT), view.labelled_data, view=view.place))
    if "" not in views:
        steps.append(Step("overview", "write the report over all tasks", REPORT, ""))
    if images is None:
        return steps
    counted = {"": images} if isinstance(images, ImageCounts) else images
    first = next(iter(counted.values()))
    return [replace(step, gigaflops=_cost(step, views, counted.get(step.view, first))) for step in steps]


def _titled(study: Study, title: str) -> str:
    return f"{view_name(study)}: {title}" if study.place else title


def view_name(study: Study) -> str:
    """Of a task among several, for people: "nih", or "nih, 10 % of the labels"."""
    return next((view.name for view in views_of(study.whole) if view.directory == study.place), study.place)


def count_images(prepared: Prepared) -> ImageCounts:
    """Images of each part, from the tables."""
    task = prepared.task
    return ImageCounts(
        all={name: prepared.stored_images(name).height for name in prepared.data},
        pool={name: len(prepared.pretraining_ids(name)) for name in prepared.data},
        train=prepared.labelled_images,
        val=len(task.val.image_ids),
        test=len(task.test_ids),
        exact=True,
        learnt={
            tuple(init.shares.items()): sum(map(len, prepared.pool_of(init).values()))
            for arm in prepared.study.arms.values()
            for init in starts_in(arm.init)
            if isinstance(init, Pretrained)
        },
    )


def count_pretraining_images(images: ImageCounts, init: Pretrained) -> int:
    """How many images a pretraining learns from; to within the rounding of shares where tables are not at hand."""
    counted = images.learnt.get(tuple(init.shares.items()))
    return (
        counted if counted is not None else round(sum(images.pool[name] * share for name, share in init.shares.items()))
    )


def estimate_image_counts(study: Study) -> ImageCounts | None:
    """Images of each part where every data set is generated; None where a table has to be read first."""
    if any(data.generate is None for data in study.data.values() if data.pool is None):
        return None
    counts = {name: data.generate.images for name, data in study.data.items() if data.generate}
    counts |= {name: sum(counts[part] for part in data.pool) for name, data in study.data.items() if data.pool}
    labelled = counts[study.labelled_data]
    val, test = _shares(study)
    pool = dict(counts)
    for view in views_of(study.whole):
        pool[view.study.labelled_data] = round(counts[view.study.labelled_data] * (1 - sum(_shares(view.study))))
    train = round(pool[study.labelled_data] * study.task.label_fractions[0])
    return ImageCounts(counts, pool, train, round(labelled * val), round(labelled * test), exact=False)


def _shares(study: Study) -> tuple[float, float]:
    """Of validation and of test images, as far as a study file tells."""
    split = study.task.split
    if isinstance(split, ListedSplit):
        test = OFFICIAL_TEST_SHARE if split.lists == "official" else 0.2
        return (1 - test) * (split.validation or 0.2) if split.lists == "official" else 0.1, test
    if isinstance(split, PatientSplit):
        return split.patients[1], split.patients[2]
    return 0.16, 0.2


def pretraining_directory(study: Study, arm: str, seed: int) -> str | None:
    """Where the encoder that an arm starts from is made; arms and tasks that ask for the same share it."""
    settings = study.arms[arm]
    if not isinstance(settings.init, Pretrained | Supervised):
        return None
    return directory_of_start(study, settings.encoder, settings.init, seed)


def pretraining_directories(study: Study, arm: str, seed: int) -> list[str]:
    """All that is made for the start of an arm, in order: `pretraining_directory` is the last of them."""
    settings = study.arms[arm]
    return [directory_of_start(study, settings.encoder, init, seed) for init in starts_in(settings.init)]


def shares_its_start(study: Study, arm: str) -> bool:
    """Whether several seeds of an arm go on from one training that the study itself does for its start."""
    starts = {tuple(pretraining_directories(study, arm, seed)) for seed in study.seeds}
    return len(study.seeds) > 1 and len(starts) == 1 and any(starts)


def directory_of_start(study: Study, encoder: str, init: Pretrained | Supervised, seed: int) -> str:
    """Where one encoder to start from is made."""
    seed = seed if study.pretrain.seeds == "each" else study.seeds[0]
    return f"{start_directory(study, encoder, init)}/seed-{seed}"


def finetuning_directory(study: Study, arm: str, seed: int) -> str:
    """Where one replicate of an arm leaves its model and predictions."""
    return str(Path(study.place) / "arms" / arm / f"seed-{seed}")


def external_directory(study: Study, arm: str, seed: int) -> str:
    """Where one replicate of an arm leaves its scores of other data sets."""
    return str(Path(study.place) / "external" / arm / f"seed-{seed}")


def view_directory(study: Study, name: str) -> str:
    """A folder of a task: its evaluation, baselines, explanation or page."""
    return str(Path(study.place) / name)


def sweep_directory(study: Study, arm: str) -> str:
    """Where the sweep of an arm leaves its trials and what it chose."""
    return str(Path(study.place) / "arms" / arm / "sweep")


def image_size(study: Study) -> int:
    """Side of the stored images in pixels."""
    return parse_recipe(study.preprocess).size


def _data_steps(study: Study) -> Iterator[Step]:
    for name, data in study.data.items():
        if data.generate:
            yield Step("generate", f"generate {data.generate.images:,} images for {name}", f"generated/{name}", name)
    for name in study.data:
        yield Step("store", f"decode and preprocess {name}", f"stores/{name}", name)


def _start_steps(views: Sequence[Study]) -> Iterator[Step]:
    """Every start once, each after what it starts from; for the first task on its data, whose labels can watch it."""
    found: dict[str, tuple[Study, Step]] = {}
    for seed in views[0].seeds:
        for view in views:
            for name, arm in view.arms.items():
                for init in starts_in(arm.init):
                    directory = directory_of_start(view, arm.encoder, init, seed)
                    known = found.get(directory)
                    if known is None or _watches(view, init) > _watches(known[0], init):
                        found[directory] = view, _start_step(view, name, init, directory, seed)
    yield from (step for _, step in found.values())


def _watches(view: Study, init: Pretrained | Supervised) -> bool:
    return isinstance(init, Pretrained) and view.labelled_data in init.shares


def _start_step(view: Study, arm: str, init: Pretrained | Supervised, directory: str, seed: int) -> Step:
    encoder, replicate = view.arms[arm].encoder, f"seed {seed}"
    if isinstance(init, Supervised):
        data = view.supervised_data(init)
        findings = supervised_study(view, encoder, init).task.findings
        count = f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"
        title = f"train {encoder} with labels of {data}, {count}, {replicate}"
        return Step("supervise", title, directory, data, seed=seed, init=init, encoder=encoder, view=view.place)
    title = f"pretrain {init.pretrain} {encoder} on {init.pool()}, {replicate}"
    return Step("pretrain", title, directory, init.pool(), seed=seed, init=init, encoder=encoder, view=view.place)


def _sweep_steps(study: Study) -> Iterator[Step]:
    for name, arm in study.arms.items():
        if (sweep := study.sweep_of(name)) is not None:
            yield Step(
                "sweep", _titled(study, f"sweep {name}: {sweep.search}"), sweep_directory(study, name),
                study.labelled_data, arm=name, seed=study.seeds[0], encoder=arm.encoder, view=study.place,
            )  # fmt: skip


def _finetuning_steps(study: Study) -> Iterator[Step]:
    for seed in study.seeds:
        for name, arm in study.arms.items():
            directory = finetuning_directory(study, name, seed)
            what = f"fine-tune {name}" if arm.features is None else f"fit {arm.features.head} of {name}"
            yield Step(
                "finetune", _titled(study, f"{what}, seed {seed}"), directory, study.labelled_data, arm=name,
                seed=seed, encoder=arm.encoder, view=study.place,
            )  # fmt: skip


def _external_steps(study: Study) -> Iterator[Step]:
    others = " and ".join(study.task.external)
    for seed in study.seeds if others else ():
        for name, arm in study.arms.items():
            yield Step(
                "external", _titled(study, f"score {name} on {others}, seed {seed}"),
                external_directory(study, name, seed), study.labelled_data, arm=name, seed=seed, encoder=arm.encoder,
                view=study.place,
            )  # fmt: skip


def _cost(step: Step, views: Mapping[str, Study], images: ImageCounts) -> float:
    study = views.get(step.view, next(iter(views.values())))
    if step.kind == "supervise" and isinstance(step.init, Supervised) and step.encoder:
        learnt = supervised_study(study, step.encoder, step.init)
        tuning = resolved_finetuning(learnt, "supervised", images.pool[step.data])
        return finetuning_gigaflops(
            step.encoder, tuning.settings.size or image_size(study), unfreeze=tuning.settings.unfreeze,
            train=images.pool[step.data], val=0, test=0, epochs=tuning.epochs, validations=0,
        )  # fmt: skip
    if step.kind == "pretrain" and isinstance(step.init, Pretrained) and step.encoder:
        count = count_pretraining_images(images, step.init)
        resolved = pretext_settings(study, step.init, count)
        size = mean_size(resolved.size, image_size(study))
        return pretraining_gigaflops(
            step.init.pretrain, resolved.options, step.encoder, size, images=count, epochs=resolved.epochs
        )
    if step.kind == "finetune" and step.arm and step.encoder:
        tuning = resolved_finetuning(study, step.arm, images.train)
        if not study.finetuning_of(step.arm).train:
            size = tuning.settings.size or image_size(study)
            return finetuning_gigaflops(
                step.encoder, size, unfreeze=0, train=images.train, val=images.val, test=images.test, epochs=0,
                validations=0,
            )  # fmt: skip
        settings = tuning.settings
        validations = len(range(0, tuning.epochs, settings.training(0, images.train).validate_every))
        return finetuning_gigaflops(
            step.encoder, settings.size or image_size(study), unfreeze=settings.unfreeze, train=images.train,
            val=images.val, test=images.test, epochs=tuning.epochs, validations=validations,
        )  # fmt: skip
    if step.kind == "sweep" and step.arm and step.encoder:
        return _sweep_cost(study, step.arm, images)
    if step.kind == "explain" and study.explain:
        config = study.explain
        return explaining_gigaflops(
            [study.arms[arm].encoder for arm in study.explained_arms],
            image_size(study),
            config.method,
            drawn=min(config.candidates, images.test),
            shown=config.images * len(RULES) * len(study.task.findings),
            points=min(config.points, images.test) if config.embedding != "none" else 0,
        )
    return 0.0


def _sweep_cost(study: Study, arm: str, images: ImageCounts) -> float:
    """The frozen part once, and the rest for each trial, where no trial ends by itself."""
    sweep = study.sweep_of(arm)
    if sweep is None:
        return 0.0
    encoders = swept_encoders(sweep, study.arms[arm].encoder)
    return sum(_sweep_cost_of(study, arm, sweep, encoder, images) for encoder in encoders) / len(encoders)


def _sweep_cost_of(study: Study, arm: str, sweep: Sweep, encoder: str, images: ImageCounts) -> float:
    """Were all trials of one encoder."""
    tuning = resolved_finetuning(study, arm, images.train)
    space = sweep_space(sweep, encoder, tuning.settings.batch_size)
    how = Search(sweep.search, sweep.trials, sweep.select, reduction=sweep.reduction)
    trials = len(space) if isinstance(space, list) else sum(how.batches(space))
    depths: Sequence[int | str] = [0] if isinstance(space, list) else [tuning.settings.unfreeze]
    if not isinstance(space, list) and "unfreeze" in space:
        values = space["unfreeze"]
        depths = values.values if isinstance(values, Choices) else [int(values.high)]
    blocks, epochs = ARCHITECTURES[encoder].blocks, tuning.epochs
    shares = [1.0 if depth == "all" else int(depth) / blocks for depth in depths]
    each = sum(shares) / len(shares) * trials * (FORWARDS_A_TRAINING_STEP * images.train + images.val) * epochs
    pruned = how.halving.planned_share(trials, epochs) if how.halving else 1.0
    once = (1 - min(shares)) * (images.train * epochs + images.val)
    return forward_gigaflops(encoder, tuning.settings.size or image_size(study)) * (once + each * pruned)


def baseline_names(study: Study) -> list[str]:
    """The baselines of a study: two always; random encoders beside every encoder that some arm keeps frozen."""
    frozen = _frozen_encoders(study)
    return [
        METADATA,
        THUMBNAIL,
        *(untrained_name(RANDOM, name) for name in frozen),
        *(untrained_name(CALIBRATED, name) for name in _calibrated(frozen)),
    ]


def _calibrated(encoders: Sequence[str]) -> list[str]:
    """Those whose random weights can be calibrated; the opponent of the others is the plain random encoder."""
    return [name for name in encoders if ARCHITECTURES[name].random_opponent == "calibrated"]


def _frozen_encoders(study: Study) -> list[str]:
    frozen = [
        arm.encoder
        for name, arm in study.arms.items()
        if arm.features is None and study.finetuning_of(name).unfreeze == 0
    ]
    return list(dict.fromkeys(frozen))


def disk_bytes(steps: Sequence[Step], images: Mapping[str, int], study: Study, parameters: Mapping[str, int]) -> int:
    """Bytes that the steps of a study leave or need at the same time, without tables and pages, which are small.

    Stores are a byte a pixel, weights four bytes each, of every training; and there is one checkpoint of the largest,
    with its best weights and two moments of the optimiser.

    Args:
        steps: of the study.
        images: of each data set.
        study: the study.
        parameters: of each encoder.
    """
    pixels = sum(images.get(step.data, 0) for step in steps if step.kind == "store") * image_size(study) ** 2
    made = [study.data[step.data].generate for step in steps if step.kind == "generate"]
    pixels += sum(each.images * each.size**2 for each in made if each is not None)
    trained = [
        parameters.get(str(step.encoder), 0) for step in steps if step.kind in ("pretrain", "supervise", "finetune")
    ]
    return pixels + 4 * (sum(trained) + 4 * max(trained, default=0))
