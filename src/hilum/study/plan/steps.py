"""The steps of a study, in order, with where each leaves its files and what it costs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hilum.artifacts import fingerprint
from hilum.augment.library import as_written
from hilum.data.recipe import parse_recipe
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.explanation.selection import RULES
from hilum.finetuning.shortcut_features import (
    METADATA,
    THUMBNAIL,
)
from hilum.finetuning.trials import Choices, Search
from hilum.study.cost import (
    FORWARDS_A_TRAINING_STEP,
    explaining_gigaflops,
    finetuning_gigaflops,
    forward_gigaflops,
    pretraining_gigaflops,
)
from hilum.study.file import ListedSplit, PaperSplit, Pretrained, Study, pretext_settings, resolved_finetuning
from hilum.study.file.sweep import sweep_space
from hilum.study.plan.prepare import Prepared

StepKind = Literal["generate", "store", "pretrain", "sweep", "finetune", "baselines", "evaluate", "explain", "report"]

BASELINES = "baselines"
"""Directory of the scores of shortcut baselines in a study's."""

EXPLANATION = "explain"
"""Directory of heat-maps and points in a study's."""

REPORT = "report"
"""Directory of the record of a study's page, which itself lies at the top."""

OFFICIAL_TEST_SHARE = 0.23
"""Of ChestX-ray14's images; for plans made before the tables are at hand."""


@dataclass(frozen=True)
class Images:
    """How many images each part of the work sees.

    Attributes:
        all: images of each data set.
        pool: images of each data set that pretraining may see.
        train, val, test: of the labelled data set; `train` counts the labelled share, by the first seed's draw.
        exact: counted in the tables, not guessed from the study file.
    """

    all: dict[str, int]
    pool: dict[str, int]
    train: int
    val: int
    test: int
    exact: bool


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
        init: pretraining that it does; None where it does none.
        gigaflops: 10^9 operations it takes at most; 0 where that does not matter.
    """

    kind: StepKind
    title: str
    directory: str
    data: str
    arm: str | None = None
    seed: int | None = None
    init: Pretrained | None = None
    encoder: str | None = None
    gigaflops: float = 0.0


def steps_of(study: Study, images: Images | None) -> list[Step]:
    """All steps of a study in the order in which they run.

    Args:
        study: the study.
        images: for the cost; without it every cost is 0.
    """
    steps = [*_data_steps(study), *_pretraining_steps(study), *_sweep_steps(study)]
    steps += _finetuning_steps(study)
    steps.append(Step("baselines", "fit shortcut baselines", BASELINES, study.labelled_data))
    steps.append(Step("evaluate", "evaluate", "evaluation", study.labelled_data))
    if study.explain:
        title = f"explain {' and '.join(study.explained_arms)}: {study.explain.method}, {study.explain.embedding}"
        steps.append(Step("explain", title, EXPLANATION, study.labelled_data))
    steps.append(Step("report", "write the report", REPORT, study.labelled_data))
    return [replace(step, gigaflops=_cost(step, study, images)) if images else step for step in steps]


def count_images(prepared: Prepared) -> Images:
    """Images of each part, from the tables."""
    task = prepared.task
    return Images(
        all={name: prepared.stored_images(name).height for name in prepared.data},
        pool={name: len(prepared.pretraining_ids(name)) for name in prepared.data},
        train=prepared.labelled_images,
        val=len(task.val.image_ids),
        test=len(task.test_ids),
        exact=True,
    )


def images_learnt(images: Images, init: Pretrained) -> int:
    """How many images a pretraining learns from, to within the rounding of shares."""
    return round(sum(images.pool[name] * share / 100 for name, share in init.shares.items()))


def guess_images(study: Study) -> Images | None:
    """Images of each part where every data set is generated; None where a table has to be read first."""
    if any(data.generate is None for data in study.data.values()):
        return None
    counts = {name: data.generate.images for name, data in study.data.items() if data.generate}
    labelled, split = counts[study.labelled_data], study.task.split
    if isinstance(split, ListedSplit):
        test = OFFICIAL_TEST_SHARE if split.lists == "official" else 0.2
        val = (1 - test) * (split.validation or 20) / 100 if split.lists == "official" else 0.1
    elif isinstance(split, PaperSplit):
        val, test = 0.16, 0.2
    else:
        val, test = split.patients[1] / 100, split.patients[2] / 100
    pool = counts | {study.labelled_data: round(labelled * (1 - val - test))}
    train = round(pool[study.labelled_data] * study.task.labelled / 100)
    return Images(counts, pool, train, round(labelled * val), round(labelled * test), exact=False)


def pretraining_directory(study: Study, arm: str, seed: int) -> str | None:
    """Where the encoder that an arm starts from is pretrained; arms that ask for the same share it."""
    settings = study.arms[arm]
    if not isinstance(settings.init, Pretrained):
        return None
    init = settings.init
    epochs = study.pretraining_epochs(init)
    length = "preset" if epochs is None else f"{epochs}epochs"
    seed = seed if study.pretrain.seeds == "each" else study.seeds[0]
    own = ""
    shares = [share for share in init.shares.values() if share < 100]
    instead = {name: as_written(value) for name, value in init.said().items() if name != "epochs"}
    if instead or init.settings or init.start != "random" or shares:
        told = [instead, init.settings, init.start] + [init.shares] * bool(shares)
        own = f"-{fingerprint(told)[:6]}"
    return f"pretrain/{init.pretrain}-{settings.encoder}-{'+'.join(init.shares)}-{length}{own}/seed-{seed}"


def finetuning_directory(arm: str, seed: int) -> str:
    """Where one replicate of an arm leaves its model and predictions."""
    return str(Path("arms") / arm / f"seed-{seed}")


def sweep_directory(arm: str) -> str:
    """Where the sweep of an arm leaves its trials and what it chose."""
    return str(Path("arms") / arm / "sweep")


def image_size(study: Study) -> int:
    """Side of the stored images in pixels."""
    return parse_recipe(study.preprocess).size


def _data_steps(study: Study) -> Iterator[Step]:
    for name, data in study.data.items():
        if data.generate:
            yield Step("generate", f"generate {data.generate.images:,} images for {name}", f"generated/{name}", name)
    for name in study.data:
        yield Step("store", f"decode and preprocess {name}", f"stores/{name}", name)


def _pretraining_steps(study: Study) -> Iterator[Step]:
    seen = set()
    for seed in study.seeds:
        for name, arm in study.arms.items():
            directory = pretraining_directory(study, name, seed)
            if directory is None or directory in seen or not isinstance(arm.init, Pretrained):
                continue
            seen.add(directory)
            title = (
                f"pretrain {arm.init.pretrain} {arm.encoder} on {arm.init.pool()}, "
                f"{Path(directory).name.replace('-', ' ')}"
            )
            yield Step(
                "pretrain", title, directory, arm.init.pool(), seed=int(directory.rpartition("-")[2]), init=arm.init,
                encoder=arm.encoder,
            )  # fmt: skip


def _sweep_steps(study: Study) -> Iterator[Step]:
    for name, arm in study.arms.items():
        if (sweep := study.sweep_of(name)) is not None:
            yield Step(
                "sweep", f"sweep {name}: {sweep.search}", sweep_directory(name), study.labelled_data, arm=name,
                seed=study.seeds[0], encoder=arm.encoder,
            )  # fmt: skip


def _finetuning_steps(study: Study) -> Iterator[Step]:
    for seed in study.seeds:
        for name, arm in study.arms.items():
            directory = finetuning_directory(name, seed)
            yield Step(
                "finetune", f"fine-tune {name}, seed {seed}", directory, study.labelled_data, arm=name, seed=seed,
                encoder=arm.encoder,
            )  # fmt: skip


def _cost(step: Step, study: Study, images: Images) -> float:
    if step.kind == "pretrain" and step.init and step.encoder:
        learnt = images_learnt(images, step.init)
        resolved = pretext_settings(study, step.init, learnt)
        size = resolved.size or image_size(study)
        return pretraining_gigaflops(
            step.init.pretrain, resolved.options, step.encoder, size, images=learnt, epochs=resolved.epochs
        )
    if step.kind == "finetune" and step.arm and step.encoder:
        tuning = resolved_finetuning(study, step.arm, images.train)
        settings = tuning.settings
        validations = len(range(0, tuning.epochs, settings.training(0, images.train).validate_every))
        return finetuning_gigaflops(
            step.encoder, settings.size or image_size(study), unfreeze=settings.unfreeze, train=images.train,
            val=images.val, test=images.test, epochs=tuning.epochs, validations=validations,
        )  # fmt: skip
    if step.kind == "sweep" and step.arm and step.encoder:
        return _sweep_cost(study, step.arm, images)
    if step.kind == "explain" and study.explain:
        wish = study.explain
        return explaining_gigaflops(
            [study.arms[arm].encoder for arm in study.explained_arms],
            image_size(study),
            wish.method,
            drawn=min(wish.candidates, images.test),
            shown=wish.images * len(RULES) * len(study.task.findings),
            points=min(wish.points, images.test) if wish.embedding != "none" else 0,
        )
    return 0.0


def _sweep_cost(study: Study, arm: str, images: Images) -> float:
    """The frozen part once, and the rest for each trial, where no trial ends by itself."""
    sweep, encoder = study.sweep_of(arm), study.arms[arm].encoder
    if sweep is None:
        return 0.0
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
        *(f"random {name}" for name in frozen),
        *(f"calibrated {name}" for name in _calibrated(frozen)),
    ]


def _calibrated(encoders: Sequence[str]) -> list[str]:
    """Those whose random weights can be calibrated; the opponent of the others is the plain random encoder."""
    return [name for name in encoders if ARCHITECTURES[name].random_opponent == "calibrated"]


def _frozen_encoders(study: Study) -> list[str]:
    frozen = [arm.encoder for name, arm in study.arms.items() if study.finetuning_of(name).unfreeze == 0]
    return list(dict.fromkeys(frozen))
