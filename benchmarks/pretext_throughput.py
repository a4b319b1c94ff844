"""Images a second of every pretext method, against lightly's example of it, side by side in one run.

    python benchmarks/pretext_throughput.py [--sizes 224 96] [--methods simclr dino] [--steps 3] [--out FILE]

Same images, encoder (ResNet-18; ViT-Ti/16 for DINOv2), batch, number and sizes of views, prototypes and optimiser:

1. Hilum as it trains: a store of 8-bit images, views of one channel drawn for the whole batch, bfloat16 where the
   processor multiplies in it, channels-last, memory that is kept, the steps of `hilum.training`;
2. lightly's example: PNG files of the views' size made RGB, its transform, a DataLoader with two workers, float32;
3. the same in bfloat16 and channels-last, which takes two lines.

lightly has no FCMAE: there the other side is a plain loop, the same network with its whole maps masked
(`dense_masking.py`), on crops that torchvision makes of PNG files. Each arm has a process of its own, and they take
turns. Between turns there are no DataLoader's workers, which would go on making batches, at the other arm's cost; for
the same reason the first steps of a turn are not counted: as many as batches can be ready. A rate is from the median
step. Both sides' losses are beside: the same definitions (tests/pretext/test_curves_beside_lightly.py), on views that
are alike but not the same (lightly also draws colour, Hilum rotates).
Run it on an idle machine.
"""

import argparse
import itertools
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import torch
from dense_masking import densely_masked_features
from lightly_examples import EXAMPLES, MOMENTUM, PROTOTYPES, QUEUE, TEACHER_TEMPERATURE, TEMPERATURE, Example, steps
from lightning.fabric import Fabric
from lightning.fabric.plugins import MixedPrecision, Precision
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.strategies.single_device import SingleDeviceStrategy
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2

from hilum.augment import AUGMENTATIONS
from hilum.data.batches import Batch, Batches
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.draws import image_keys
from hilum.encoders.zoo import create_encoder
from hilum.pretext.methods import METHODS, Pretext, PretextRun, fcmae, method_of, method_settings
from hilum.training.cpu import explicit_short_attention, keep_freed_memory, small_convolutions_as_products
from hilum.training.precision import choose_precision, deterministic
from hilum.training.settings import TrainingSettings
from hilum.training.step import Stepper

Images = NDArray[np.uint8]

HILUM, SHIPPED, FAST = "Hilum", "as shipped", "bf16, channels-last"
LOCAL_SIZES = {224: 96, 96: 48}
LOCAL_VIEWS = {"swav": 6, "dino": 6, "dinov2": 8}
"""lightly's defaults."""
CENTERING = {
    "prototypes": PROTOTYPES,
    "teacher": "centering",
    "warmup_teacher_temperature": TEACHER_TEMPERATURE,
    "teacher_temperature": TEACHER_TEMPERATURE,
    "momentum": MOMENTUM,
    "freeze_prototypes_epochs": 0,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "simclr": {"temperature": TEMPERATURE},
    "mocov2": {"temperature": TEMPERATURE, "queue": QUEUE, "momentum": MOMENTUM, "head_batch_norm": False},
    "swav": {"prototypes": PROTOTYPES, "queue": 0, "koleo_weight": 0.0},
    "dino": CENTERING | {"koleo_weight": 0.0},
    # lightly's iBOT is a mean over all global views, Hilum's over those with hidden patches: half of them
    "dinov2": CENTERING | {"patch_weight": 0.5, "head_batch_norm": False},
    "fcmae": {},
}
ENCODERS = dict.fromkeys(METHODS, "resnet18") | {"dinov2": "vit_tiny_patch16_224", "fcmae": "convnextv2_atto"}
LR = 1e-3
FEW = 3
"""Steps whose mean loss is shown, at the start and at the end."""
STORED = 2
"""Batches that each worker of a DataLoader makes ahead: its `prefetch_factor`."""


@dataclass
class Taken:
    """Seconds and losses of the steps that count."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", choices=LOCAL_SIZES, default=list(LOCAL_SIZES))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[each for each in METHODS if each in OPTIONS])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--steps", type=int, default=3, help="that count, in each turn")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="of lightly's DataLoader")
    parser.add_argument("--out", type=Path, help="Markdown to write")
    arguments = parser.parse_args()
    lines = head(arguments)
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            paths = write_png(draw_images(arguments.images, size), Path(folder))
            for method in arguments.methods:
                lines.append(row(method, size, measure(method, size, paths, arguments), arguments.batch))
                print(lines[-1], flush=True)
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_images(count: int, size: int) -> Images:
    draw = np.random.default_rng(0)
    smooth = [
        cv2.resize(draw.uniform(30, 220, (12, 12)), (size, size), interpolation=cv2.INTER_CUBIC) for _ in range(count)
    ]
    return np.clip(np.stack(smooth) + draw.normal(0, 2, (count, size, size)), 0, 255).astype(np.uint8)


def write_png(images: Images, folder: Path) -> list[Path]:
    paths = [folder / f"{images.shape[1]}-{number}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(str(path), image)
    return paths


def measure(method: str, size: int, paths: list[Path], arguments: argparse.Namespace) -> dict[str, Taken]:
    """Turns of all arms."""
    taken = {name: Taken() for name in (HILUM, SHIPPED, FAST)}
    with ExitStack() as stack:
        arms = {name: stack.enter_context(own_process(name, method, size, paths, arguments)) for name in taken}
        for arm in arms.values():
            arm.recv()  # its imports would cost the first turns time
        for _ in range(arguments.rounds):
            for name, arm in arms.items():
                arm.send((1 + STORED * arguments.workers, arguments.steps))
                of_turn = arm.recv()
                taken[name].seconds += of_turn.seconds
                taken[name].losses += of_turn.losses
    return taken


@contextmanager
def own_process(
    name: str, method: str, size: int, paths: list[Path], arguments: argparse.Namespace
) -> Iterator[Connection]:
    """A process that takes an arm's steps: it says when it can, receives how many do not count and do, and answers."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=take_turns, args=(there, name, method, size, paths, arguments))
    process.start()
    there.close()  # so that a process that ends is noticed
    try:
        yield here
    finally:
        here.close()
        process.join()


def take_turns(
    pipe: Connection, name: str, method: str, size: int, paths: list[Path], arguments: argparse.Namespace
) -> None:
    """Until nobody asks any more."""
    batch = arguments.batch
    with ExitStack() as stack:
        if name == HILUM:
            start = stack.enter_context(training(method, draw_images(arguments.images, size), batch))
        else:
            start = example_steps(method, size, paths, batch, workers=arguments.workers, fast=name == FAST)
        pipe.send("ready")
        while True:
            try:
                uncounted, counted = pipe.recv()
            except EOFError:
                return
            with closing(start()) as losses:
                pipe.send(turn(losses, uncounted, counted))


Start = Callable[[], Generator[Tensor]]
"""Goes on with a training: a step's loss at a time."""


def example_steps(method: str, size: int, paths: list[Path], batch: int, *, workers: int, fast: bool) -> Start:
    torch.manual_seed(0)
    example = EXAMPLES.get(method, plain_loop)(size, LOCAL_SIZES[size])
    if fast:
        example.trained.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW([each for each in example.trained.parameters() if each.requires_grad], lr=LR)
    return lambda: steps(example, optimizer, paths, batch, workers=workers, fast=fast)


def turn(losses: Iterator[Tensor], uncounted: int, counted: int) -> Taken:
    """Steps that do not count, and those that do."""
    for _ in range(uncounted):
        next(losses)
    taken = Taken()
    for _ in range(counted):
        started = time.perf_counter()
        taken.losses.append(float(next(losses)))
        taken.seconds.append(time.perf_counter() - started)
    return taken


@contextmanager
def training(method: str, images: Images, batch: int) -> Iterator[Start]:
    """Hilum's steps, as `hilum.training.fit` takes them; what that opens around a run stays open between turns."""
    size = images.shape[1]
    batches = Batches(store_of(images), list(map(str, range(len(images)))), batch, seed=0, shuffle=True, drop_last=True)
    device = torch.device("cpu")
    bf16 = choose_precision("auto", device) == "bf16"
    fabric = Fabric(
        strategy=SingleDeviceStrategy(device),
        plugins=[MixedPrecision("bf16-mixed", "cpu") if bf16 else Precision(), LightningEnvironment()],
    )
    trainable = pretext(method, size, len(images), batch)
    trainable.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    settings = TrainingSettings(epochs=1000, lr=LR, warmup_epochs=0, schedule="constant", precision="auto")
    stepper = Stepper(fabric, trainable.train(), settings, len(batches))
    step = itertools.count()

    def start() -> Generator[Tensor]:
        while True:
            for batch_of_images in batches:
                yield stepper.take(batch_of_images, batches.epoch, next(step), 1.0)
            batches.epoch += 1

    with (
        deterministic(device),
        keep_freed_memory(device),
        explicit_short_attention(trainable),
        small_convolutions_as_products(trainable),
    ):
        yield start


def pretext(method: str, size: int, images: int, batch: int) -> Pretext:
    chosen = method_of(method)
    views = {"local_crops": LOCAL_VIEWS[method]} if method in LOCAL_VIEWS else {}
    return chosen.create(
        create_encoder(ENCODERS[method], seed=0),
        method_settings(method, OPTIONS[method] | views),
        PretextRun(
            augmentation=AUGMENTATIONS[chosen.augmentation],
            local_augmentation=AUGMENTATIONS[chosen.local_augmentation or chosen.augmentation],
            size=size,
            local_size=LOCAL_SIZES[size],
            images=images,
            batch_size=batch,
            steps=1000,
            seed=0,
            collapse_monitor=None,
        ),
    )


def store_of(images: Images) -> Store:
    rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    recipe = parse_recipe([{"resize": images.shape[1]}])
    return Store(Path("drawn"), images, list(map(str, range(len(images)))), rejected, recipe)


def plain_loop(size: int, _: int) -> Example:
    """FCMAE on crops that torchvision makes of PNG files: the network's own views are the crops as they are."""
    fcmae.visible_features = densely_masked_features  # an arm's process has nobody else in it
    model = pretext("fcmae", size, 256, 32)
    model.augmentation = AUGMENTATIONS["none"]  # type: ignore[assignment]
    crop = v2.Compose(
        [
            v2.Grayscale(),
            v2.RandomResizedCrop(size, scale=(0.5, 1.0)),
            v2.RandomHorizontalFlip(),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    epoch = 0

    def loss(views: list[Tensor]) -> Tensor:
        nonlocal epoch
        epoch += 1  # for other masks
        keys = image_keys(map(str, range(len(views[0]))))
        return model.training_loss(Batch(views[0], keys, np.arange(len(keys)), None), epoch)

    return Example(model.train(), loss, lambda image: [crop(image)])


def head(arguments: argparse.Namespace) -> list[str]:
    lines = [
        f"Batch {arguments.batch}, {torch.get_num_threads()} threads; images/s from the median step, mean loss of the "
        f"first and of the last {FEW} steps.",
        "",
        f"| method | px | {HILUM} | {SHIPPED} | ratio | {FAST} | ratio | losses, in this order |",
        "|---|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    return lines


def row(method: str, size: int, taken: dict[str, Taken], batch: int) -> str:
    rate = {name: batch / statistics.median(each.seconds) for name, each in taken.items()}
    losses = ", ".join(
        f"{statistics.mean(each.losses[:FEW]):.2f} to {statistics.mean(each.losses[-FEW:]):.2f}"
        for each in taken.values()
    )
    reference = [f"{rate[name]:.1f} | {rate[HILUM] / rate[name]:.2f}×" for name in (SHIPPED, FAST)]
    return f"| {METHODS[method].title} | {size} | {rate[HILUM]:.1f} | {' | '.join(reference)} | {losses} |"


if __name__ == "__main__":
    main()
