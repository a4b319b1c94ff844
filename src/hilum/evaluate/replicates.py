"""An arm in every redraw: the mean over its seeds, with patients and seeds redrawn, per finding and over findings.

Seeds are replicates: training anew is part of what an arm's number could have been. Each redraw draws the patients and,
independently, S of the S seeds, both with replacement (Owen, "The pigeonhole bootstrap", Annals of Applied Statistics
1:386-411, 2007). That counts the part of the noise that patients and seeds share more than once, which makes it
conservative where seeds agree; with two or three seeds that differ much it still says too little (docs/statistics.md).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.evaluate.arms import AlignedArms
from hilum.evaluate.auroc import aurocs
from hilum.evaluate.redrawn_auroc import redrawn_auroc
from hilum.evaluate.redraws import drawn_counts
from hilum.progress import ProgressReport, silent


@dataclass(frozen=True)
class ArmRedraws:
    """AUROC of one arm.

    Attributes:
        estimate: (F,), mean over seeds; NaN where undefined.
        redrawn: (F, B), the same in each redraw.
        seeds: how many.
        constant: (F,), whether a seed gave all images the same score.
    """

    estimate: NDArray[np.float64]
    redrawn: NDArray[np.float64]
    seeds: int
    constant: NDArray[np.bool_]

    def macro(self, included: NDArray[np.bool_]) -> tuple[float, NDArray[np.float64]]:
        """Mean over the included findings: of the estimates, and in each redraw (NaN where one is undefined)."""
        if not included.any():
            return float("nan"), np.full(self.redrawn.shape[1], np.nan)
        return float(self.estimate[included].mean()), self.redrawn[included].mean(axis=0)


def redraw_arms(
    aligned: AlignedArms,
    *,
    redraws: int,
    seed: int,
    threads: int | None = None,
    on_progress: ProgressReport = silent,
) -> dict[str, ArmRedraws]:
    """All arms on the same redraws of patients; arms with the same number of seeds also on the same redraws of seeds.

    Args:
        aligned: the arms.
        redraws: B.
        seed: of the redraws.
        threads: None for as many as this process may use.
        on_progress: told the redraws done.
    """
    layers = np.concatenate(list(aligned.scores.values()))
    redrawn = redrawn_auroc(
        aligned.labels,
        layers,
        aligned.patients,
        redraws=redraws,
        seed=seed,
        threads=threads,
        on_progress=on_progress,
    )
    results: dict[str, ArmRedraws] = {}
    begin = 0
    for arm, scores in aligned.scores.items():
        own = redrawn[begin : begin + len(scores)]
        begin += len(scores)
        results[arm] = ArmRedraws(
            estimate=np.mean([aurocs(aligned.labels, layer) for layer in scores], axis=0),
            redrawn=np.einsum("sfb,sb->fb", own, seed_weights(len(scores), redraws=redraws, seed=seed)),
            seeds=len(scores),
            constant=(scores.max(axis=1) == scores.min(axis=1)).any(axis=0),
        )
    return results


def seed_weights(seeds: int, *, redraws: int, seed: int) -> NDArray[np.float64]:
    """How much each seed counts in each redraw, (S, B); columns sum to 1."""
    return drawn_counts(seeds, draws=seeds, redraws=redraws, seed=seed, stream=seeds) / seeds
