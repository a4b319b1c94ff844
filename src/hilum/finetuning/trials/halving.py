"""Successive halving: all trials train for a part of their epochs, and only the best ones continue."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hilum.declared import raise_problems, range_problems
from hilum.finetuning.trials.results import Criterion, TrialResult, rank_of
from hilum.finetuning.trials.space import HalvingReduction


@dataclass(frozen=True)
class Halving:
    """Successive halving (Jamieson & Talwalkar, AISTATS 2016; Li et al., "Hyperband", JMLR 2018, algorithm 1).

    Trials pause after η⁻ˢ, …, η⁻¹ of their epochs; after each pause the best 1/η of the remaining trials continue. They
    keep their schedule: a trial that is never pruned is equal to the trial alone. s is as large as the numbers of
    trials
    and epochs allow: the first part has at least one epoch, and one trial remains at the end.

    Args:
        reduction: Reduction factor η.
        by: Criterion of comparison.
    """

    reduction: HalvingReduction = 3
    by: Criterion = "validation_loss"

    def __post_init__(self) -> None:
        raise_problems(range_problems(type(self), vars(self), "sweep"), "sweep")

    def shares(self, trials: int, epochs: int) -> tuple[float, ...]:
        """Return the fractions of all epochs after which trials pause, ascending; the last one is 1.

        Args:
            trials: Number of trials.
            epochs: Epochs of the longest trial.
        """
        pauses = min(_whole_logarithm(trials, self.reduction), _whole_logarithm(epochs, self.reduction))
        return tuple(float(self.reduction) ** -left for left in range(pauses, -1, -1))

    def survivors(self, results: Sequence[TrialResult], trials: int, rung: int) -> set[int]:
        """Return the numbers of the best trials at a pause; the first of ties.

        Args:
            results: Results of all trials at the pause.
            trials: Number of trials at the start.
            rung: Number of the pause, from 0.
        """
        in_race = [each for each in results if each.status not in ("diverged", "pruned")]
        count = max(1, trials // self.reduction ** (rung + 1))
        return {each.trial for each in sorted(in_race, key=lambda one: (rank_of(one, self.by), one.trial))[:count]}

    def planned_share(self, trials: int, epochs: int) -> float:
        """Compute the cost relative to the whole grid, in epochs times trials, without early stopping."""
        spent, before = 0, 0
        for rung, share in enumerate(self.shares(trials, epochs)):
            until = max(1, round(share * epochs))
            spent += max(1, trials // self.reduction**rung) * (until - before)
            before = until
        return spent / (trials * epochs)


def _whole_logarithm(number: int, base: int) -> int:
    return math.floor(math.log(number, base) + 1e-9) if number > 1 else 0
