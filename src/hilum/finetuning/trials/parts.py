"""A search in parts that several processes train at the same time, with the bits of one that trains all of it.

A part is a group of trials that train in lockstep, up to a pause of successive halving or to their ends, in a batch of
proposals. It leaves its rounds in the working directory of the search, where `run_search` finds them.
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
    """What one process trains.

    Attributes:
        batch: of proposals, from 0.
        rung: of successive halving, from 0; 0 without.
        group: place among the groups of the batch (`groups_of`), from 0.
        rest: whether all groups behind it belong to it, too.
    """

    batch: int
    rung: int
    group: int
    rest: bool = False

    @property
    def name(self) -> str:
        """Of its own in a search."""
        return f"{self.batch}-{self.rung}-{self.group}"


def stages_of(
    space: Space | Sequence[Sample],
    settings_of: Callable[[Sample], FinetuneSettings],
    how: Search,
    encoder_name: str,
    images: int,
) -> list[list[Part]]:
    """The parts of a search, in stages: those of one stage can be trained at the same time, each stage after all parts
    of the one before it. Empty where every stage is a single part, so that nothing can be spread.

    Where later proposals decide how many groups a batch has, there are as many parts as groups are possible; those that
    find no group have nothing to do.

    Args:
        space, settings_of, how, encoder_name: as in `hilum.finetuning.trials.run_search`.
        images: of training.
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
    """Train one part of a search, unless that is done; parts of the stages before it must be done.

    Nobody else may train the same part at the same time. A killed call that is made again goes on where it was.

    Args:
        run: the search.
        part: one of `stages_of`.
        directory: of the search; its working directory is beside it.
    """
    beside = directory.with_name(f".{directory.name}.partial")
    with locked(directory, wait_seconds=3 * LEASE_SECONDS):  # only until it is clear what there is to do
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
    """In how many steps the trials of a group's encoder go to their ends."""
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
