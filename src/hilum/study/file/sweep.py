"""What a study file may say of a sweep: the settings that an arm tries before it is trained with all seeds."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, PositiveInt, ValidationError, model_validator

from hilum.encoders.catalogue import ARCHITECTURES, Architecture
from hilum.errors import HilumError
from hilum.finetuning.trials.grids import (
    DINOV2_LRS,
    DINOV2_POOLINGS,
    ELWIREHARDJA_DECAYS,
    ELWIREHARDJA_DROPOUTS,
    ELWIREHARDJA_LRS,
)
from hilum.finetuning.trials.space import Choices, Range, Sample, Space
from hilum.study.file.section import Section
from hilum.study.file.tasks_problems import encoder_of

GridName = Literal["dinov2_linear", "elwirehardja2025"]
UP_TO_HALF = "up_to_half"
ENCODER, LABEL_FRACTION = "encoder", "label_fraction"
OF_LOSS = ("class_weights", "max_class_weight", "focal", "label_smoothing", "reduction", "resample")
"""Settings that change what a loss means: losses of trials that differ in them cannot be compared."""
CLASS_TOKEN_FAMILIES = ("vit", "dinov2", "dinov3")
_RANGES = ("log_uniform", "uniform")
_WHOLE = ("unfreeze", "batch_size", "epochs", "steps", "patience", "validations", "size")

_NAMED: Mapping[str, dict[str, list[Any]]] = {
    "elwirehardja2025": {
        "lr": list(ELWIREHARDJA_LRS),
        "weight_decay": list(ELWIREHARDJA_DECAYS),
        "dropout": list(ELWIREHARDJA_DROPOUTS),
    }
}
_DINOV2_FIXED: Sample = {
    "unfreeze": 0, "head": "linear", "dropout": 0.0, "weight_decay": 0.0, "optimizer": "sgd", "schedule": "cosine",
    "warmup_epochs": 0.0,
}  # fmt: skip


class Sweep(Section):
    """Settings of training with labels that are tried, and how one of them is chosen.

    It runs once an arm, with the first seed, before the arm is trained with all seeds and the settings that were
    chosen. Only training and validation images take part.
    """

    over: dict[str, Any] = Field(
        {},
        description="Settings of `finetune` by name: a list of values; `{log_uniform: [1e-5, 1e-1]}` or `{uniform: "
        "[0, 0.5]}`; of `unfreeze` also `up_to_half`: from the head alone to half of the encoder's blocks. Also "
        "`encoder`, a list of architectures that start from random or published weights; and `label_fraction`, which "
        "stands for that of all tasks: the rest is then tried at each.",
    )
    grid: GridName | None = Field(
        None,
        description="A published grid: `elwirehardja2025` (5 learning rates, 6 weight decays, 3 dropouts; `over` may "
        "add others) or `dinov2_linear` (the 52 heads of DINOv2's linear probe on a frozen transformer). `sweep: NAME` "
        "is short for it.",
    )
    search: Literal["grid", "random", "tpe", "halving"] = Field(
        "grid",
        description="`grid`: everything. `random`, `tpe`: some, drawn uniformly or where earlier ones were good. "
        "`halving`: everything, or some, for a short while, and only the better ones to their ends.",
    )
    trials: PositiveInt | None = Field(
        None,
        description="How many are tried; when left out, all of `halving` over lists, and 32 where they are drawn.",
    )
    select: Literal["val_loss", "val_auroc"] = Field(
        "val_loss", description="What chooses, on validation images: the lowest loss or the highest macro AUROC."
    )
    best_per: list[str] = Field([], description="Settings of which the report shows the best trial of each value.")
    storage: str | None = Field(
        None,
        min_length=1,
        description="Where a copy of the trials is kept for Optuna's tools, beside the file in the sweep's folder: a "
        "file, or the address of a database, `postgresql://HOST/NAME`; `$VARIABLE` is replaced.",
    )
    reduction: int = Field(3, ge=2, le=16, description="Of `halving`: one of so many goes on at each pause.")
    trials_at_once: PositiveInt | None = Field(
        None,
        description="Of `tpe`: how many are proposed together, from what all earlier ones came to; 8 when left out. "
        "They share their frozen work, and the order in which they end alters nothing.",
    )

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"grid": value} if isinstance(value, str) else value


def sweep_space(sweep: Sweep, encoder: str, batch_size: int) -> Space | list[Sample]:
    """The settings that a sweep tries, for one encoder.

    Args:
        sweep: as the study file says it.
        encoder: of the arm; where several are swept, `up_to_half` is that of the one with the fewest blocks.
        batch_size: of the arm; DINOv2's learning rates are of batches of 256 and go with it.
    """
    if sweep.grid == "dinov2_linear":
        return [
            {"lr": lr * batch_size / 256, "pooling": pooling, **_DINOV2_FIXED}
            for lr in DINOV2_LRS
            for pooling in DINOV2_POOLINGS
        ]
    over = {**_NAMED.get(sweep.grid or "", {}), **sweep.over}
    fewest = min(ARCHITECTURES[name].blocks for name in swept_encoders(sweep, encoder))
    return {name: _values(name, values, fewest) for name, values in over.items()}


def swept_encoders(sweep: Sweep, encoder: str) -> list[str]:
    """The architectures that a sweep tries: the arm's own, unless it names others."""
    named = sweep.over.get(ENCODER)
    return list(named) if isinstance(named, list) else [encoder]


def _values(name: str, values: Any, blocks: int) -> Choices | Range:
    if values == UP_TO_HALF:
        return Choices(tuple(range(blocks // 2 + 1)))
    if isinstance(values, Mapping):
        ((kind, (low, high)),) = values.items()
        return Range(low, high, log=kind == "log_uniform", whole=name in _WHOLE)
    return Choices(tuple(values))


def shrink_sweep(sweep: Sweep, trials: int, left_out: tuple[str, ...]) -> Sweep | None:
    """The same kind of sweep over a few values, without some settings; None where nothing is left.

    Args:
        sweep: as the study file says it.
        trials: at most so many; a published grid is left whole where its heads are computed together anyway.
        left_out: settings.
    """
    if sweep.grid == "dinov2_linear":
        return sweep
    over = {**_NAMED.get(sweep.grid or "", {}), **sweep.over}
    few = {
        name: [values[0], values[-1]] if isinstance(values, list) and len(values) > 1 else values
        for name, values in over.items()
        if name not in left_out
    }
    if not few:
        return None
    best_per = [name for name in sweep.best_per if name in few]
    search = "random" if sweep.search == "grid" else sweep.search
    return Sweep(
        over=few, search=search, trials=trials, select=sweep.select, best_per=best_per, reduction=sweep.reduction,
        trials_at_once=sweep.trials_at_once,
    )  # fmt: skip


ProblemAt = tuple[tuple[str | int, ...], str, str]
"""Place in the file, what is wrong, what would be right."""


def sweep_problems(content: Mapping[str, Any], finetuning: type[BaseModel]) -> Iterator[ProblemAt]:
    """What is wrong with the sweeps of a study file, one by one; the rest of the file may be wrong, too.

    Args:
        content: of the file.
        finetuning: the model of its `finetune` sections.
    """
    yield from _problems_at(("sweep",), content.get("sweep"), finetuning)
    arms = content.get("arms")
    for name, arm in arms.items() if isinstance(arms, dict) else ():
        if not isinstance(arm, dict):
            continue
        own = "sweep" in arm
        if own:
            yield from _problems_at(("arms", name, "sweep"), arm["sweep"], finetuning)
        place = ("arms", name, "sweep") if own else ("sweep",)
        encoder = encoder_of(arm, content)
        sweep = arm["sweep"] if own else content.get("sweep")
        yield from _problems_of_encoder(place, sweep, encoder)
        over = sweep.get("over") if isinstance(sweep, dict) else None
        start = arm.get("init", "random")
        if isinstance(start_name := arm.get("start"), str):
            starts = content.get("starts")
            named = starts.get(start_name) if isinstance(starts, dict) else None
            start = named.get("weights", "random") if isinstance(named, dict) and "weights" in named else named
        if isinstance(over, dict) and ENCODER in over and isinstance(start, dict):
            message = f"{name} starts from what is trained for one encoder"
            yield (*place, "over", ENCODER), message, "give that arm a sweep of its own, or sweep: null"


def _problems_at(place: tuple[str | int, ...], sweep: Any, finetuning: type[BaseModel]) -> Iterator[ProblemAt]:
    if sweep is None or isinstance(sweep, str):
        return  # the model says which names there are
    if not isinstance(sweep, dict):
        yield place, "is neither a section nor the name of a published grid", "write over: {lr: [1e-3, 1e-4]}"
        return
    over, grid = sweep.get("over", {}), sweep.get("grid")
    if not isinstance(over, dict):
        return  # the model says it
    if not over and grid is None:
        yield place, "says nothing to try", "write over: {lr: [1e-3, 1e-4]}"
    if over and grid == "dinov2_linear":
        yield (*place, "over"), "dinov2_linear has its own settings", "leave out over"
    for name, values in over.items():
        yield from _problems_of_values((*place, "over", name), name, values, finetuning)
    yield from _problems_of_search(place, sweep, over, grid)
    if sweep.get("select", "val_loss") == "val_loss":
        for name in OF_LOSS:
            if isinstance(over.get(name), list) and len(over[name]) > 1:
                message = "trials with different losses cannot be compared by val_loss"
                yield (*place, "over", name), message, "set select: val_auroc"


def _problems_of_search(
    place: tuple[str | int, ...], sweep: Mapping[str, Any], over: Mapping[str, Any], grid: Any
) -> Iterator[ProblemAt]:
    search = sweep.get("search", "grid")
    ranges = [name for name, values in over.items() if isinstance(values, dict)]
    if search == "grid" and ranges:
        yield (*place, "over", ranges[0]), "a grid needs a list of values", "write a list, or search: random or tpe"
    if search == "grid" and sweep.get("trials") is not None:
        yield (*place, "trials"), "a grid tries everything", "leave out trials, or set search: random"
    if grid == "dinov2_linear" and search not in ("grid", "halving"):
        yield (*place, "search"), f"dinov2_linear is a grid, not {search!r}", "use grid or halving"
    if sweep.get("trials_at_once") is not None and search != "tpe":
        yield (
            (*place, "trials_at_once"),
            f"{search} proposes all its trials at once",
            "leave it out, or set search: tpe",
        )
    per = sweep.get("best_per", [])
    known = [*over, *_NAMED.get(str(grid), {}), *(("lr", "pooling") if grid == "dinov2_linear" else ())]
    for index, name in enumerate(per if isinstance(per, list) else ()):
        if name not in known:
            yield (*place, "best_per", index), f"{name!r} is not swept", f"swept here: {', '.join(map(str, known))}"


def _problems_of_values(
    place: tuple[str | int, ...], name: Any, values: Any, finetuning: type[BaseModel]
) -> Iterator[ProblemAt]:
    if name == ENCODER:
        yield from _problems_of_encoders(place, values)
    elif name == LABEL_FRACTION:
        hint = "write label_fraction: [0.01, 0.1, 1] in the task; the arm is then swept at each"
        yield place, "is of the task, and the same for all arms", hint
    elif name not in finetuning.model_fields:
        near = difflib.get_close_matches(str(name), finetuning.model_fields, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(finetuning.model_fields)}"
        yield place, "is not a setting of training with labels", hint
    elif isinstance(values, dict):
        yield from _problems_of_range(place, name, values, finetuning)
    elif not isinstance(values, list) or not values:
        if values != UP_TO_HALF or name != "unfreeze":
            hint = "write a list of values, or {log_uniform: [low, high]}"
            yield place, f"{str(values)[:80]!r} is no list of values", hint
    else:
        for index, value in enumerate(values):
            if any(value == each and type(value) is type(each) for each in values[:index]):
                yield (*place, index), f"{str(value)[:80]!r} stands twice", "keep one"
            yield from _refused((*place, index), name, value, finetuning)


def _problems_of_encoders(place: tuple[str | int, ...], values: Any) -> Iterator[ProblemAt]:
    if not isinstance(values, list) or not values:
        yield place, f"{str(values)[:80]!r} is no list of encoders", "write [resnet18, densenet121]"
        return
    for index, name in enumerate(values):
        if not isinstance(name, str) or name not in ARCHITECTURES:
            near = difflib.get_close_matches(str(name), ARCHITECTURES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`hilum encoders` lists them"
            yield (*place, index), f"{str(name)[:80]!r} is not an encoder", hint
        elif name in values[:index]:
            yield (*place, index), f"{name!r} stands twice", "keep one"


def with_label_fractions(content: Mapping[str, Any]) -> None:
    """Put label fractions that a study's sweep is over where they belong, into its tasks, in place."""
    sweep = content.get("sweep")
    over = sweep.get("over") if isinstance(sweep, dict) else None
    if not isinstance(over, dict) or not isinstance(over.get(LABEL_FRACTION), list):
        return
    tasks = content.get("tasks")
    several = [task for task in tasks.values() if isinstance(task, dict)] if isinstance(tasks, dict) else []
    one = [content["task"]] if isinstance(content.get("task"), dict) else []
    if any(LABEL_FRACTION in task for task in (*one, *several)):
        return  # given twice, which is a problem
    fractions = over.pop(LABEL_FRACTION)
    for task in (*one, *several):
        task[LABEL_FRACTION] = sorted(fractions) if all(_is_number(each) for each in fractions) else fractions
    if not over and isinstance(content, dict) and isinstance(sweep, dict) and sweep.get("grid") is None:
        del content["sweep"]


def _problems_of_range(
    place: tuple[str | int, ...], name: str, values: dict[Any, Any], finetuning: type[BaseModel]
) -> Iterator[ProblemAt]:
    kind = next(iter(values), None)
    bounds = values.get(kind)
    if len(values) != 1 or kind not in _RANGES:
        yield place, "is not a range", "write {log_uniform: [low, high]} or {uniform: [low, high]}"
    elif not isinstance(bounds, list) or len(bounds) != 2 or not all(_is_number(each) for each in bounds):
        yield (*place, kind), f"{str(bounds)[:80]!r} is not two numbers", f"write {kind}: [low, high]"
    elif not bounds[0] < bounds[1]:
        yield (*place, kind), f"{bounds[0]} is not below {bounds[1]}", "write the lower one first"
    elif kind == "log_uniform" and bounds[0] <= 0:
        yield (*place, kind), f"{bounds[0]} has no logarithm", "start above 0, or use uniform"
    else:
        for index, bound in enumerate(bounds):
            yield from _refused((*place, kind, index), name, bound, finetuning)


def _refused(place: tuple[str | int, ...], name: str, value: Any, finetuning: type[BaseModel]) -> Iterator[ProblemAt]:
    """Why the section would not take a value."""
    try:
        finetuning.model_validate({name: value})
    except ValidationError as error:
        detail = error.errors()[0]
        message = detail["msg"].removeprefix("Value error, ")
        yield place, message, "" if detail["type"] == "value_error" else f"found {str(value)[:80]!r}"


def _problems_of_encoder(place: tuple[str | int, ...], sweep: Any, encoder: Any) -> Iterator[ProblemAt]:
    """What an arm's encoder cannot do."""
    if not isinstance(encoder, str) or encoder not in ARCHITECTURES:
        return
    architecture = ARCHITECTURES[encoder]
    if sweep == "dinov2_linear" or (isinstance(sweep, dict) and sweep.get("grid") == "dinov2_linear"):
        if architecture.family not in CLASS_TOKEN_FAMILIES:
            message = f"dinov2_linear reads class tokens of a vision transformer, which {encoder} is not"
            yield place, message, "use another sweep, or null"
        return
    over = sweep.get("over") if isinstance(sweep, dict) else None
    named = over.get(ENCODER) if isinstance(over, dict) else None
    swept = [each for each in named if isinstance(each, str)] if isinstance(named, list) else [encoder]
    for each in (name for name in swept if name in ARCHITECTURES):
        yield from _problems_of_swept_encoder(place, over, ARCHITECTURES[each])


def _problems_of_swept_encoder(
    place: tuple[str | int, ...], over: Any, architecture: Architecture
) -> Iterator[ProblemAt]:
    """Depths and sizes that an encoder has not."""
    depths = over.get("unfreeze") if isinstance(over, dict) else None
    for index, blocks in enumerate(depths if isinstance(depths, list) else ()):
        if isinstance(blocks, int) and blocks > architecture.blocks:
            message = f"{blocks} blocks, but {architecture.name} has {architecture.blocks}"
            yield (*place, "over", "unfreeze", index), message, f"use 0 to {architecture.blocks}, or all"
    sizes = over.get("size") if isinstance(over, dict) else None
    for index, size in enumerate(sizes if isinstance(sizes, list) else ()):
        if isinstance(size, int) and not isinstance(size, bool) and size >= _SMALLEST_VIEW:
            try:
                architecture.padded(size)
            except HilumError as error:
                message = f"{architecture.name} takes {error.expected}, not {size} px"
                yield (*place, "over", "size", index), message, "leave it out"


_SMALLEST_VIEW = 16
"""In px; what is below is reported with the values."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
