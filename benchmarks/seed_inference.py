"""Which comparison of arms with several seeds is honest, and which shows most: seeds resampled, or as random readers.

    python benchmarks/seed_inference.py [--part calibration|readers|all] [--test-sets 1000] [--quick] [--out FILE.json]

`calibration`: made-up test sets of two arms that are equally good (and two that are not), S trainings each, with few or
many patients: how often a difference is claimed at 5 % by Obuchowski and Rockette's test with Hillis's degrees of
freedom (seeds nested in arms, as Hilum has it; and factorial), and by resampling seeds with the patients.

`readers`: Roe and Metz's model as in iMRMC's public-domain validation table (https://github.com/DIDSR/iMRMC,
validation/MLEvalidation: true variance of the difference by numerical integration, mean of its estimate, rejections in
100,000 trials): readers read under both tests, so the design is factorial.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hilum.evaluation.estimation import seed_weights
from hilum.evaluation.inference import auroc_covariance, compare_seeds, two_sided_p
from hilum.evaluation.metrics import bootstrap_roc_auc

N_BOOTSTRAP = 400
SEEDS = (2, 3, 5, 10)
SPREADS = (0.0, 0.01, 0.03)
PATIENTS = (120, 1200)
SHARED_BY_SEEDS = (0.0, 0.8)
"""Share of the spread that seed s of one arm has in common with seed s of the other."""

SEPARATION, OF_ALL, OF_ARM = 1.2, 0.7, 0.4
"""AUROC 0.80; weight of what all trainings see alike in a patient, and of what those of one arm do."""

CLAIMS = ("nested", "factorial", "bootstrap")

IMRMC = [
    # file, readers (AR = R), cases (AC = C), RC0 = ARC0, RC1 = ARC1, mu, cases a side, readers; of the table: true
    # variance, mean estimate, rejections by the normal and by Hillis's test
    ("001", 0.011, 0.3, 0.2, 0.2, 0.75, 48, 6, 2.2632e-3, 2.5735e-3, 0.0387, 0.0366),
    ("004", 0.011, 0.3, 0.2, 0.2, 0.75, 90, 6, 1.4068e-3, 1.5343e-3, 0.0452, 0.0400),
    ("022", 0.03, 0.3, 0.2, 0.2, 1.5, 90, 6, 1.0493e-3, 1.0909e-3, 0.0531, 0.0397),
    ("040", 0.056, 0.3, 0.2, 0.2, 2.5, 90, 6, 3.2139e-4, 3.4113e-4, 0.0379, 0.0227),
    ("076", 0.0055, 0.3, 0.2, 0.2, 1.5, 90, 6, 6.0246e-4, 7.0945e-4, 0.0347, 0.0329),
    ("088", 0.0055, 0.3, 0.2, 0.2, 1.5, 90, 18, 4.9072e-4, 5.3386e-4, 0.0407, 0.0407),
    ("127", 0.03, 0.1, 0.2, 0.6, 1.5, 48, 6, 1.0453e-3, 1.4133e-3, 0.0272, 0.0136),
    ("184", 0.0055, 0.1, 0.2, 0.6, 1.5, 90, 6, 3.5705e-4, 5.7243e-4, 0.0153, 0.0091),
    ("199", 0.0055, 0.1, 0.2, 0.6, 2.5, 48, 6, 1.2307e-4, 2.4858e-4, 0.0045, 0.0020),
    ("214", 0.0055, 0.1, 0.2, 0.6, 2.5, 90, 18, 3.6922e-5, 6.1122e-5, 0.0102, 0.0099),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["calibration", "readers", "all"], default="all")
    parser.add_argument("--test-sets", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="A row or two of each part on 20 test sets.")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    test_sets = 20 if chosen.quick else chosen.test_sets
    result: dict[str, list[dict[str, float | str]]] = {}
    with ProcessPoolExecutor(chosen.processes) as pool:
        for name, rows_of in (("calibration", calibration_rows), ("readers", reader_rows)):
            if chosen.part in (name, "all"):
                result[name] = list(rows_of(pool, test_sets, quick=chosen.quick))
                sys.stdout.write(markdown(result[name]) + "\n")
                sys.stdout.flush()
    if chosen.out:
        chosen.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def calibration_rows(pool: ProcessPoolExecutor, test_sets: int, *, quick: bool) -> Iterator[dict[str, float | str]]:
    cells = [
        (patients, seeds, spread, shared)
        for patients in PATIENTS
        for seeds in SEEDS
        for spread in SPREADS
        for shared in (SHARED_BY_SEEDS if spread else (0.0,))
    ]
    jobs = [pool.submit(calibration, *cell, test_sets) for cell in (cells[4:6] if quick else cells)]
    return (job.result() for job in jobs)


def calibration(patients: int, seeds: int, spread: float, shared: float, test_sets: int) -> dict[str, float | str]:
    """Share of test sets with p <= 0.05, per cent, of two equal arms and of two that truly differ.

    The difference is that which the test with known variances would find in about 80 % of the test sets.
    """
    slope = float(stats.norm.pdf(SEPARATION / np.sqrt(2)) / np.sqrt(2))
    true_error = _true_error(patients, seeds, spread, shared)
    row: dict[str, float | str] = {"patients": patients, "seeds": seeds, "seed SD": spread, "shared by seeds": shared}
    for kind, shift in (("false", 0.0), ("found", 2.8 * true_error / slope)):
        claims = dict.fromkeys(CLAIMS, 0)
        for number in range(test_sets):
            key = [patients, seeds, round(1000 * spread), round(10 * shared), number]
            label, scores = trained_arms(np.random.default_rng(key), patients, seeds, spread / slope, shared, shift)
            for name, p in p_values(label, scores, seeds, number).items():
                claims[name] += p <= 0.05
        row |= {f"{kind}: {name}": 100 * count / test_sets for name, count in claims.items()}
    row["difference"] = 2.8 * true_error
    return row


def trained_arms(
    rng: np.random.Generator, patients: int, seeds: int, spread: float, shared: float, shift: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Labels (N,), a quarter of them positive, and scores (2 S, N): ability x label + noise of variance 1."""
    label = (np.arange(patients) < patients // 4).astype(np.float64)
    of_all = OF_ALL * rng.normal(size=patients)
    common = rng.normal(size=(seeds, 1))
    arms = []
    for arm in range(2):
        own_ability = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=(seeds, 1))
        ability = SEPARATION + shift * arm + spread * own_ability
        own = np.sqrt(1 - OF_ALL**2 - OF_ARM**2) * rng.normal(size=(seeds, patients))
        arms.append(ability * label + of_all + OF_ARM * rng.normal(size=patients) + own)
    return label, np.concatenate(arms)


def p_values(label: NDArray[np.float64], scores: NDArray[np.float64], seeds: int, number: int) -> dict[str, float]:
    """Of the second arm less the first."""
    owners = np.arange(len(label), dtype=np.int32)
    rarer = int(min(label.sum(), len(label) - label.sum()))
    known = auroc_covariance(label[:, None], scores[:, :, None], owners, mean_over=np.array([True]), threads=1)
    values = known.estimates[0]
    order = [*range(seeds, 2 * seeds), *range(seeds)]
    covariance = known.covariance[0][np.ix_(order, order)]
    message = {
        design: compare_seeds(values[seeds:], values[:seeds], covariance, design=design, patients=rarer).p()
        for design in ("nested", "factorial")
    }
    resampled = bootstrap_roc_auc(
        label[:, None], scores[:, :, None], owners, n_bootstrap=N_BOOTSTRAP, seed=number, threads=1
    )[:, 0]
    weights = seed_weights(seeds, n_bootstrap=N_BOOTSTRAP, seed=number)
    differences = ((resampled[seeds:] - resampled[:seeds]) * weights).sum(axis=0)
    return message | {"bootstrap": two_sided_p(differences, patients=rarer)}


def _true_error(patients: int, seeds: int, spread: float, shared: float) -> float:
    """Standard deviation of the difference of two equal arms over 400 test sets and trainings."""
    slope = float(stats.norm.pdf(SEPARATION / np.sqrt(2)) / np.sqrt(2))
    differences = []
    for number in range(400):
        rng = np.random.default_rng([7, patients, seeds, round(1000 * spread), round(10 * shared), number])
        label, scores = trained_arms(rng, patients, seeds, spread / slope, shared, 0.0)
        areas = _areas(label, scores)
        differences.append(areas[seeds:].mean() - areas[:seeds].mean())
    return float(np.std(differences, ddof=1))


def _areas(label: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks = stats.rankdata(scores, axis=1)
    positives = label.sum()
    won = ranks[:, label == 1].sum(axis=1) - positives * (positives + 1) / 2
    return won / (positives * (len(label) - positives))  # type: ignore[no-any-return]


def reader_rows(pool: ProcessPoolExecutor, test_sets: int, *, quick: bool) -> Iterator[dict[str, float | str]]:
    jobs = [pool.submit(readers, row, test_sets) for row in (IMRMC[:1] if quick else IMRMC)]
    return (job.result() for job in jobs)


def readers(row: tuple, test_sets: int) -> dict[str, float | str]:
    """One row of iMRMC's table beside the bootstrap and Obuchowski and Rockette's test."""
    name, _, _, _, _, _, cases, number, true, estimated, by_normal, by_hillis = row
    label = np.repeat([0.0, 1.0], cases)
    owners = np.arange(2 * cases, dtype=np.int32)
    differences, of_resamples, of_hillis = [], [], []
    claims = {"bootstrap": 0, "hillis": 0}
    for trial in range(test_sets):
        scores = roe_and_metz(np.random.default_rng([int(name), trial]), row)
        known = auroc_covariance(label[:, None], scores[:, :, None], owners, mean_over=np.array([True]), threads=1)
        values = known.estimates[0]
        test = compare_seeds(values[:number], values[number:], known.covariance[0], design="factorial")
        resampled = bootstrap_roc_auc(
            label[:, None], scores[:, :, None], owners, n_bootstrap=N_BOOTSTRAP, seed=trial, threads=1
        )
        weights = seed_weights(number, n_bootstrap=N_BOOTSTRAP, seed=trial)
        drawn = ((resampled[:number, 0] - resampled[number:, 0]) * weights).sum(axis=0)
        differences.append(test.difference)
        of_resamples.append(float(np.var(drawn, ddof=1)))
        of_hillis.append(test.variance)
        claims["hillis"] += test.p() <= 0.05
        claims["bootstrap"] += two_sided_p(drawn, patients=cases) <= 0.05
    return {
        "file": name,
        "true variance x 1e4": 1e4 * true,
        "here": 1e4 * float(np.var(differences, ddof=1)),
        "iMRMC's estimate": 1e4 * estimated,
        "of resamples": 1e4 * float(np.mean(of_resamples)),
        "of OR": 1e4 * float(np.mean(of_hillis)),
        "iMRMC rejects: normal": 100 * by_normal,
        "iMRMC rejects: Hillis": 100 * by_hillis,
        "resamples reject": 100 * claims["bootstrap"] / test_sets,
        "OR-Hillis rejects": 100 * claims["hillis"] / test_sets,
    }


def roe_and_metz(rng: np.random.Generator, row: tuple) -> NDArray[np.float64]:
    """Scores (2 readers, cases): negatives first; every effect once for both tests and once for each."""
    _, of_reader, of_case, mixed_0, mixed_1, separation, cases, number = row[:8]
    sides = []
    for mixed, mean in ((mixed_0, 0.0), (mixed_1, separation)):
        effects = []
        for shape in ((1, number, cases), (2, number, cases)):
            one = np.sqrt(of_reader) * rng.normal(size=(shape[0], number, 1))
            one = one + np.sqrt(of_case) * rng.normal(size=(shape[0], 1, cases))
            effects.append(one + np.sqrt(mixed) * rng.normal(size=shape))
        sides.append(mean + effects[0] + effects[1])
    return np.concatenate(sides, axis=2).reshape(2 * number, 2 * cases)


def markdown(rows: list[dict[str, float | str]]) -> str:
    titles = list(rows[0])
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(_number(row[title]) for title in titles) + " |" for row in rows]
    return "\n".join(lines)


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


if __name__ == "__main__":
    main()
