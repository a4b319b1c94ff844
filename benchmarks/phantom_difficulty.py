"""How hard the generated images are: what age, sex and view give away, what a thumbnail does, what a network learns.

    python benchmarks/phantom_difficulty.py --images 3000 --size 96 --epochs 25

Patients are divided 70 / 30; findings with at least ten positive patients on the test side count towards the macro
average. A thumbnail that did as well as a network would mean that exposure and framing give the findings away.
"""

import argparse
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import timm
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from hilum.findings import CHESTXRAY14
from hilum.phantom import Image, population_images, render_image

Scores = NDArray[np.float64]


def draw_images(population: list[Image], size: int, seed: int) -> NDArray[np.uint8]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.stack(list(pool.map(lambda image: render_image(image, size=size, seed=seed).pixels, population)))


def logistic(features: NDArray[np.float64], labels: NDArray[np.float32], train: NDArray[np.bool_], c: float) -> Scores:
    scaled = StandardScaler().fit(features[train]).transform(features)
    scores = np.full((int((~train).sum()), labels.shape[1]), 0.5)
    for finding in range(labels.shape[1]):
        if 0 < labels[train, finding].sum() < train.sum():
            model = LogisticRegression(C=c, max_iter=2000).fit(scaled[train], labels[train, finding])
            scores[:, finding] = model.predict_proba(scaled[~train])[:, 1]
    return scores


def thumbnails(pixels: NDArray[np.uint8], side: int = 8) -> NDArray[np.float64]:
    images = torch.from_numpy(pixels)[:, None].float()
    return F.adaptive_avg_pool2d(images, side).flatten(1).double().numpy()


def network(
    pixels: NDArray[np.uint8], labels: NDArray[np.float32], train: NDArray[np.bool_], epochs: int, batch: int, seed: int
) -> Scores:
    draws = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.random.manual_seed(seed)
        model = timm.create_model("resnet18", in_chans=1, num_classes=labels.shape[1])
    model = model.to(memory_format=torch.channels_last)
    images = (torch.from_numpy(pixels)[:, None].float() / 255 - 0.5) / 0.25
    known, targets = images[train], torch.from_numpy(labels[train])
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    steps = epochs * (len(known) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    size = pixels.shape[-1]
    for epoch in range(epochs):
        begun, total = time.perf_counter(), 0.0
        order = torch.randperm(len(known), generator=draws)
        for start in range(0, len(known) // batch * batch, batch):
            rows = order[start : start + batch]
            turn = torch.empty(batch).uniform_(-0.12, 0.12, generator=draws)
            zoom = torch.empty(batch).uniform_(0.85, 1.1, generator=draws)
            shift = torch.empty(batch, 2).uniform_(-0.1, 0.1, generator=draws)
            mirror = torch.where(torch.rand(batch, generator=draws) < 0.5, -1.0, 1.0)
            maps = torch.stack(
                [
                    torch.stack([zoom * mirror * turn.cos(), -zoom * turn.sin(), shift[:, 0]], 1),
                    torch.stack([zoom * mirror * turn.sin(), zoom * turn.cos(), shift[:, 1]], 1),
                ],
                dim=1,
            )
            grid = F.affine_grid(maps, [batch, 1, size, size], align_corners=False)
            views = F.grid_sample(known[rows], grid, padding_mode="border", align_corners=False)
            views = views * torch.empty(batch, 1, 1, 1).uniform_(0.8, 1.2, generator=draws)
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(views.contiguous(memory_format=torch.channels_last))
            loss = F.binary_cross_entropy_with_logits(logits.float(), targets[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * batch
        rate = len(order) / (time.perf_counter() - begun)
        print(f"  epoch {epoch + 1}: loss {total / len(order):.4f}, {rate:.0f} images/s", flush=True)
    model.eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        parts = [
            model(part.contiguous(memory_format=torch.channels_last)).float().sigmoid()
            for part in images[~train].split(256)
        ]
    return torch.cat(parts).double().numpy()


def show(scores: dict[str, Scores], truth: NDArray[np.float32], owners: NDArray[np.int64]) -> None:
    counted = [i for i in range(len(CHESTXRAY14)) if len(set(owners[truth[:, i] == 1])) >= 10]
    print(f"{len(truth)} test images\n{'finding':20s}{'positives':>10s}" + "".join(f"{name:>16s}" for name in scores))
    areas = {name: [roc_auc_score(truth[:, i], table[:, i]) for i in counted] for name, table in scores.items()}
    for row, i in enumerate(counted):
        shown = "".join(f"{column[row]:16.3f}" for column in areas.values())
        print(f"{CHESTXRAY14[i]:20s}{int(truth[:, i].sum()):10d}{shown}")
    print(f"{'macro':30s}" + "".join(f"{np.mean(column):16.3f}" for column in areas.values()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=25, help="of the network; 0 leaves it out")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    population = population_images(chosen.seed, chosen.images)
    begun = time.perf_counter()
    pixels = draw_images(population, chosen.size, chosen.seed)
    print(f"{chosen.images} images of {population[-1].patient} patients at {chosen.size} px, "
          f"{chosen.images / (time.perf_counter() - begun):.1f} images/s")  # fmt: skip
    patients = np.array([image.patient for image in population])
    labels = np.array([[name in image.severities for name in CHESTXRAY14] for image in population], dtype=np.float32)
    tabular = np.array(
        [[image.age, image.age**2, image.sex == "F", image.view == "AP"] for image in population], np.float64
    )
    train = np.random.default_rng(chosen.seed).random(patients.max() + 1)[patients] < 0.7

    scores = {
        "age, sex, view": logistic(tabular, labels, train, 1.0),
        "8x8 thumbnail": logistic(thumbnails(pixels), labels, train, 0.01),
    }
    truth, owners = labels[~train], patients[~train]
    show(scores, truth, owners)
    if chosen.epochs:
        scores["ResNet-18"] = network(pixels, labels, train, chosen.epochs, chosen.batch, chosen.seed)
        show(scores, truth, owners)


if __name__ == "__main__":
    main()
