"""Successive halving: all trials train for a short while, and only the better part of them goes on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hilum.errors import HilumError
from hilum.finetuning.trials.results import Criterion, TrialResult, rank_of


@dataclass(frozen=True)
class Halving:
    """Successive halving (Jamieson & Talwalkar, AISTATS 2016; Li et al., "Hyperband", JMLR 2018, algorithm 1).

    Trials pause behind η⁻ˢ, …, η⁻¹ of their epochs and go on to their ends; behind each pause the best 1/η of those
    that were there go on. They keep their schedule: a trial that is never pruned is the trial alone. s is as large as
    the numbers of trials and of epochs allow: the first part is at least an epoch, and one trial is left at the end.

    Args:
        reduction: η, at least 2.
        by: what trials are compared by.
    """

    reduction: int = 3
    by: Criterion = "validation_loss"

    def __post_init__(self) -> None:
        if self.reduction < 2:
            raise HilumError(
                "sweep.reduction", expected="2 or more", found=str(self.reduction), fix="3 and 4 are common."
            )

    def shares(self, trials: int, epochs: int) -> tuple[float, ...]:
        """Parts of all epochs behind which trials pause, ascending; the last one is 1.

        Args:
            trials: how many there are.
            epochs: of the longest.
        """
        pauses = min(_whole_logarithm(trials, self.reduction), _whole_logarithm(epochs, self.reduction))
        return tuple(float(self.reduction) ** -left for left in range(pauses, -1, -1))

    def survivors(self, results: Sequence[TrialResult], trials: int, rung: int) -> set[int]:
        """The trials that are among the best behind a pause, by their numbers; of equal ones, the first.

        Args:
            results: of all trials as they are at the pause.
            trials: how many there were at the start.
            rung: number of the pause, from 0.
        """
        in_race = [each for each in results if each.status not in ("diverged", "pruned")]
        count = max(1, trials // self.reduction ** (rung + 1))
        return {each.trial for each in sorted(in_race, key=lambda one: (rank_of(one, self.by), one.trial))[:count]}

    def planned_share(self, trials: int, epochs: int) -> float:
        """Cost by that of the whole grid, counted in epochs times trials, where no trial ends by itself."""
        spent, before = 0, 0
        for rung, share in enumerate(self.shares(trials, epochs)):
            until = max(1, round(share * epochs))
            spent += max(1, trials // self.reduction**rung) * (until - before)
            before = until
        return spent / (trials * epochs)


def _whole_logarithm(number: int, base: int) -> int:
    return math.floor(math.log(number, base) + 1e-9) if number > 1 else 0
