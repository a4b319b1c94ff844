"""Parallel search: parts that several processes train at the same time, bit-identical to a single process.

A part is a group of trials in lockstep, up to a pause of successive halving or to their ends, in a batch of proposals.
Its rounds are in the working directory of the search, where `run_search` reads them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.artifacts import LEASE_SECONDS, locked
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials.lockstep import SHARED
from hilum.finetuning.trials.search import ENCODER, Group, Search, SearchRun, batches_of, groups_of
from hilum.finetuning.trials.space import Choices, Sample, Space


@dataclass(frozen=True)
class Part:
    """Part of a search for one process.

    Attributes:
        batch: Batch of proposals, from 0.
        rung: Pause of successive halving, from 0; 0 without halving.
        group: Index among the groups of the batch (`groups_of`), from 0.
        rest: True where all following groups belong to it as well.
    """

    batch: int
    rung: int
    group: int
    rest: bool = False

    @property
    def name(self) -> str:
        """Unique name in a search."""
        return f"{self.batch}-{self.rung}-{self.group}"


def stages_of(
    space: Space | Sequence[Sample],
    settings_of: Callable[[Sample], FinetuneSettings],
    how: Search,
    encoder_name: str,
    images: int,
) -> list[list[Part]]:
    """Divide a search into stages of parts; parts of one stage can be trained at the same time.

    A stage needs all parts of the stage before it. Where later proposals determine the number of groups of a batch,
    there are as many parts as possible groups; superfluous parts do nothing.

    Args:
        space, settings_of, how, encoder_name: As in `hilum.finetuning.trials.run_search`.
        images: Number of training images.

    Returns:
        Empty where every stage has a single part.
    """
    stages: list[list[Part]] = []
    for batch in range(batches_of(space, how)):
        if batch > 0 and not isinstance(space, Sequence):
            stages.append(_in_a_row(batch, 0, range(_groups_at_most(space, how.batches(space)[batch]))))
            continue
        samples = list(space) if isinstance(space, Sequence) else how.samples(space, batch, [])
        groups = groups_of(samples, settings_of, encoder_name)
        pauses = [_pauses(group, samples, settings_of, how, encoder_name, images) for group in groups]
        stages += [
            _in_a_row(batch, rung, [n for n, count in enumerate(pauses) if rung < count]) for rung in range(max(pauses))
        ]
    return stages if any(len(stage) > 1 for stage in stages) else []


def train_part(run: SearchRun, part: Part, directory: Path) -> None:
    """Train one part of a search, unless it is complete; earlier stages must be complete.

    No other process may train the same part at the same time. A repeated call after an interruption resumes.

    Args:
        run: Search.
        part: One of `stages_of`.
        directory: Output directory of the search; its working directory is beside it.
    """
    beside = directory.with_name(f".{directory.name}.partial")
    with locked(directory, wait_seconds=3 * LEASE_SECONDS):  # only to determine the work
        if directory.exists():
            return
        beside.mkdir(parents=True, exist_ok=True)
        rows, _ = run.batches(beside, before=part.batch)
        samples = run.samples(beside, part.batch, rows)
        groups = groups_of(samples, run.settings_of, run.encoder_name)
        ours = groups[part.group :] if part.rest else groups[part.group : part.group + 1]
        begun = []
        for group in ours:
            trials, place = run.trials(samples, group.encoder), run.place(beside, part.batch, samples, group.encoder)
            if trials.is_complete(place) or part.rung >= len(trials.shares):
                continue
            working = place.with_name(f".{place.name}.partial")
            working.mkdir(parents=True, exist_ok=True)
            begun.append((group, trials, working, trials.begin(working, shared=True)))
    for group, trials, working, rounds in begun:
        trials.train(working, rounds, rung=part.rung, some=frozenset(group.trials))


def _in_a_row(batch: int, rung: int, groups: Sequence[int]) -> list[Part]:
    return [Part(batch, rung, group, rest=group == groups[-1]) for group in groups]


def _pauses(
    group: Group,
    samples: Sequence[Sample],
    settings_of: Callable[[Sample], FinetuneSettings],
    how: Search,
    encoder_name: str,
    images: int,
) -> int:
    """Return the number of rungs of the trials of a group's encoder."""
    if how.halving is None:
        return 1
    settings = [settings_of(each) for each in samples if each.get(ENCODER, encoder_name) == group.encoder]
    return len(how.halving.shares(len(settings), max(each.epochs_of(images) for each in settings)))


def _groups_at_most(space: Space, samples: int) -> int:
    count = 1
    for name in {ENCODER, *SHARED} & set(space):
        values = space[name]
        count *= len(values.values) if isinstance(values, Choices) else samples
    return min(count, samples)
