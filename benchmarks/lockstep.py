"""Trials in lockstep beside trials one by one: heads on frozen features, and blocks behind a frozen front.

    python benchmarks/lockstep.py [--rounds 3] [--images 14000] [--trials 8]

Times are CPU seconds of this process with one thread, so that what else runs on the machine counts little; arms take
turns in one run, and each number is the median over rounds. Of heads, the steps of one epoch are compared: features are
in hand. Behind a frozen front the bound is arithmetic: views and frozen part once, and for every trial what its step
takes alone without these.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import torch

from hilum.augment import augmentation_of
from hilum.data.batches import Batches
from hilum.data.labelled_images import LabelledImages
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.encoders.zoo import create_encoder
from hilum.finetuning.finetune import finetune
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials import SharedPass, elwirehardja2025, train_trials

FINDINGS = [f"class {number}" for number in range(15)]
BASE = FinetuneSettings(
    epochs=1, unfreeze=0, augmentation="none", output_type="multiclass", optimizer="adam", schedule="constant",
    precision="fp32", device="cpu", workers=0, checkpoint_every_seconds=1e9,
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=14_000)
    parser.add_argument("--trials", type=int, default=8, help="behind a frozen front")
    parser.add_argument("--only", choices=["heads", "blocks"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.only != "blocks":
        heads(arguments.images, arguments.rounds)
    if arguments.only != "heads":
        blocks(arguments.trials, arguments.rounds)


def heads(images: int, rounds: int) -> None:
    print(f"90 heads on the features of {images:,} images (ConvNeXt V2 atto, 320 wide, 15 classes), ms a step\n")
    print("| head | batch | one, `finetune` | one, `train_trials` | 90 | 90 / one | 90 one by one / 90 |")
    print("|---|---|---|---|---|---|---|", flush=True)
    store, labelled = made_up(images + 200, 32)
    train, val = labelled(0, images), labelled(images, images + 200)
    for head in ("linear", "mlp"):
        for batch_size in (8, 32, 128):
            settings = replace(BASE, head=head, batch_size=batch_size)
            grid = elwirehardja2025(settings)
            times: list[list[float]] = [[], [], []]
            for _ in range(rounds):
                times[0].append(alone(store, train, val, grid[30], "convnextv2_atto"))
                times[1].append(together(store, train, val, grid[30:31], "convnextv2_atto"))
                times[2].append(together(store, train, val, grid, "convnextv2_atto"))
            one, lane, all_of_them = (1e3 * statistics.median(each) for each in times)
            print(
                f"| {head} | {batch_size} | {one:.2f} | {lane:.2f} | {all_of_them:.2f} | {all_of_them / one:.1f}× "
                f"| {90 * one / all_of_them:.0f}× |",
                flush=True,
            )


def blocks(trials: int, rounds: int) -> None:
    print(f"\n{trials} trials with k blocks unfrozen, batches of 16 augmented images of 96 px, ms a step\n")
    print("| encoder | k | frozen part | one, `finetune` | bound | lockstep | / bound | one by one / lockstep |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    store, images = made_up(180, 96)
    train, val = images(0, 160), images(160, 176)
    for encoder in ("resnet18", "vit_tiny_patch16_224"):
        for unfreeze in (1, 2):
            settings = replace(
                BASE, unfreeze=unfreeze, augmentation="finetune", batch_size=16, epochs=2, optimizer="adamw"
            )
            grid = [replace(settings, lr=1e-4 / (n + 1), dropout=0.1 * (n % 3)) for n in range(trials)]
            times: list[list[float]] = [[], [], []]
            for _ in range(rounds):
                times[0].append(frozen_part(store, train, settings, encoder))
                times[1].append(alone(store, train, val, grid[0], encoder))
                times[2].append(together(store, train, val, grid, encoder))
            front, one, lockstep = (1e3 * statistics.median(each) for each in times)
            bound = front + trials * (one - front)
            print(
                f"| {encoder} | {unfreeze} | {front:.1f} | {one:.1f} | {bound:.0f} | {lockstep:.0f} | "
                f"{lockstep / bound:.2f}× | {trials * one / lockstep:.2f}× |",
                flush=True,
            )


class Steps:
    """CPU seconds of steps, reported by `on_progress`."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, float]] = []

    def __call__(self, done: int, _: int, note: str) -> None:
        """Take the time of a step."""
        if note.startswith("epoch"):
            self.ends.append((done, time.process_time()))

    @property
    def median(self) -> float:
        """Seconds a step; the first tenth is not counted."""
        took = [later - earlier for (_, earlier), (_, later) in pairwise(self.ends)]
        return statistics.median(took[len(took) // 10 :])


def alone(store: Store, train: LabelledImages, val: LabelledImages, settings: FinetuneSettings, encoder: str) -> float:
    steps = Steps()
    with tempfile.TemporaryDirectory() as where:
        finetune(
            "random", encoder, store, train, val, val.image_ids[:1], FINDINGS,
            settings=settings, seed=0, directory=Path(where) / "out", on_progress=steps,
        )  # fmt: skip
    return steps.median


def together(
    store: Store, train: LabelledImages, val: LabelledImages, trials: Sequence[FinetuneSettings], encoder: str
) -> float:
    steps = Steps()
    with tempfile.TemporaryDirectory() as where:
        train_trials(
            store, train, val, trials, init="random", encoder_name=encoder, findings=FINDINGS, seed=0,
            directory=Path(where) / "out", on_progress=steps,
        )  # fmt: skip
    return steps.median


def frozen_part(store: Store, train: LabelledImages, settings: FinetuneSettings, name: str) -> float:
    encoder = create_encoder(name, seed=0).requires_grad_(False).eval().to(memory_format=torch.channels_last)
    cut = len(encoder.blocks) - int(settings.unfreeze)
    shared = SharedPass(encoder, store.recipe.size, augmentation_of(settings.augmentation), 0, [cut])
    batches = Batches(store, train.image_ids, settings.batch_size, seed=0, shuffle=True, drop_last=True, workers=0)
    took = []
    for _ in range(2):
        began = time.process_time()
        for batch in batches:
            shared.train(batch, 0)
            took.append(time.process_time() - began)
            began = time.process_time()
    return statistics.median(took[2:])


def made_up(count: int, side: int) -> tuple[Store, Callable[[int, int], LabelledImages]]:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, side, side), dtype=np.uint8)
    ids = [f"image{number}" for number in range(count)]
    rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    targets = np.eye(len(FINDINGS), dtype=np.float32)[random.integers(0, len(FINDINGS), count)]

    def images(first: int, last: int) -> LabelledImages:
        return LabelledImages(ids[first:last], ids[first:last], targets[first:last])

    return Store(Path("nowhere"), pixels, ids, rejected, parse_recipe([{"resize": side}])), images


if __name__ == "__main__":
    main()
