"""Sweep of an arm: search space, settings of its trials, and required memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hilum.errors import HilumError
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials import (
    MemberShapes,
    Part,
    Range,
    Sample,
    Search,
    Space,
    available_memory,
    chunks_that_fit,
    grid_of,
    lockstep_bytes,
    lockstep_groups,
    stages_of,
    storage_url,
)
from hilum.finetuning.trials.search import AT_ONCE, read_selected
from hilum.finetuning.trials.trials import refuse_in_lockstep
from hilum.study.file import Finetuning, Study, finetune_settings
from hilum.study.file.sweep import ENCODER, sweep_space
from hilum.study.plan.steps import image_size, sweep_directory
from hilum.training.distributed.device import choose_device


@dataclass(frozen=True)
class SweepRequirements:
    """Size and required memory of a sweep, computed before it runs.

    Attributes:
        search: Search strategy.
        select: Selection criterion.
        settings: Description of the values of each swept setting.
        trials: Number of trials.
        planned_share: Epochs of all trials as a fraction of those without early termination; 1 without halving.
        rounds: Rounds of trials that train together.
        bytes: Memory of the largest round in bytes.
        memory: Available memory in bytes.
        groups: Maximum number of groups of trials that can train in parallel processes.
    """

    search: str
    select: str
    settings: Mapping[str, str]
    trials: int
    planned_share: float
    rounds: int
    bytes: int
    memory: int
    groups: int = 1

    @property
    def description(self) -> str:
        """Description in one line."""
        settings = " × ".join(f"{name} {values}" for name, values in self.settings.items())
        cost = f", {self.planned_share:.0%} of the full cost" if self.planned_share < 1 else ""
        rounds = "one round" if self.rounds == 1 else f"{self.rounds} rounds"
        return (
            f"{self.trials} trials ({self.search}{cost}) of {settings}; selected by {self.select} on validation "
            f"images; {rounds}, at most {self.bytes / 1e9:.2f} of {self.memory / 1e9:.1f} GB; {self.parallelism}"
        )

    @property
    def parallelism(self) -> str:
        """Description of the parallelism."""
        if self.groups == 1:
            return "trained in one process"
        return f"{self.groups} groups, which --jobs and --cluster train in parallel"


def search_of(study: Study, arm: str) -> Search:
    """Return the search of an arm's sweep; its seed is the study's first."""
    sweep = study.sweep_of(arm)
    if sweep is None:
        raise ValueError(f"{arm} has no sweep")
    at_once = AT_ONCE if sweep.trials_at_once is None else sweep.trials_at_once
    return Search(sweep.search, sweep.trials, sweep.select, study.seeds[0], sweep.reduction, at_once)


def space_of(study: Study, arm: str, images: int) -> Space | list[Sample]:
    """Return the search space of an arm.

    Args:
        study: The study.
        arm: Name of the arm.
        images: Number of labelled training images.
    """
    sweep = study.sweep_of(arm)
    if sweep is None:
        raise ValueError(f"{arm} has no sweep")
    frozen: Sample = {"unfreeze": 0} if sweep.grid == "dinov2_linear" else {}
    batch_size = trial_settings(study, arm, frozen, images).batch_size
    return sweep_space(sweep, study.arms[arm].encoder, batch_size)


def trial_settings(study: Study, arm: str, sample: Mapping[str, Any], images: int) -> FinetuneSettings:
    """Resolve the settings of one trial: the arm's, overridden by the sample, with defaults from presets.

    Args:
        study: The study.
        arm: Name of the arm.
        sample: Sampled settings by name.
        images: Number of labelled training images.
    """
    settings = finetune_settings(with_settings(study, arm, sample), arm, images)
    others = {k: value for k, value in sample.items() if k not in Finetuning.model_fields and k != ENCODER}
    return replace(settings, **others)


def with_settings(study: Study, arm: str, sample: Mapping[str, Any]) -> Study:
    """Return the study with sampled settings in an arm's own `finetune`, as far as the schema has them."""
    own = study.arms[arm]
    known = {name: value for name, value in sample.items() if name in Finetuning.model_fields}
    before = own.finetune.given()
    if {"steps", "epochs"} & set(known):
        before = {name: value for name, value in before.items() if name not in ("steps", "epochs")}
    tuning, encoder = Finetuning.model_validate(before | known), sample.get(ENCODER, own.encoder)
    changed = own.model_copy(update={"finetune": tuning, "encoder": encoder})
    return study.model_copy(update={"arms": {**study.arms, arm: changed}})


def selected_sample(study: Study, out: Path, arm: str) -> Sample:
    """Read the settings that an arm's sweep selected; empty without a sweep.

    Raises:
        FileNotFoundError: The sweep is not done.
    """
    if study.sweep_of(arm) is None:
        return {}
    sample: Sample = read_selected(out / sweep_directory(study, arm))["settings"]
    return sample


def sweep_inputs(study: Study, arm: str, images: int) -> dict[str, Any]:
    """Return the inputs of a sweep for its fingerprint."""
    sweep = study.sweep_of(arm)
    return {
        "space": repr(space_of(study, arm, images)),
        "how": search_of(study, arm).key,
        "best_per": sweep.best_per if sweep else [],
    }


def sweep_requirements(study: Study, arm: str, images: tuple[int, int]) -> SweepRequirements:
    """Compute the number of trials of an arm's sweep and the memory that they need, from tensor shapes.

    For ranges, the memory is that of trials at their upper ends.

    Args:
        study: The study.
        arm: Name of the arm.
        images: Numbers of training and of validation images.

    Raises:
        HilumError: One trial needs more memory than available.
    """
    space, how, (train, _) = space_of(study, arm, images[0]), search_of(study, arm), images
    samples, trials = samples_at_once(space, how)
    settings = [trial_settings(study, arm, sample, train) for sample in samples]
    memory = available_memory(choose_device(settings[0].device))
    common: dict[str, Any] = {"findings": len(study.task.findings), "images": images}
    rounds, most = 0, 0
    encoders = [sample.get(ENCODER, study.arms[arm].encoder) for sample in samples]
    alike = [
        (encoder, [number for number in some if encoders[number] == encoder])
        for encoder in dict.fromkeys(encoders)
        for some in lockstep_groups(settings)
    ]
    for encoder, some in alike:
        if not some:
            continue
        size = settings[some[0]].size or image_size(study)
        numbered = [(number, settings[number]) for number in some]
        chunks = chunks_that_fit(numbered, encoder, size=size, memory=memory, **common)
        rounds += len(chunks)
        known: dict[tuple[str, int], MemberShapes] = {}
        for chunk in chunks:
            need = lockstep_bytes([settings[n] for n in chunk], encoder, size=size, known=known, **common)
            most = max(most, need.total)
    fraction = (
        how.halving.planned_share(trials, max(each.epochs_of(train) for each in settings)) if how.halving else 1.0
    )
    varied = _describe(space)
    groups = max(map(len, stages_of_sweep(study, arm, train)), default=1)
    return SweepRequirements(how.kind, how.select, varied, trials, fraction, rounds, most, memory, groups)


def stages_of_sweep(study: Study, arm: str, images: int) -> list[list[Part]]:
    """Return the parts of an arm's sweep that several processes can train (`hilum.finetuning.trials.stages_of`).

    Args:
        study: The study.
        arm: Name of the arm.
        images: Number of labelled training images.
    """
    return stages_of(
        space_of(study, arm, images),
        lambda sample: trial_settings(study, arm, sample, images),
        search_of(study, arm),
        study.arms[arm].encoder,
        images,
    )


def required_by_sweeps(study: Study, train: int, val: int) -> dict[str, SweepRequirements | HilumError]:
    """Compute the requirements of every arm with a sweep; an error where one trial needs more memory than available.

    Args:
        study: The study.
        train, val: Numbers of training and of validation images.
    """
    found: dict[str, SweepRequirements | HilumError] = {}
    for arm in study.arms:
        if study.sweep_of(arm) is not None:
            try:
                found[arm] = sweep_requirements(study, arm, (train, val))
            except HilumError as error:
                found[arm] = error
    return found


def samples_at_once(space: Space | list[Sample], how: Search) -> tuple[list[Sample], int]:
    """Return the samples of the largest batch of trials, and the total number of trials."""
    if isinstance(space, list):
        return space, len(space)
    batches = how.batches(space)
    lists = {name: values for name, values in space.items() if not isinstance(values, Range)}
    high = {name: values.high for name, values in space.items() if isinstance(values, Range)}
    at_high = {name: int(v) if isinstance(r := space[name], Range) and r.whole else v for name, v in high.items()}
    grid = [{**sample, **at_high} for sample in grid_of(lists)]
    at_once = max(batches)
    return (grid * -(-at_once // len(grid)))[-at_once:], sum(batches)


def _describe(space: Space | list[Sample]) -> dict[str, str]:
    if isinstance(space, list):
        found = {name: {str(sample[name]) for sample in space} for name in space[0]}
        return {name: f"{len(some)} values" for name, some in found.items() if len(some) > 1}
    text = {}
    for name, values in space.items():
        if isinstance(values, Range):
            text[name] = f"{values.low:g} to {values.high:g}"
        else:
            text[name] = ", ".join(str(each) for each in values.values)
    return text


def trial_problems(study: Study, images: int) -> list[str]:
    """Find invalid combinations of settings in trials, one line per arm and problem.

    Args:
        study: The study.
        images: Number of labelled training images.
    """
    problems = []
    for arm in study.arms:
        sweep = study.sweep_of(arm)
        if sweep is None:
            continue
        if sweep.storage is not None:
            try:
                storage_url(sweep.storage)
            except HilumError as error:
                problems.append(f"arms.{arm}, sweep.storage: {' '.join(str(error).split())}")
        space = space_of(study, arm, images)
        samples, _ = samples_at_once(space, search_of(study, arm))
        found: dict[str, None] = {}
        for sample in samples:
            try:
                settings = trial_settings(study, arm, sample, images)
                settings.training(0, images)
                refuse_in_lockstep(settings)
            except (HilumError, ValueError) as error:
                found[" ".join(str(error).split())] = None
        problems += [f"arms.{arm}, sweep: {text}" for text in found]
    return problems
