"""The bootstrap: Hilum's beside a scikit-learn loop, on the same resamples of the same patients, in one run.

    python benchmarks/bootstrap.py [--n-bootstrap 1000] [--loop-resamples 20] [--times 5] [--out bootstrap.json]

Made-up scores for a test set of the size of ChestX-ray14's official one: 25,596 images of 2,797 patients, 14 findings.
Hilum's time is drawing, sorting and all numbers, with the loops already compiled; compiling them is measured by itself.
The loop is timed on a few resamples (its drawing not counted) and multiplied up. The whole job is what a report of
three arms needs: 2,000 resamples, paired, with AUROC, AUPRC and all metrics at a threshold, per finding and macro.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from hilum.evaluation.bootstrap import available_threads, bootstrap_counts
from hilum.evaluation.estimation import arms_of_layers, bootstrap_layers
from hilum.evaluation.metrics import AUROC, METRICS, THRESHOLD_METRICS, bootstrap_roc_auc
from hilum.evaluation.predictions import AlignedArms

IMAGES, PATIENTS = 25_596, 2_797
PREVALENCE = [0.13, 0.04, 0.18, 0.24, 0.07, 0.06, 0.02, 0.10, 0.07, 0.036, 0.043, 0.017, 0.045, 0.0034]
SEED = 0

JOBS: dict[str, Sequence[str]] = {
    "AUROC": (AUROC,),
    "AUROC and all threshold metrics": (AUROC, *THRESHOLD_METRICS),
    "AUROC, AUPRC and all threshold metrics": (AUROC, "auprc", *THRESHOLD_METRICS),
    "all metrics, with partial AUROC, Brier and ECE": METRICS,
}

COMPILE = """
import time, numpy as np
from hilum.evaluation.metrics.roc_auc import bootstrap_roc_auc
start = time.perf_counter()
owners = np.array([0, 1], dtype=np.int32)
bootstrap_roc_auc(np.array([[0.0], [1.0]]), np.array([[[0.1], [0.2]]]), owners, n_bootstrap=64, seed=0)
print(time.perf_counter() - start)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-bootstrap", type=int, default=1000)
    parser.add_argument("--loop-resamples", type=int, default=20)
    parser.add_argument("--times", type=int, default=5, help="runs of each; the median is reported")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()

    compiling, cached = first_call_seconds()
    job(arms(images=640, patients=64), METRICS, n_bootstrap=64)  # compiled from here on
    before = peak_mib()
    three = arms(count=3)
    jobs = {
        title: median_seconds(partial(job, three, metrics, n_bootstrap=2000), chosen.times)
        for title, metrics in JOBS.items()
    }
    added = peak_mib() - before
    result = {
        "threads": available_threads(),
        "first_call_seconds": {"compiling": compiling, "from_cache": cached},
        "beside_scikit_learn": beside_scikit_learn(chosen.n_bootstrap, chosen.loop_resamples, chosen.times),
        "2000_resamples_14_findings_25596_images_3_arms_seconds": jobs,
        "peak_memory_added_mib": added,
        "growth": growth(chosen.n_bootstrap, chosen.times),
    }
    sys.stdout.write(as_markdown(result))
    if chosen.out:
        chosen.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def arms(images: int = IMAGES, patients: int = PATIENTS, findings: int = 14, count: int = 1) -> AlignedArms:
    """Scores with four digits (so with ties), and patients with unequal numbers of images."""
    rng = np.random.default_rng(SEED)
    appetite = rng.gamma(0.7, size=patients) + 0.05
    owner = np.concatenate([np.arange(patients), rng.choice(patients, images - patients, p=appetite / appetite.sum())])
    labels = (rng.random((images, findings)) < np.resize(PREVALENCE, findings)).astype(np.float64)
    latent = rng.normal(size=(count, images, findings)) + 1.2 * labels
    scores = np.round(1 / (1 + np.exp(-latent)), 4)
    names = [str(number) for number in range(findings)]
    return AlignedArms(names, labels, owner.astype(np.int32), {str(a): scores[a : a + 1] for a in range(count)}, [])


def job(aligned: AlignedArms, metrics: Sequence[str], *, n_bootstrap: int) -> None:
    findings = len(aligned.findings)
    thresholds = {arm: np.full((1, findings), 0.7) for arm in aligned.scores}
    every = np.ones(findings, dtype=np.bool_)
    layers = bootstrap_layers(
        aligned, n_bootstrap=n_bootstrap, seed=SEED, included=every, metrics=metrics, thresholds=thresholds
    )
    arms_of_layers(aligned, layers)


def median_seconds(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def beside_scikit_learn(n_bootstrap: int, loop_resamples: int, times: int) -> dict[str, float]:
    aligned = arms()
    labels, scores, patients = aligned.labels, aligned.scores["0"], aligned.patients
    ours = median_seconds(
        lambda: bootstrap_roc_auc(labels, scores, patients, n_bootstrap=n_bootstrap, seed=SEED), times
    )
    resampled = bootstrap_roc_auc(labels, scores, patients, n_bootstrap=n_bootstrap, seed=SEED)
    counts = bootstrap_counts(PATIENTS, draws=PATIENTS, n_bootstrap=loop_resamples, seed=SEED)
    loop, difference = 0.0, 0.0
    for resample in range(loop_resamples):
        rows = np.repeat(np.arange(IMAGES), counts[patients, resample])
        start = time.perf_counter()
        slow = [roc_auc_score(labels[rows, finding], scores[0, rows, finding]) for finding in range(labels.shape[1])]
        loop += time.perf_counter() - start
        difference = max(difference, float(np.abs(resampled[0, :, resample] - slow).max()))
    loop *= n_bootstrap / loop_resamples
    return {
        "n_bootstrap": n_bootstrap,
        "hilum_seconds": ours,
        "scikit_learn_seconds_extrapolated": loop,
        "scikit_learn_resamples_measured": loop_resamples,
        "ratio": loop / ours,
        "largest_difference": difference,
    }


def growth(n_bootstrap: int, times: int) -> list[dict[str, float | str]]:
    """Seconds for AUROC and all threshold metrics as one size grows and the others stay."""
    metrics = JOBS["AUROC and all threshold metrics"]
    sizes: dict[str, Sequence[int]] = {
        "images": (6_399, 12_798, 25_596, 51_192),
        "findings": (7, 14, 28),
        "count": (1, 2, 4),
        "patients": (2_797, 25_596),
        "n_bootstrap": (n_bootstrap // 2, n_bootstrap, 2 * n_bootstrap, 4 * n_bootstrap),
    }
    rows: list[dict[str, float | str]] = []
    for what, values in sizes.items():
        for value in values:
            made = arms() if what == "n_bootstrap" else arms(**{what: value})
            drawn = value if what == "n_bootstrap" else n_bootstrap
            seconds = median_seconds(partial(job, made, metrics, n_bootstrap=drawn), times)
            first = rows[-1] if rows and value != values[0] else {"size": value, "seconds": seconds}
            rows.append(
                {
                    "what": {"count": "arms"}.get(what, what),
                    "size": value,
                    "seconds": seconds,
                    "times_the_size": value / float(first["size"]),
                    "times_the_seconds": seconds / float(first["seconds"]),
                }
            )
    return rows


def first_call_seconds() -> tuple[float, float]:
    """The first call of a new process: compiling, and with what an earlier process compiled."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        taken = [
            float(
                subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, check=True).stdout
            )
            for _ in range(2)
        ]
    return taken[0], taken[1]


def peak_mib() -> float:
    """Peak resident memory of this process so far, MiB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def as_markdown(result: dict) -> str:
    beside, compiling = result["beside_scikit_learn"], result["first_call_seconds"]
    lines = [
        f"{IMAGES:,} images of {PATIENTS:,} patients, 14 findings, {result['threads']} threads",
        "",
        "| AUROC of one arm, drawing included | seconds |",
        "|---|---|",
        f"| Hilum, {beside['n_bootstrap']:,} resamples | {beside['hilum_seconds']:.3f} |",
        f"| scikit-learn loop (from {beside['scikit_learn_resamples_measured']} resamples) | "
        f"{beside['scikit_learn_seconds_extrapolated']:.1f} ({beside['ratio']:,.0f} times as long) |",
        "",
        f"Largest difference on the same resamples: {beside['largest_difference']:.1e}. First call: compiling "
        f"{compiling['compiling']:.2f} s, from cache {compiling['from_cache']:.2f} s.",
        "",
        "| 3 arms, 2,000 resamples | seconds |",
        "|---|---|",
    ]
    jobs = result["2000_resamples_14_findings_25596_images_3_arms_seconds"]
    lines += [f"| {title} | {seconds:.2f} |" for title, seconds in jobs.items()]
    lines += [
        "",
        f"Memory added at the peak: {result['peak_memory_added_mib']:.0f} MiB. Targets: 3 s for AUROC and all "
        "threshold metrics on two cores, drawing included; 200 times the loop; 1,024 MiB.",
        "",
    ]
    lines += [f"Growth (AUROC and all threshold metrics, {beside['n_bootstrap']:,} resamples unless they grow):", ""]
    lines += [
        "| what | size | seconds | size, times the row above | seconds, times the row above |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['what']} | {row['size']:,} | {row['seconds']:.3f} | {row['times_the_size']:.1f} | "
        f"{row['times_the_seconds']:.2f} |"
        for row in result["growth"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
