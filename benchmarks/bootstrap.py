"""Bootstrap AUROC: Hilum's kernel beside a scikit-learn loop, on the same redraws of the same patients, in one run.

    python benchmarks/bootstrap.py [--redraws 1000] [--loop-redraws 20] [--out bootstrap.json]

Made-up scores for a test set of the size of ChestX-ray14's official one: 25,596 images of 2,797 patients, 14 findings.
Hilum's time is drawing, sorting and all AUROCs, with the loops already compiled; compiling them is measured by itself.
The loop is timed on a few redraws (its drawing not counted) and multiplied up.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from hilum.evaluate.redrawn_auroc import available_threads, redrawn_auroc
from hilum.evaluate.redraws import drawn_counts

IMAGES, PATIENTS = 25_596, 2_797
PREVALENCE = [0.13, 0.04, 0.18, 0.24, 0.07, 0.06, 0.02, 0.10, 0.07, 0.036, 0.043, 0.017, 0.045, 0.0034]
SEED = 0

Films = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]

COMPILE = """
import time, numpy as np
from hilum.evaluate.redrawn_auroc import redrawn_auroc
start = time.perf_counter()
owners = np.array([0, 1], dtype=np.int32)
redrawn_auroc(np.array([[0.0], [1.0]]), np.array([[[0.1], [0.2]]]), owners, redraws=64, seed=0)
print(time.perf_counter() - start)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redraws", type=int, default=1000)
    parser.add_argument("--loop-redraws", type=int, default=20)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()

    compiling, cached = first_call_seconds()
    before = peak_mib()
    beside = beside_scikit_learn(chosen.redraws, chosen.loop_redraws)
    whole_job = seconds(*films(arms=3), redraws=2000)
    result = {
        "threads": available_threads(),
        "first_call_seconds": {"compiling": compiling, "from_cache": cached},
        "beside_scikit_learn": beside,
        "2000_redraws_14_findings_25596_images_3_arms_seconds": whole_job,
        "peak_memory_added_mib": peak_mib() - before,
        "growth": growth(chosen.redraws),
    }
    show(result)
    if chosen.out:
        chosen.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def films(images: int = IMAGES, patients: int = PATIENTS, findings: int = 14, arms: int = 1) -> Films:
    """Labels (N, F), scores (arms, N, F) with four digits (so with ties), and patients (N,) with unequal numbers."""
    rng = np.random.default_rng(SEED)
    appetite = rng.gamma(0.7, size=patients) + 0.05
    owner = np.concatenate([np.arange(patients), rng.choice(patients, images - patients, p=appetite / appetite.sum())])
    prevalence = np.resize(PREVALENCE, findings)
    labels = (rng.random((images, findings)) < prevalence).astype(np.float64)
    latent = rng.normal(size=(arms, images, findings)) + 1.2 * labels
    return labels, np.round(1 / (1 + np.exp(-latent)), 4), owner.astype(np.int32)


def seconds(
    labels: NDArray[np.float64],
    scores: NDArray[np.float64],
    patients: NDArray[np.int32],
    *,
    redraws: int,
    times: int = 5,
) -> float:
    """Median of several runs."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        redrawn_auroc(labels, scores, patients, redraws=redraws, seed=SEED)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def beside_scikit_learn(redraws: int, loop_redraws: int) -> dict[str, float]:
    labels, scores, patients = films()
    ours = seconds(labels, scores, patients, redraws=redraws)
    redrawn = redrawn_auroc(labels, scores, patients, redraws=redraws, seed=SEED)
    counts = drawn_counts(PATIENTS, draws=PATIENTS, redraws=loop_redraws, seed=SEED)
    loop, difference = 0.0, 0.0
    for redraw in range(loop_redraws):
        rows = np.repeat(np.arange(IMAGES), counts[patients, redraw])
        start = time.perf_counter()
        slow = [roc_auc_score(labels[rows, finding], scores[0, rows, finding]) for finding in range(labels.shape[1])]
        loop += time.perf_counter() - start
        difference = max(difference, float(np.abs(redrawn[0, :, redraw] - slow).max()))
    loop *= redraws / loop_redraws
    return {
        "redraws": redraws,
        "hilum_seconds": ours,
        "scikit_learn_seconds_extrapolated": loop,
        "scikit_learn_redraws_measured": loop_redraws,
        "ratio": loop / ours,
        "largest_difference": difference,
    }


def growth(redraws: int) -> list[dict[str, float | str]]:
    """Seconds as one size grows and the others stay."""
    plain: dict[str, int] = {"images": IMAGES, "patients": PATIENTS, "findings": 14, "arms": 1}
    sizes = {"images": [6_399, 12_798, 25_596, 51_192], "findings": [7, 14, 28], "arms": [1, 2, 4]}
    rows: list[dict[str, float | str]] = []
    for what, values in sizes.items():
        for value in values:
            taken = seconds(*films(**(plain | {what: value})), redraws=redraws)
            rows.append({"what": what, "size": value, "seconds": taken})
    rows += [
        {"what": "patients", "size": value, "seconds": seconds(*films(patients=value), redraws=redraws)}
        for value in (2_797, 25_596)
    ]
    rows += [
        {"what": "redraws", "size": value, "seconds": seconds(*films(), redraws=value)}
        for value in (redraws // 2, redraws, 2 * redraws, 4 * redraws)
    ]
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


def show(result: dict) -> None:
    beside = result["beside_scikit_learn"]
    say = sys.stdout.write
    say(f"{IMAGES:,} images of {PATIENTS:,} patients, 14 findings, {result['threads']} threads\n\n")
    say(f"Hilum, {beside['redraws']:,} redraws, drawing included   {beside['hilum_seconds']:9.3f} s\n")
    say(
        f"scikit-learn loop (from {beside['scikit_learn_redraws_measured']} redraws)      "
        f"{beside['scikit_learn_seconds_extrapolated']:9.1f} s   {beside['ratio']:,.0f} times as long\n"
    )
    say(f"largest difference on the same redraws     {beside['largest_difference']:9.1e}\n")
    compiling = result["first_call_seconds"]
    say(f"first call: compiling {compiling['compiling']:.2f} s, from cache {compiling['from_cache']:.2f} s\n")
    whole, memory = result["2000_redraws_14_findings_25596_images_3_arms_seconds"], result["peak_memory_added_mib"]
    say(f"2,000 redraws of 3 arms                    {whole:9.3f} s, {memory:.0f} MiB added\n\n")
    for row in result["growth"]:
        say(f"{row['what']:<9} {row['size']:>7,} {row['seconds']:8.3f} s\n")


if __name__ == "__main__":
    main()
