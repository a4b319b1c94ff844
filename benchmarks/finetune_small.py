"""Fine-tuning on few labelled images: Hilum's preset beside a loop as one writes it, on the same patients.

    python benchmarks/finetune_small.py ROOT --out FOLDER [--arms hilum timm] [--labels 100 10] [--splits 0 1 2]

ROOT is a sample of ChestX-ray14 in NIH's layout with both classes; images are reduced to 64 px, Pneumonia is
distinguished from No Finding. Patients are divided at random, 25 % to learn from, 15 % for validation and 60 % to test
on: the question is how well training on a small set goes, and the more are tested, the narrower the answer. The arms,
all from random weights:

    hilum         `finetune` with the preset for so many images
    timm          timm's ResNet-18, one channel; 200 steps of 32, AdamW at 1e-3, cosine; flips, 10 degrees, 5 % of
                  shift and scale; fp32; the last weights are kept; validation images are not used
    torchvision   the same with torchvision's ResNet-18, whose residual branches are on at the start, three equal
                  channels
    probes        scikit-learn's LogisticRegression on standardised features of the untrained network: Hilum's, with the
                  penalty chosen on validation images; timm's and torchvision's with C = 1

timm's and Hilum's initial weights are of the same distribution. Of fewer labels than 100 %, the patients to learn
from are drawn anew for each split and seed, the same for all arms.

Intervals are of 2,000 resamples of patients, each patient as often in all splits, and of runs (split and seed);
differences are paired. They are too narrow rather than too wide: three splits of one sample are not three samples.

What is done is in FOLDER and not done again. Tables are of the runs that all arms have.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import timm
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torchvision.transforms import v2

from hilum.artifacts import whole_file
from hilum.data.collections import read_collection
from hilum.data.label_policy import LabelPolicy
from hilum.data.labelled_images import LabelledImages
from hilum.data.labels import targets
from hilum.data.preprocess import parse_recipe
from hilum.data.splits import patient_split, sample_patients
from hilum.data.store import Store, build_store
from hilum.evaluation.bootstrap import bootstrap_counts
from hilum.finetuning.finetune import finetune
from hilum.finetuning.presets import resolve_finetuning
from hilum.finetuning.scores import PROBE_SCORES, SCORES, read_scores

FINDING, SIZE, SHARES = "Pneumonia", 64, (25, 15, 60)
HILUM, TIMM, TORCHVISION = "hilum", "timm", "torchvision"
STEPS, BATCH, LR = 200, 32, 1e-3
N_BOOTSTRAP = 2000


@dataclass(frozen=True)
class Sample:
    """The images and what is known of them.

    Attributes:
        manifest: of the images.
        root: their folder.
        store: their pixels at 64 px, for Hilum.
        labelled: every image with its target, (N, 1).
    """

    manifest: pl.DataFrame
    root: Path
    store: Store
    labelled: LabelledImages


@dataclass(frozen=True)
class Run:
    """Images of one training: its share of the labels in percent, its split, its seed, and the three parts."""

    labels: int
    split: int
    seed: int
    train: LabelledImages
    val: LabelledImages
    test: LabelledImages

    @property
    def name(self) -> str:
        """Of its files."""
        return f"labels{self.labels}-split{self.split}-seed{self.seed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--arms", nargs="+", choices=(HILUM, TIMM, TORCHVISION), default=[HILUM, TIMM, TORCHVISION])
    parser.add_argument(
        "--labels", nargs="+", type=int, default=[100, 10], help="percent of the patients to learn from"
    )
    parser.add_argument("--splits", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    arguments = parser.parse_args()
    sample = open_sample(arguments.root, arguments.out)
    runs = [
        make_run(sample, labels, split, seed)
        for seed, split, labels in product(arguments.seeds, arguments.splits, arguments.labels)
    ]
    for run, arm in product(runs, arguments.arms):
        path = file_of(arm, run, arguments.out)
        if not path.exists():
            print(f"{arm}, {run.name}: {len(run.train.image_ids)} images to learn from", flush=True)
            scores = (
                with_hilum(sample, run, arguments.out / "runs" / run.name)
                if arm == HILUM
                else by_hand(arm, sample, run)
            )
            with whole_file(path) as beside:
                scores.write_parquet(beside)
    for labels in arguments.labels:
        done = [
            run
            for run in runs
            if run.labels == labels and all(file_of(arm, run, arguments.out).exists() for arm in arguments.arms)
        ]
        if done:
            print("\n".join(table(done, arguments.arms, arguments.out)))


def file_of(arm: str, run: Run, out: Path) -> Path:
    """Of the scores of the test images."""
    return out / arm / f"{run.name}.parquet"


def open_sample(root: Path, out: Path) -> Sample:
    """Read the sample and reduce its images once."""
    dataset = read_collection("chestxray14", root)
    ids, values = targets(dataset.manifest, [FINDING], LabelPolicy().for_scoring())
    patient_of = dict(zip(dataset.manifest["image_id"], dataset.manifest["patient_id"], strict=True))
    store = build_store(dataset.manifest, dataset.root, parse_recipe([{"resize": SIZE}]), out / "store")
    return Sample(
        dataset.manifest, dataset.root, store, LabelledImages(ids, [patient_of[each] for each in ids], values)
    )


def make_run(sample: Sample, labels: int, split: int, seed: int) -> Run:
    """Divide the patients; of those to learn from keep a share, another one for each split and seed."""
    assignment = patient_split(sample.manifest, SHARES, split).assignment
    part = {name: set(assignment.filter(pl.col("split") == name)["image_id"]) for name in ("train", "val", "test")}
    train, val, test = (sample.labelled.only(part[name]) for name in ("train", "val", "test"))
    selected = set(sample_patients(pl.Series(train.patient_ids), labels, seed=1000 * split + seed))
    rows = zip(train.image_ids, train.patient_ids, strict=True)
    return Run(labels, split, seed, train.only({image for image, patient in rows if patient in selected}), val, test)


def with_hilum(sample: Sample, run: Run, directory: Path) -> pl.DataFrame:
    """Scores of the test images by `finetune` with its preset, and by the linear probe that it leaves beside."""
    finetune(
        "random",
        "resnet18",
        sample.store,
        run.train,
        run.val,
        run.test.image_ids,
        [FINDING],
        settings=resolve_finetuning({}, len(run.train.image_ids)).settings,
        seed=run.seed,
        directory=directory,
    )
    trained, probe = (
        read_scores(directory / name, sample.store, run.test.image_ids) for name in (SCORES, PROBE_SCORES)
    )
    assert trained["image_id"].to_list() == run.test.image_ids
    return pl.DataFrame({"trained": trained[f"p_{FINDING}"], "probe": probe[f"p_{FINDING}"]})


def by_hand(arm: str, sample: Sample, run: Run) -> pl.DataFrame:
    """The same by a loop of torch, as one writes it."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(run.seed)
        if arm == TIMM:
            network = timm.create_model("resnet18", in_chans=1, num_classes=1)
        else:
            network = torchvision.models.resnet18(num_classes=1)
        channels = 1 if arm == TIMM else 3
        train, test = (pixels(sample, part.image_ids, channels) for part in (run.train, run.test))
        labels = torch.from_numpy(run.train.targets)
        probe = plain_probe(network, train, run.train.targets[:, 0], test)
        learn(network, train, labels)
        scores = outputs(network, test)[:, 0].sigmoid().numpy()
    return pl.DataFrame({"trained": scores, "probe": probe})


def pixels(sample: Sample, image_ids: list[str], channels: int) -> Tensor:
    """Images as float tensors, (N, channels, 64, 64), normalised."""
    path_of = dict(zip(sample.manifest["image_id"], sample.manifest["path"], strict=True))
    prepare = v2.Compose([
        v2.PILToTensor(),
        v2.Resize((SIZE, SIZE), antialias=True),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.5], [0.25]),
    ])  # fmt: skip
    images = [prepare(Image.open(sample.root / path_of[image_id]).convert("L")) for image_id in image_ids]
    return torch.stack(images).expand(-1, channels, -1, -1)


def learn(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Train for 200 steps."""
    augment = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomAffine(10, translate=(0.05, 0.05), scale=(0.95, 1.05))])
    optimizer = torch.optim.AdamW(network.parameters(), lr=LR)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS)
    network.train()
    step = 0
    while step < STEPS:
        for rows in torch.randperm(len(images)).split(BATCH):
            views = torch.stack([augment(images[row]) for row in rows])
            loss = nn.functional.binary_cross_entropy_with_logits(network(views), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            if step == STEPS:
                break


def outputs(network: nn.Module, images: Tensor) -> Tensor:
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part) for part in images.split(64)])


def plain_probe(network: nn.Module, train: Tensor, labels: NDArray[np.float32], test: Tensor) -> NDArray[np.float64]:
    """Scores of a logistic regression on the features of the untrained network."""
    head, network.fc = network.fc, nn.Identity()
    fitted, scored = (outputs(network, images).numpy() for images in (train, test))
    network.fc = head
    if len(set(labels.tolist())) < 2:
        return np.full(len(scored), 0.5)
    scaler = StandardScaler().fit(fitted)
    model = LogisticRegression(max_iter=1000).fit(scaler.transform(fitted), labels)
    scores: NDArray[np.float64] = model.predict_proba(scaler.transform(scored))[:, 1]
    return scores


def table(runs: list[Run], arms: list[str], out: Path) -> Iterator[str]:
    """Mean AUROC of each arm over the runs, and its paired difference from Hilum's fine-tuning, in Markdown."""
    every = sorted({patient for run in runs for patient in run.test.patient_ids})
    place = {patient: number for number, patient in enumerate(every)}
    drawn = bootstrap_counts(len(every), draws=len(every), n_bootstrap=N_BOOTSTRAP, seed=0, stream=0)
    weight = bootstrap_counts(len(runs), draws=len(runs), n_bootstrap=N_BOOTSTRAP, seed=0, stream=1) / len(runs)
    single: dict[str, NDArray[np.float64]] = {}
    resampled: dict[str, NDArray[np.float64]] = {}
    for kind, arm in product(("trained", "probe"), arms):
        both = [np.empty(len(runs)), np.empty((len(runs), N_BOOTSTRAP))]
        for number, run in enumerate(runs):
            scores = pl.read_parquet(file_of(arm, run, out))[kind].to_numpy()
            counts = drawn[[place[patient] for patient in run.test.patient_ids]]
            both[0][number] = roc_auc_score(run.test.targets[:, 0], scores)
            both[1][number] = weighted_auroc(run.test.targets[:, 0], scores, counts)
        single[f"{arm}, {kind}"], resampled[f"{arm}, {kind}"] = both[0], (both[1] * weight).sum(0)
    reference = f"{HILUM}, trained" if HILUM in arms else next(iter(single))
    learnt, tested = (
        [len(part.image_ids) for part in parts] for parts in zip(*((r.train, r.test) for r in runs), strict=True)
    )
    yield f"\n{runs[0].labels} % of the labels: {span(learnt)} images to learn from, {span(tested)} tested"
    yield f"{len(runs)} runs: {', '.join(f'split {run.split} seed {run.seed}' for run in runs)}\n"
    yield f"| arm | AUROC (95 %) | single runs | {reference} − arm |"
    yield "|---|---|---|---|"
    for name, values in single.items():
        difference = ""
        if name != reference:
            difference = interval(
                single[reference].mean() - values.mean(), resampled[reference] - resampled[name], "+.3f"
            )
        shown = ", ".join(f"{value:.3f}" for value in values)
        yield f"| {name} | {interval(values.mean(), resampled[name], '.3f')} | {shown} | {difference} |"


def weighted_auroc(
    labels: NDArray[np.float32], scores: NDArray[np.floating], counts: NDArray[np.integer]
) -> NDArray[np.float64]:
    """AUROC of resamples in which image i counts `counts[i, b]` times, (B)."""
    positive = labels == 1
    above = scores[positive][:, None] - scores[~positive][None, :]
    wins = (above > 0) + 0.5 * (above == 0)
    for_positive, for_negative = counts[positive].astype(float), counts[~positive].astype(float)
    won: NDArray[np.float64] = ((wins.T @ for_positive) * for_negative).sum(0)
    return won / (for_positive.sum(0) * for_negative.sum(0))


def interval(estimate: float, resampled: NDArray[np.float64], form: str) -> str:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return f"{estimate:{form}} ({low:{form}} to {high:{form}})"


def span(numbers: list[int]) -> str:
    return f"{min(numbers)}" if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"


if __name__ == "__main__":
    main()
