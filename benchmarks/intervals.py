"""What seeds as replicates are worth, by simulation; for coverage see coverage_simulation.py.

    python benchmarks/intervals.py [--test-sets 1000] [--out intervals.json]

Made-up test sets whose truth is known: two arms that are equally good (and two that are not), S training runs each: how
often the paired test claims a difference at 5 %, when seeds are resampled with the patients and when only patients are.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hilum.evaluation.estimation import seed_weights
from hilum.evaluation.inference import two_sided_p
from hilum.evaluation.metrics import bootstrap_roc_auc

N_BOOTSTRAP = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test-sets", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    echo = sys.stdout.write

    echo("Paired test at 5 %, 300 patients, 75 positive: share of test sets where a difference is claimed\n")
    echo("difference  seeds  spread of seeds   patients only   patients and seeds\n")
    claims = []
    for shift in (0.0, 0.35):
        for seeds in (2, 3, 5):
            for spread in (0.0, 0.05, 0.15):
                row = claimed(shift, seeds, spread, chosen.test_sets)
                claims.append(row)
                echo(
                    f"{row['difference']:>10.3f}  {seeds:>5}  {row['seed_sd_auroc']:>15.3f}   "
                    f"{row['patients']:>13.3f}   {row['patients_and_seeds']:>18.3f}\n"
                )
    if chosen.out:
        chosen.out.write_text(json.dumps({"claims": claims}, indent=2) + "\n", encoding="utf-8")


def claimed(shift: float, seeds: int, spread: float, test_sets: int) -> dict[str, float]:
    """Share of test sets where the paired test says p <= 0.05.

    Scores are separation x label + noise of variance 1: 0.49 shared by all arms, 0.16 by an arm's seeds, the rest own.
    """
    separation, patients = 1.2, 300
    claims = {"patients": 0, "patients_and_seeds": 0}
    weights_of = np.full((seeds, N_BOOTSTRAP), 1 / seeds)
    for test_set in range(test_sets):
        rng = np.random.default_rng([seeds, int(100 * spread), test_set])
        label = (np.arange(patients) < patients // 4).astype(np.float64)
        shared = 0.7 * rng.normal(size=patients)
        arms = []
        for arm in range(2):
            of_arm = 0.4 * rng.normal(size=patients)
            ability = separation + shift * arm + spread * rng.normal(size=(seeds, 1))
            own = np.sqrt(1 - 0.7**2 - 0.4**2) * rng.normal(size=(seeds, patients))
            arms.append(ability * label + shared + of_arm + own)
        resampled = _resampled(label, np.concatenate(arms), np.arange(patients, dtype=np.int32), test_set)
        differences = resampled[seeds:] - resampled[:seeds]
        weights = {
            "patients": weights_of,
            "patients_and_seeds": seed_weights(seeds, n_bootstrap=N_BOOTSTRAP, seed=test_set),
        }
        for unit, weight in weights.items():
            claims[unit] += two_sided_p((differences * weight).sum(axis=0), patients=patients // 4) <= 0.05
    slope = float(stats.norm.pdf(separation / np.sqrt(2)) / np.sqrt(2))
    better = float(stats.norm.cdf((separation + shift) / np.sqrt(2)) - stats.norm.cdf(separation / np.sqrt(2)))
    return {
        "difference": better,
        "seeds": seeds,
        "seed_sd_auroc": spread * slope,
        **{unit: count / test_sets for unit, count in claims.items()},
    }


def _resampled(
    label: NDArray[np.float64], scores: NDArray[np.float64], owners: NDArray[np.int32], seed: int
) -> NDArray[np.float64]:
    return bootstrap_roc_auc(label[:, None], scores[:, :, None], owners, n_bootstrap=N_BOOTSTRAP, seed=seed, threads=1)[
        :, 0
    ]


if __name__ == "__main__":
    main()
