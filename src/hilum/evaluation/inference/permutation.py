"""Permutation test of two arms: their scores are exchanged at random by patient; no distribution is assumed."""

import numpy as np
from numpy.typing import NDArray

from hilum.draws import uniforms
from hilum.evaluation.bootstrap import compiled

_COIN = 61_001
"""Stream of `hilum.draws` for the coins."""


def permutation_p(
    labels: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    patients: NDArray[np.int32],
    *,
    permutations: int = 2000,
    seed: int = 0,
) -> float:
    """Compute the two-sided p-value of "the arms are exchangeable" from the AUROC difference.

    For each patient a coin decides whether the scores of all its images are exchanged (Venkatraman & Begg, Biometrika
    83:835-848, 1996; Bandos, Rockette & Gur, Statistics in Medicine 24:2873-2893, 2005). Scores are replaced by ranks
    within each arm first, since arms may have different scales. p = (k + 1) / (B + 1).

    Args:
        labels: (N,), 1, 0 or NaN (unknown).
        first, second: (N,), or (S, N) with equal numbers of seeds, exchanged together.
        patients: (N,), 0 to P - 1.
        permutations: Number of permutations B.
        seed: Random seed of the coins.

    Returns:
        1 / (B + 1) to 1; NaN without positives or negatives.
    """
    known = ~np.isnan(labels)
    sick, owner = labels[known] == 1, patients[known]
    one, two = (_doubled_ranks(np.atleast_2d(arm)[:, known]) for arm in (first, second))
    if not 0 < sick.sum() < len(sick):
        return float("nan")
    units = int(owner.max()) + 1
    turned = np.zeros((units, permutations + 1), dtype=np.bool_)
    for begin in range(0, permutations, _AT_ONCE):
        number = min(_AT_ONCE, permutations - begin)
        coins = uniforms(seed, np.arange(units, dtype=np.uint64), number, epoch=begin // _AT_ONCE, view=_COIN)
        turned[:, 1 + begin : 1 + begin + number] = coins < 0.5
    differences = np.abs(_differences(sick, one, two, owner, turned))
    beyond = np.count_nonzero(differences[1:] >= differences[0] - 1e-12)
    return (int(beyond) + 1) / (permutations + 1)


_AT_ONCE = 4096


def _doubled_ranks(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Compute midranks within each row, times two so that they are whole numbers."""
    ordered = np.sort(scores, axis=1)
    rows = zip(ordered, scores, strict=True)
    return np.stack([np.searchsorted(o, s, "left") + np.searchsorted(o, s, "right") for o, s in rows])


@compiled
def _differences(
    sick: NDArray[np.bool_],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    owner: NDArray[np.int32],
    turned: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Compute the mean over seeds of AUROC first minus second, for each column of coins, (B,)."""
    seeds, images = first.shape
    out = np.zeros(turned.shape[1])
    counts = np.zeros((2, 2, 2 * images + 1), dtype=np.int64)
    positives = 0
    for image in range(images):
        positives += sick[image]
    for column in range(turned.shape[1]):
        for seed in range(seeds):
            counts[:] = 0
            for image in range(images):
                side = 1 if sick[image] else 0
                other = 1 if turned[owner[image], column] else 0
                counts[other, side, first[seed, image]] += 1
                counts[1 - other, side, second[seed, image]] += 1
            for arm in range(2):
                won, below = 0, 0
                for rank in range(2 * images + 1):
                    here = counts[arm, 0, rank]
                    won += counts[arm, 1, rank] * (2 * below + here)
                    below += here
                area = won / (2 * positives * (images - positives))
                out[column] += area / seeds if arm == 0 else -area / seeds
    return out
