"""Claims about real trainings: many seeds of one arm split at random, and of arms that truly differ.

    python benchmarks/seed_claims.py [--seeds 12] [--images 600] [--trials 400] [--root CXR8] [--quick] [--out F.json]

Radiographs (generated, or those of a folder in ChestX-ray14's layout) of 32 px; four arms of a small convolutional
network, S seeds each: a linear head on frozen random features, a short and a longer training of the whole network, and
the longer one on a tenth of the images. Each seed draws initial weights and order. Then, again and again, a random half
of the test patients is taken and:

- A/A: 2 s seeds of one arm are drawn without replacement and split into two sides of s; nothing differs, so every
  claim is false (5 % are allowed);
- A/B: s seeds each of two arms; what truly differs is the difference over all seeds and all test patients. Claims
  found, claims with the wrong sign, and by how much the claimed differences exaggerate it.

Claims are those of the macro AUROC at 5 %: Obuchowski and Rockette's test, and seeds resampled with the patients.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import nn

from hilum.evaluation.estimation import seed_weights
from hilum.evaluation.inference import auroc_covariance, compare_seeds, effective_n_patients, two_sided_p
from hilum.evaluation.metrics import bootstrap_roc_auc
from hilum.evaluation.predictions import AlignedArms, count_cases
from hilum.phantom import write_layout

N_BOOTSTRAP = 400
SIDE = 32
MIN_POSITIVES = 30
PAIRS = (("longer", "short"), ("longer", "linear"), ("longer", "few"))
EPOCHS = {"linear": 8, "short": 4, "longer": 16, "few": 16}
FEW = 0.1
"""Share of the training images of the arm `few`; the same for all its seeds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--root", type=Path, help="A folder in ChestX-ray14's layout, instead of generated images.")
    parser.add_argument("--quick", action="store_true", help="Four seeds, few images and trials.")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.seeds, chosen.images, chosen.trials = 4, 120, 5
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        root = chosen.root or Path(scratch) / "CXR8"
        if chosen.root is None:
            write_layout("chestxray14", root, images=chosen.images, size=SIDE, seed=0)
        images, labels, patients, findings = read(root, 2 if chosen.quick else MIN_POSITIVES)
    aligned = trained(images, labels, patients, findings, chosen.seeds)
    rows = claims(aligned, chosen.trials)
    message = f"{len(aligned.patients)} test images of {aligned.patients.max() + 1} patients, {len(findings)} findings"
    sys.stdout.write(f"{message}, {chosen.seeds} seeds an arm\n\n{markdown(rows)}\n")
    if chosen.out:
        chosen.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def read(
    root: Path, min_positive_patients: int
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int64], list[str]]:
    """Images (N, 32, 32), labels (N, F), patients (N,) and the findings with enough positives."""
    table = pl.read_csv(next(root.glob("Data_Entry*.csv")), infer_schema=False)
    name, expected, patient = table["Image Index"], table["Finding Labels"], table["Patient ID"]
    paths = {path.name: path for path in root.rglob("*.png")}
    shown = [np.asarray(cv2.imread(str(paths[one]), cv2.IMREAD_GRAYSCALE)) for one in name]
    images = np.stack([cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for one in shown]) / 255.0
    every = sorted({finding for one in expected for finding in one.split("|")} - {"No Finding"})
    labels = np.array([[finding in one.split("|") for finding in every] for one in expected], dtype=np.float64)
    enough = labels.sum(axis=0) >= 2 * min_positive_patients
    owners = np.unique(patient.to_numpy(), return_inverse=True)[1]
    return images.astype(np.float32), labels[:, enough], owners, [f for f, e in zip(every, enough, strict=True) if e]


def trained(
    images: NDArray[np.float32],
    labels: NDArray[np.float64],
    patients: NDArray[np.int64],
    findings: list[str],
    seeds: int,
) -> AlignedArms:
    """Every arm and seed on half of the patients, and its scores of the other half."""
    testing = np.isin(patients, np.random.default_rng(0).permutation(patients.max() + 1)[: (patients.max() + 1) // 2])
    mean, deviation = images[~testing].mean(), images[~testing].std()
    given = torch.from_numpy((images - mean) / deviation)[:, None]
    target = torch.from_numpy(labels.astype(np.float32))
    scores = {}
    for arm, epochs in EPOCHS.items():
        learnt = np.flatnonzero(~testing)
        learnt = learnt[: round(FEW * len(learnt))] if arm == "few" else learnt
        runs = [fit(given[learnt], target[learnt], given[testing], epochs, seed, arm) for seed in range(seeds)]
        scores[arm] = np.stack(runs)
        sys.stderr.write(f"{arm}: {seeds} seeds trained\n")
    owners = np.unique(patients[testing], return_inverse=True)[1].astype(np.int32)
    return AlignedArms(findings, labels[testing], owners, scores, [])


def fit(
    images: torch.Tensor, labels: torch.Tensor, judged: torch.Tensor, epochs: int, seed: int, arm: str
) -> NDArray[np.float64]:
    """Train one seed and score the judged images, (N, F)."""
    torch.manual_seed(1000 * seed + len(arm))
    layers = [
        part
        for before, after in ((1, 16), (16, 32), (32, 64))
        for part in (nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU())
    ]
    encoder, head = nn.Sequential(*layers, nn.Flatten()), nn.Linear(64 * 16, labels.shape[1])
    parameters = [*head.parameters()] if arm == "linear" else [*encoder.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.05)
    positives = labels.sum(dim=0)
    loss = nn.BCEWithLogitsLoss(pos_weight=(len(labels) - positives) / positives.clamp(min=1))
    encoder.requires_grad_(arm != "linear").train(arm != "linear")
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(32):
            optimiser.zero_grad()
            loss(head(encoder(images[batch])), labels[batch]).backward()
            optimiser.step()
    encoder.eval()
    with torch.no_grad():
        return head(encoder(judged)).double().numpy()


def claims(aligned: AlignedArms, trials: int) -> list[dict[str, float | str]]:
    """One row a comparison and number of seeds a side."""
    rows: list[dict[str, float | str]] = []
    included = count_cases(aligned.labels, aligned.patients).enough(10)
    whole = {
        arm: auroc_covariance(aligned.labels, scores, aligned.patients, mean_over=included).estimates[-1]
        for arm, scores in aligned.scores.items()
    }
    seeds = min(len(scores) for scores in aligned.scores.values())
    for arm in aligned.scores:
        sizes = [size for size in (2, 3, 5) if 2 * size <= seeds]
        rows += [_row(aligned, whole, (arm, arm), size, trials, included) for size in sizes]
    for pair in PAIRS:
        rows += [_row(aligned, whole, pair, size, trials, included) for size in (2, 3, 5, 8) if size < seeds]
    return rows


def _row(
    aligned: AlignedArms,
    whole: dict[str, NDArray[np.float64]],
    pair: tuple[str, str],
    size: int,
    trials: int,
    included: NDArray[np.bool_],
) -> dict[str, float | str]:
    truth = float(whole[pair[0]].mean() - whole[pair[1]].mean())
    claimed: dict[str, list[float]] = {"OR-Hillis": [], "n_bootstrap": []}
    for trial in range(trials):
        rng = np.random.default_rng([trial, size, len(pair[0]), len(pair[1]), pair[0] == pair[1]])
        for name, (p, difference) in _trial(aligned, pair, size, rng, included).items():
            if p <= 0.05:
                claimed[name].append(difference)
    row: dict[str, float | str] = {
        "compared": f"{pair[0]} − {pair[1]}",
        "SD of a run": float(np.mean([whole[arm].std(ddof=1) for arm in pair])),
        "true difference": truth,
        "seeds a side": size,
    }
    for name, differences in claimed.items():
        row[f"{name}: claimed, %"] = 100 * len(differences) / trials
        if pair[0] != pair[1]:
            wrong = sum(np.sign(one) != np.sign(truth) for one in differences)
            row[f"{name}: wrong sign, %"] = 100 * wrong / trials
            row[f"{name}: exaggerated"] = float(np.mean(np.abs(differences)) / abs(truth)) if differences else 0.0
    return row


def _trial(
    aligned: AlignedArms, pair: tuple[str, str], size: int, rng: np.random.Generator, included: NDArray[np.bool_]
) -> dict[str, tuple[float, float]]:
    """P and difference, by both ways, of one draw of patients and seeds."""
    units = int(aligned.patients.max()) + 1
    selected = np.isin(aligned.patients, rng.choice(units, units // 2, replace=False))
    owners = np.unique(aligned.patients[selected], return_inverse=True)[1].astype(np.int32)
    labels = aligned.labels[selected]
    if pair[0] == pair[1]:
        drawn = rng.permutation(len(aligned.scores[pair[0]]))[: 2 * size]
        sides = [aligned.scores[pair[0]][drawn[:size]], aligned.scores[pair[0]][drawn[size:]]]
    else:
        sides = [aligned.scores[arm][rng.permutation(len(aligned.scores[arm]))[:size]] for arm in pair]
    layers = np.concatenate(sides)[:, selected]
    cases = count_cases(labels, owners)
    mean_over = included  # always the same findings: a mean over others would be another number
    if not mean_over.any() or not cases.enough(3)[mean_over].all():
        return dict.fromkeys(("OR-Hillis", "n_bootstrap"), (1.0, 0.0))
    patients = effective_n_patients(np.minimum(cases.positive_patients, cases.negative_patients)[mean_over])
    known = auroc_covariance(labels, layers, owners, mean_over=mean_over, threads=1)
    values = known.estimates[-1]
    test = compare_seeds(values[:size], values[size:], known.covariance[-1], patients=patients)
    number = int(rng.integers(1 << 30))
    resampled = bootstrap_roc_auc(
        labels[:, mean_over], layers[:, :, mean_over], owners, n_bootstrap=N_BOOTSTRAP, seed=number
    )
    weights = seed_weights(size, n_bootstrap=N_BOOTSTRAP, seed=number)
    macro = resampled.mean(axis=1)
    differences = ((macro[:size] - macro[size:]) * weights).sum(axis=0)
    return {
        "OR-Hillis": (test.p(), test.difference),
        "n_bootstrap": (two_sided_p(differences, patients=patients), test.difference),
    }


def markdown(rows: list[dict[str, float | str]]) -> str:
    """A table with the columns of all rows."""
    titles = list(dict.fromkeys(title for row in rows for title in row))
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(_number(row.get(title, "")) for title in titles) + " |" for row in rows]
    return "\n".join(lines)


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


if __name__ == "__main__":
    main()
