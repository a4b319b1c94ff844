"""Schema of hyperparameter sweeps, and checks of sweeps in a raw study file."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, PositiveInt, ValidationError, model_validator

from hilum.declared import problem_text
from hilum.encoders.catalogue import ARCHITECTURES, Architecture
from hilum.errors import HilumError
from hilum.finetuning.trials.grids import (
    DINOV2_LRS,
    DINOV2_POOLINGS,
    ELWIREHARDJA_DECAYS,
    ELWIREHARDJA_DROPOUTS,
    ELWIREHARDJA_LRS,
)
from hilum.finetuning.trials.space import Choices, HalvingReduction, Range, Sample, Space
from hilum.study.file.section import Section, is_number
from hilum.study.file.tasks_problems import Place, Problem, encoder_of, nearest, section

GridName = Literal["dinov2_linear", "elwirehardja2025"]
UP_TO_HALF = "up_to_half"
ENCODER, LABEL_FRACTION = "encoder", "label_fraction"
OF_LOSS = ("class_weights", "max_class_weight", "focal", "label_smoothing", "reduction", "resample")
"""Settings that change the loss function: validation losses of trials that differ in them are not comparable."""
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
    """Hyperparameter sweep over settings of fine-tuning.

    It runs once per arm with the first seed, on training and validation images. The arm is then trained with all seeds
    and the selected settings.
    """

    over: dict[str, Any] = Field(
        {},
        description="Search space: settings of `finetune` by name, each a list of values, `{log_uniform: [1e-5, "
        "1e-1]}` or `{uniform: [0, 0.5]}`; for `unfreeze` also `up_to_half` (0 to half of the encoder's blocks). "
        "Further names: `encoder`, a list of architectures (for random or published weights), and `label_fraction`, a "
        "list that is set in all tasks; the sweep then runs at each fraction.",
    )
    grid: GridName | None = Field(
        None,
        description="Published grid: `elwirehardja2025` (5 learning rates, 6 weight decays, 3 dropouts; `over` may add "
        "others) or `dinov2_linear` (the 52 heads of DINOv2's linear probe on a frozen transformer). Short form: "
        "`sweep: NAME`.",
    )
    search: Literal["grid", "random", "tpe", "halving"] = Field(
        "grid",
        description="Search strategy. `grid`: all combinations. `random`: uniform draws. `tpe`: tree-structured Parzen "
        "estimator. `halving`: successive halving of all combinations, or of `trials` random ones.",
    )
    trials: PositiveInt | None = Field(
        None,
        description="Number of trials. Default: all combinations with `halving` over lists, otherwise 32.",
    )
    select: Literal["val_loss", "val_auroc"] = Field(
        "val_loss", description="Selection criterion on validation images: lowest loss or highest macro AUROC."
    )
    best_per: list[str] = Field([], description="Settings for which the report shows the best trial of each value.")
    storage: str | None = Field(
        None,
        min_length=1,
        description="Optuna storage for a copy of the trials: a file, or the URL of a database, "
        "`postgresql://HOST/NAME`; `$VARIABLE` is replaced. (The sweep's folder always has a file.)",
    )
    reduction: HalvingReduction = Field(
        3, description="Reduction factor of `halving`: one in this many trials is continued at each rung."
    )
    trials_at_once: PositiveInt | None = Field(
        None,
        description="Batch size of `tpe`: trials proposed together, which share the computation of frozen layers. "
        "Default: 8.",
    )

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"grid": value} if isinstance(value, str) else value


def sweep_space(sweep: Sweep, encoder: str, batch_size: int) -> Space | list[Sample]:
    """Return the search space of a sweep for one encoder.

    Args:
        sweep: The sweep.
        encoder: Encoder of the arm; of several swept encoders, the one with the fewest blocks limits `up_to_half`.
        batch_size: Batch size of the arm; DINOv2's learning rates are scaled by batch_size / 256.
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
    """Return the architectures of a sweep: those in `over.encoder`, or the arm's own."""
    named = sweep.over.get(ENCODER)
    return list(named) if isinstance(named, list) else [encoder]


def _values(name: str, values: Any, blocks: int) -> Choices | Range:
    if values == UP_TO_HALF:
        return Choices(tuple(range(blocks // 2 + 1)))
    if isinstance(values, Mapping):
        ((kind, (low, high)),) = values.items()
        return Range(low, high, log=kind == "log_uniform", whole=name in _WHOLE)
    return Choices(tuple(values))


def shrink_sweep(sweep: Sweep, trials: int, excluded: tuple[str, ...]) -> Sweep | None:
    """Reduce a sweep to two values per setting and a few trials; None if no setting is left.

    The grid `dinov2_linear` is not reduced: its heads are computed together.

    Args:
        sweep: The sweep.
        trials: Maximum number of trials.
        excluded: Names of settings to remove.
    """
    if sweep.grid == "dinov2_linear":
        return sweep
    over = {**_NAMED.get(sweep.grid or "", {}), **sweep.over}
    few = {
        name: [values[0], values[-1]] if isinstance(values, list) and len(values) > 1 else values
        for name, values in over.items()
        if name not in excluded
    }
    if not few:
        return None
    best_per = [name for name in sweep.best_per if name in few]
    search = "random" if sweep.search == "grid" else sweep.search
    return Sweep(
        over=few, search=search, trials=trials, select=sweep.select, best_per=best_per, reduction=sweep.reduction,
        trials_at_once=sweep.trials_at_once,
    )  # fmt: skip


def sweep_problems(content: Mapping[str, Any], finetuning: type[BaseModel]) -> Iterator[Problem]:
    """Find all problems of the sweeps of a raw study file.

    Args:
        content: Raw study file; its other sections may be invalid.
        finetuning: Schema of its `finetune` sections.
    """
    yield from _problems_at(("sweep",), content.get("sweep"), finetuning)
    for name, arm in section(content, "arms").items():
        if not isinstance(arm, dict):
            continue
        own = "sweep" in arm
        place: Place = ("arms", name, "sweep") if own else ("sweep",)
        sweep = arm["sweep"] if own else content.get("sweep")
        if own:
            yield from _problems_at(place, sweep, finetuning)
        yield from _problems_of_encoder(place, sweep, encoder_of(arm, content))
        start = arm.get("init", "random")
        if isinstance(start_name := arm.get("start"), str):
            named = section(content, "starts").get(start_name)
            start = named.get("weights", "random") if isinstance(named, dict) and "weights" in named else named
        over = sweep.get("over") if isinstance(sweep, dict) else None
        if isinstance(over, dict) and ENCODER in over and isinstance(start, dict):
            message = f"{name} starts from weights that are trained for one encoder"
            yield Problem((*place, "over", ENCODER), message, "give that arm a sweep of its own, or sweep: null")


def _problems_at(place: Place, sweep: Any, finetuning: type[BaseModel]) -> Iterator[Problem]:
    if sweep is None or isinstance(sweep, str):
        return  # names of grids are checked by the schema
    if not isinstance(sweep, dict):
        yield Problem(place, "is not a section or the name of a published grid", "write over: {lr: [1e-3, 1e-4]}")
        return
    over, grid = sweep.get("over", {}), sweep.get("grid")
    if not isinstance(over, dict):
        return  # reported by the schema
    if not over and grid is None:
        yield Problem(place, "has no settings to try", "write over: {lr: [1e-3, 1e-4]}")
    if over and grid == "dinov2_linear":
        yield Problem((*place, "over"), "dinov2_linear has its own settings", "remove over")
    for name, values in over.items():
        yield from _problems_of_values((*place, "over", name), name, values, finetuning)
    yield from _problems_of_search(place, sweep, over, grid)
    if sweep.get("select", "val_loss") == "val_loss":
        for name in OF_LOSS:
            if isinstance(over.get(name), list) and len(over[name]) > 1:
                message = "trials with different losses cannot be compared by val_loss"
                yield Problem((*place, "over", name), message, "set select: val_auroc")


def _problems_of_search(
    place: Place, sweep: Mapping[str, Any], over: Mapping[str, Any], grid: Any
) -> Iterator[Problem]:
    search = sweep.get("search", "grid")
    ranges = [name for name, values in over.items() if isinstance(values, dict)]
    if search == "grid" and ranges:
        hint = "write a list, or search: random or tpe"
        yield Problem((*place, "over", ranges[0]), "a grid needs a list of values", hint)
    if search == "grid" and sweep.get("trials") is not None:
        yield Problem((*place, "trials"), "a grid tries all combinations", "remove trials, or set search: random")
    if grid == "dinov2_linear" and search not in ("grid", "halving"):
        yield Problem((*place, "search"), f"dinov2_linear is a grid, not {search!r}", "use grid or halving")
    if sweep.get("trials_at_once") is not None and search != "tpe":
        message = f"{search} proposes all its trials at once"
        yield Problem((*place, "trials_at_once"), message, "remove it, or set search: tpe")
    per = sweep.get("best_per", [])
    known = [*over, *_NAMED.get(str(grid), {}), *(("lr", "pooling") if grid == "dinov2_linear" else ())]
    for index, name in enumerate(per if isinstance(per, list) else ()):
        if name not in known:
            hint = f"swept here: {', '.join(map(str, known))}"
            yield Problem((*place, "best_per", index), f"{name!r} is not swept", hint)


def _problems_of_values(place: Place, name: Any, values: Any, finetuning: type[BaseModel]) -> Iterator[Problem]:
    if name == ENCODER:
        yield from _problems_of_encoders(place, values)
    elif name == LABEL_FRACTION:
        hint = "write label_fraction: [0.01, 0.1, 1] in the task; the arm is then swept at each"
        yield Problem(place, "is a setting of the task, and the same for all arms", hint)
    elif name not in finetuning.model_fields:
        yield Problem(place, "is not a setting of fine-tuning", nearest(str(name), finetuning.model_fields))
    elif isinstance(values, dict):
        yield from _problems_of_range(place, name, values, finetuning)
    elif not isinstance(values, list) or not values:
        if values != UP_TO_HALF or name != "unfreeze":
            hint = "write a list of values, or {log_uniform: [low, high]}"
            yield Problem(place, f"{str(values)[:80]!r} is not a list of values", hint)
    else:
        for index, value in enumerate(values):
            if any(value == each and type(value) is type(each) for each in values[:index]):
                yield Problem((*place, index), f"{str(value)[:80]!r} is listed twice", "keep one")
            yield from _refused((*place, index), name, value, finetuning)


def _problems_of_encoders(place: Place, values: Any) -> Iterator[Problem]:
    if not isinstance(values, list) or not values:
        yield Problem(place, f"{str(values)[:80]!r} is not a list of encoders", "write [resnet18, densenet121]")
        return
    for index, name in enumerate(values):
        if not isinstance(name, str) or name not in ARCHITECTURES:
            hint = nearest(str(name), ARCHITECTURES)
            yield Problem((*place, index), f"{str(name)[:80]!r} is not an encoder", hint)
        elif name in values[:index]:
            yield Problem((*place, index), f"{name!r} is listed twice", "keep one")


def with_label_fractions(content: Mapping[str, Any]) -> None:
    """Move the label fractions of a study's sweep into its tasks, in place."""
    sweep = section(content, "sweep")
    over = section(sweep, "over")
    if not isinstance(over.get(LABEL_FRACTION), list):
        return
    tasks = [task for task in (content.get("task"), *section(content, "tasks").values()) if isinstance(task, dict)]
    if any(LABEL_FRACTION in task for task in tasks):
        return  # set twice; reported by `sweep_problems`
    fractions = over.pop(LABEL_FRACTION)
    for task in tasks:
        task[LABEL_FRACTION] = sorted(fractions) if all(is_number(each) for each in fractions) else fractions
    if not over and isinstance(content, dict) and sweep.get("grid") is None:
        del content["sweep"]


def _problems_of_range(
    place: Place, name: str, values: dict[Any, Any], finetuning: type[BaseModel]
) -> Iterator[Problem]:
    kind = next(iter(values), None)
    bounds = values.get(kind)
    if len(values) != 1 or kind not in _RANGES:
        yield Problem(place, "is not a range", "write {log_uniform: [low, high]} or {uniform: [low, high]}")
    elif not isinstance(bounds, list) or len(bounds) != 2 or not all(is_number(each) for each in bounds):
        yield Problem((*place, kind), f"{str(bounds)[:80]!r} is not two numbers", f"write {kind}: [low, high]")
    elif not bounds[0] < bounds[1]:
        yield Problem((*place, kind), f"{bounds[0]} is not below {bounds[1]}", "write the lower one first")
    elif kind == "log_uniform" and bounds[0] <= 0:
        yield Problem((*place, kind), f"{bounds[0]} has no logarithm", "start above 0, or use uniform")
    else:
        for index, bound in enumerate(bounds):
            yield from _refused((*place, kind, index), name, bound, finetuning)


def _refused(place: Place, name: str, value: Any, finetuning: type[BaseModel]) -> Iterator[Problem]:
    """Check one value by the schema of fine-tuning."""
    try:
        finetuning.model_validate({name: value})
    except ValidationError as error:
        yield Problem(place, problem_text(error.errors()[0]))


def _problems_of_encoder(place: Place, sweep: Any, encoder: Any) -> Iterator[Problem]:
    """Check that an arm's encoder supports its sweep."""
    if not isinstance(encoder, str) or encoder not in ARCHITECTURES:
        return
    architecture = ARCHITECTURES[encoder]
    if sweep == "dinov2_linear" or (isinstance(sweep, dict) and sweep.get("grid") == "dinov2_linear"):
        if architecture.family not in CLASS_TOKEN_FAMILIES:
            message = f"dinov2_linear uses class tokens of a vision transformer, and {encoder} is not one"
            yield Problem(place, message, "use another sweep, or null")
        return
    over = sweep.get("over") if isinstance(sweep, dict) else None
    named = over.get(ENCODER) if isinstance(over, dict) else None
    swept = [each for each in named if isinstance(each, str)] if isinstance(named, list) else [encoder]
    for each in (name for name in swept if name in ARCHITECTURES):
        yield from _problems_of_swept_encoder(place, over, ARCHITECTURES[each])


def _problems_of_swept_encoder(place: Place, over: Any, architecture: Architecture) -> Iterator[Problem]:
    """Check swept depths and input sizes against one encoder."""
    depths = over.get("unfreeze") if isinstance(over, dict) else None
    for index, blocks in enumerate(depths if isinstance(depths, list) else ()):
        if isinstance(blocks, int) and blocks > architecture.blocks:
            message = f"{blocks} blocks, but {architecture.name} has {architecture.blocks}"
            yield Problem((*place, "over", "unfreeze", index), message, f"use 0 to {architecture.blocks}, or all")
    sizes = over.get("size") if isinstance(over, dict) else None
    for index, size in enumerate(sizes if isinstance(sizes, list) else ()):
        if isinstance(size, int) and not isinstance(size, bool) and size >= _SMALLEST_VIEW:
            try:
                architecture.padded(size)
            except HilumError as error:
                message = f"{architecture.name} takes {error.expected}, not {size} px"
                yield Problem((*place, "over", "size", index), message, "remove it")


_SMALLEST_VIEW = 16
"""Smallest valid input size in px; smaller ones are reported by the schema."""
