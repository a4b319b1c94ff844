"""Are the intervals and tests honest? Made-up test sets whose truth is known: coverage, type-I error, false discovery.

    python benchmarks/coverage_simulation.py [--part coverage|claims|discoveries|all] [--test-sets 2000] [--processes 2]

Patients have 1, 2, 3 ... images (3 on average, geometric); a sick patient's first image is positive and each further
one with probability 0.6. An image's score is separation x label + noise of variance 1, of which 0.6 is the patient's.
"reported" is what `hilum evaluate` and `hilum compare` give; "by image" resamples images instead of patients, in every
fourth test set, for drawing them takes longest. Prints Markdown. Cells with many images get fewer test sets: their
number is
    in the
table. Everything follows from the seeds.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hilum.evaluation import benjamini_hochberg, delong
from hilum.evaluation.bootstrap import BLOCK, Statistic, bootstrap_counts, jackknife_statistics
from hilum.evaluation.inference import FEW_PATIENTS, bca_interval, percentile_interval, score_interval, two_sided_p
from hilum.evaluation.metrics import auroc_statistic

N_BOOTSTRAP = 512

N_BOOTSTRAP_FOR_FAMILIES = 2048
"""With 512 the smallest p is 0.004, and the smallest of 14 must be below 0.0036 to be claimed."""

POOL = 16
"""Sets of resamples that test sets of one size take in turn; drawing anew for each would take most of the time."""

BY_IMAGE = 4
"""One test set in so many is resampled by image, too: of images each has another number, so those are drawn anew."""

CELLS = [
    # images, share of sick patients
    (500, 0.03),
    (500, 0.06),
    (500, 0.12),
    (500, 0.20),
    (500, 0.50),
    (2_500, 0.006),
    (2_500, 0.012),
    (2_500, 0.024),
    (2_500, 0.10),
    (2_500, 0.50),
    (10_000, 0.002),
    (10_000, 0.006),
    (10_000, 0.05),
    (25_000, 0.002),
    (25_000, 0.01),
    (25_000, 0.68),
]
METHODS = ("reported", "expanded", "percentile", "bca", "delong", "score", "by_image")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["coverage", "claims", "discoveries", "all"], default="all")
    parser.add_argument("--test-sets", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    parts = {"coverage": coverage_rows, "claims": claims_rows, "discoveries": discoveries_rows}
    result = {}
    with ProcessPoolExecutor(chosen.processes) as pool:
        for name, rows_of in parts.items():
            if chosen.part not in (name, "all"):
                continue
            result[name] = list(rows_of(pool, chosen.test_sets))
            sys.stdout.write(markdown(name, result[name]) + "\n")
            sys.stdout.flush()
    if chosen.out:
        chosen.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def coverage_rows(pool: ProcessPoolExecutor, test_sets: int) -> Iterator[dict]:
    jobs = [
        pool.submit(coverage, auroc, images, share, sets_for(images, test_sets))
        for auroc in (0.75, 0.9)
        for images, share in CELLS
    ]
    return (job.result() for job in jobs)


def claims_rows(pool: ProcessPoolExecutor, test_sets: int) -> Iterator[dict]:
    jobs = [
        pool.submit(claims, auroc, images, share, test_sets if images <= 2_500 else max(1, test_sets // 2))
        for auroc in (0.75, 0.9)
        for images, share in CELLS
    ]
    return (job.result() for job in jobs)


def discoveries_rows(pool: ProcessPoolExecutor, test_sets: int) -> Iterator[dict]:
    jobs = [pool.submit(discoveries, differing, max(test_sets // 4, 1)) for differing in (0, 4, 10)]
    return (job.result() for job in jobs)


def sets_for(images: int, test_sets: int) -> int:
    """Fewer for large test sets, whose intervals are the least in doubt."""
    return max(1, test_sets if images <= 2_500 else test_sets // 4 if images <= 10_000 else test_sets // 8)


def test_set(rng: np.random.Generator, images: int, share: float) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Labels and owners of about so many images; at least two sick patients and two healthy ones."""
    patients = images // 3
    owner = np.repeat(np.arange(patients, dtype=np.int32), rng.geometric(1 / 3, patients))
    sick = np.arange(patients) < max(2, round(share * patients))
    first = np.diff(owner, prepend=-1) > 0
    return (sick[owner] & (first | (rng.random(len(owner)) < 0.6))).astype(np.float64), owner


def noise(rng: np.random.Generator, owner: NDArray[np.int32]) -> NDArray[np.float64]:
    """Variance 1, of which 0.6 is the patient's."""
    return np.sqrt(0.6) * rng.normal(size=owner[-1] + 1)[owner] + np.sqrt(0.4) * rng.normal(size=len(owner))


def coverage(auroc: float, images: int, share: float, test_sets: int) -> dict:
    """Share of 95 % intervals that hold the truth, by method."""
    separation = np.sqrt(2) * stats.norm.ppf(auroc)
    held = dict.fromkeys(METHODS, 0)
    width, prevalence, by_image_too = 0.0, 0.0, resampled_by_image_too(images, test_sets)
    for number in range(test_sets):
        rng = np.random.default_rng([1, images, round(1e4 * share), round(100 * auroc), number])
        label, owner = test_set(rng, images, share)
        prevalence += label.mean() / test_sets
        score = separation * label + noise(rng, owner)
        statistic = auroc_statistic([(label, score)], owner, threads=1)
        patients = int(owner[-1]) + 1
        estimate = float(statistic(np.ones((patients, BLOCK), dtype=np.uint8))[0, 0])
        resampled = pooled(statistic, patients, number)[0]
        without = jackknife_statistics({"": statistic}, patients, threads=1)[""][0]
        positive, negative = (len(np.unique(owner[label == side])) for side in (1, 0))
        intervals = {
            "percentile": percentile_interval(resampled),
            "bca": bca_interval(estimate, resampled, without),
            "delong": delong(label, score, owner).interval(),
            "score": score_interval(estimate, positive, negative),
        }
        if number in by_image_too:
            intervals["by_image"] = percentile_interval(resampled_by_image([(label, score)], number)[0])
        rarer = min(positive, negative)
        intervals["expanded"] = percentile_interval(resampled, patients=rarer)
        intervals["reported"] = intervals["score" if rarer < FEW_PATIENTS else "expanded"]
        width += intervals["reported"][1] - intervals["reported"][0]
        for method, (lower, upper) in intervals.items():
            held[method] += lower <= auroc <= upper
    return {
        "auroc": auroc,
        "images": images,
        "positive_images": f"{prevalence:.1%}",
        "positive_patients": max(2, round(share * (images // 3))),
        "test_sets": test_sets,
        **shares(held, test_sets, len(by_image_too)),
        "width_reported": float(width / test_sets),
    }


def claims(auroc: float, images: int, share: float, test_sets: int) -> dict:
    """Share of test sets where two arms that are equally good are reported to differ, p <= 0.05."""
    separation = np.sqrt(2) * stats.norm.ppf(auroc)
    claimed = dict.fromkeys(("reported", "percentile", "delong", "by_image"), 0)
    prevalence, by_image_too = 0.0, resampled_by_image_too(images, test_sets)
    for number in range(test_sets):
        rng = np.random.default_rng([2, images, round(1e4 * share), round(100 * auroc), number])
        label, owner = test_set(rng, images, share)
        prevalence += label.mean() / test_sets
        layers = two_arms(rng, label, owner, separation, 0.0)
        columns = [(label, layer) for layer in layers]
        resampled = pooled(auroc_statistic(columns, owner, threads=1), int(owner[-1]) + 1, number)
        rarer = min(len(np.unique(owner[label == side])) for side in (1, 0))
        claimed["reported"] += two_sided_p(resampled[1] - resampled[0], patients=rarer) <= 0.05
        claimed["percentile"] += two_sided_p(resampled[1] - resampled[0]) <= 0.05
        if number in by_image_too:
            by_image = resampled_by_image(columns, number)
            claimed["by_image"] += two_sided_p(by_image[1] - by_image[0]) <= 0.05
        claimed["delong"] += delong(label, layers, owner).difference(1, 0)[3] <= 0.05
    return {
        "auroc": auroc,
        "images": images,
        "positive_images": f"{prevalence:.1%}",
        "positive_patients": max(2, round(share * (images // 3))),
        "test_sets": test_sets,
        **shares(claimed, test_sets, len(by_image_too)),
    }


def discoveries(differing: int, test_sets: int) -> dict:
    """False claims among all claims, Benjamini-Hochberg over 14 findings of which some differ; 2,500 images."""
    shares = np.linspace(0.03, 0.3, 14)
    false_share, any_false, found = 0.0, 0, 0
    for number in range(test_sets):
        rng = np.random.default_rng([3, differing, number])
        _, owner = test_set(rng, 2_500, 0.1)
        patients = int(owner[-1]) + 1
        habit, columns = noise(rng, owner), []
        for at, share in enumerate(shares):
            sick = rng.random(patients) < share
            label = (sick[owner] & (rng.random(len(owner)) < 0.8)).astype(np.float64)
            layers = two_arms(rng, label, owner, 1.2, 0.35 if at < differing else 0.0, habit)
            columns += [(label, layer) for layer in layers]
        resampled = pooled(auroc_statistic(columns, owner, threads=1), patients, number, N_BOOTSTRAP_FOR_FAMILIES)
        p = [
            two_sided_p(
                resampled[2 * at + 1] - resampled[2 * at], patients=len(np.unique(owner[columns[2 * at][0] == 1]))
            )
            for at in range(14)
        ]
        claimed = benjamini_hochberg(p) <= 0.05
        false = claimed[differing:].sum()
        false_share += false / max(claimed.sum(), 1)
        any_false += bool(false)
        found += claimed[:differing].sum()
    return {
        "differing": differing,
        "test_sets": test_sets,
        "false_discovery_rate": float(false_share / test_sets),
        "any_false_claim": any_false / test_sets,
        "found": float(found / test_sets / differing) if differing else None,
    }


def two_arms(
    rng: np.random.Generator,
    label: NDArray[np.float64],
    owner: NDArray[np.int32],
    separation: float,
    more: float,
    habit: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Scores of two arms that share half of their noise, (2, N); the second separates by `more`."""
    common = noise(rng, owner) if habit is None else np.sqrt(0.3) * habit + np.sqrt(0.7) * noise(rng, owner)
    own = [np.sqrt(0.5) * common + np.sqrt(0.5) * noise(rng, owner) for _ in range(2)]
    return np.stack([separation * label + own[0], (separation + more) * label + own[1]])


def resampled_by_image_too(images: int, test_sets: int) -> range:
    """Which test sets are resampled by image, too."""
    return range(0, test_sets if images <= 2_500 else min(test_sets, 500), BY_IMAGE)


def shares(counts: dict[str, int], test_sets: int, by_image: int) -> dict[str, float]:
    """Of the test sets that a method was tried on."""
    return {method: count / (by_image if method == "by_image" else test_sets) for method, count in counts.items()}


def resampled_by_image(
    columns: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], seed: int
) -> NDArray[np.float64]:
    """AUROCs as if every image were of a patient of its own, (K, 512)."""
    images = len(columns[0][0])
    statistic = auroc_statistic(columns, np.arange(images, dtype=np.int32), threads=1)
    return np.concatenate([statistic(counts) for counts in drawn(images, seed)], axis=1)


def pooled(statistic: Statistic, units: int, number: int, n_bootstrap: int = N_BOOTSTRAP) -> NDArray[np.float64]:
    """The statistic in every resample, (K, resamples)."""
    counts = resamples_of(units, number % POOL, n_bootstrap)
    return np.concatenate([statistic(counts[block]) for block in range(len(counts))], axis=1)


@lru_cache(maxsize=POOL)
def resamples_of(units: int, which: int, n_bootstrap: int) -> NDArray[np.uint8]:
    """(resamples / 64, units, 64)."""
    return np.stack(list(drawn(units, which, n_bootstrap)))


def drawn(units: int, seed: int, n_bootstrap: int = N_BOOTSTRAP) -> Iterator[NDArray[np.uint8]]:
    """How often each unit counts, (units, 64), block by block."""
    for first in range(0, n_bootstrap, BLOCK):
        yield bootstrap_counts(units, draws=units, n_bootstrap=BLOCK, seed=seed, first=first)


def markdown(name: str, rows: list[dict]) -> str:
    titles = {
        "coverage": "Share of 95 % intervals that hold the true AUROC",
        "claims": "Two equally good arms: share of test sets with p <= 0.05",
        "discoveries": "14 findings, Benjamini-Hochberg at 5 %",
    }
    keys = list(rows[0])
    lines = [
        f"{titles[name]}\n",
        "| " + " | ".join(key.replace("_", " ") for key in keys) + " |",
        "|---" * len(keys) + "|",
    ]
    lines += ["| " + " | ".join(_cell(row[key]) for key in keys) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"


if __name__ == "__main__":
    main()
