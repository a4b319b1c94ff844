"""Two random views of every image: Hilum's, for a whole batch at once, against lightly's SimCLRTransform.

    python benchmarks/views.py [--root FOLDER] [--out views.json]

Side by side in one run, on the same images, at 224 and 96 px, in rounds that alternate:

1. `random_views` twice on batches of uint8 images, augmentation "simclr";
2. lightly's `SimCLRTransform` as it comes, image by image on PIL images, in the process itself;
3. the same behind a DataLoader with two workers.

The operations are alike, not the same: both crop, resize, mirror, change brightness and contrast, and blur; Hilum also
rotates; lightly also draws saturation, hue and grey on three channels, normalises, and copies the image's grey level
into three channels (that conversion is done beforehand and not counted).

Then views a second of single augmentations, in rounds that alternate: what the papers' augmentations, solarisation,
erasing, noise and the limits that spare the lungs cost beside ours.

Then the share of a SimCLR step (ResNet-18, bf16 autocast, channels-last, AdamW) that the views take.
Without --root the images are smooth noise with grain, drawn here.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from lightly.transforms import SimCLRTransform
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hilum.artifacts import write_json
from hilum.augment import AUGMENTATIONS, random_views
from hilum.data.batches import Batch
from hilum.draws import image_keys
from hilum.encoders.zoo import create_encoder
from hilum.pretext.losses.nt_xent import nt_xent
from hilum.pretext.modules import TwoCrop, projection_head

STEP_BATCHES = {224: 32, 96: 64}
VIEW_BATCH = 64
UNCOUNTED = 2  # steps at the start of a round
HILUM, LIGHTLY, LOADER = "hilum random_views", "lightly SimCLRTransform", "lightly, DataLoader with 2 workers"

AUGMENTATIONS_MEASURED = {
    name: AUGMENTATIONS[name]
    for name in ("none", "finetune", "finetune_erasing", "simclr", "simclr_lungs", "chen2020_simclr")
} | {
    "caron2021_dino_second": AUGMENTATIONS["caron2021_dino_second"],
    "simclr and noise": replace(AUGMENTATIONS["simclr"], noise=(0.05, 0.05)),
}

Images = NDArray[np.uint8]


class PilImages(Dataset[list[Tensor]]):
    """What lightly's users write: two views of an image whenever it is asked for."""

    def __init__(self, images: Images) -> None:
        self.images = [Image.fromarray(image).convert("RGB") for image in images]
        self.transform = SimCLRTransform(input_size=images.shape[1])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> list[Tensor]:
        views: Any = self.transform(self.images[index])
        return views


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="a folder of PNG images; otherwise some are drawn")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--steps", type=int, default=6, help="SimCLR steps a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="JSON to write")
    arguments = parser.parse_args()
    found: dict[str, Any] = {"images": arguments.images, "threads": torch.get_num_threads(), "device": device().type}
    for size in STEP_BATCHES:
        images = (
            read_images(arguments.root, arguments.images, size)
            if arguments.root
            else draw_images(arguments.images, size)
        )
        rates = measure_views(images, arguments.rounds)
        found[f"{size} px"] = {
            "source_images_per_second": rates,
            "views_per_second": measure_augmentations(images, arguments.rounds),
            **measure_step(images, arguments.steps, arguments.rounds),
        }
    report(found)
    if arguments.out:
        write_json(arguments.out, found)


def draw_images(count: int, size: int) -> Images:
    draw = np.random.default_rng(0)
    smooth = [
        cv2.resize(draw.uniform(30, 220, (12, 12)), (size, size), interpolation=cv2.INTER_CUBIC) for _ in range(count)
    ]
    return np.clip(np.stack(smooth) + draw.normal(0, 2, (count, size, size)), 0, 255).astype(np.uint8)


def read_images(root: Path, count: int, size: int) -> Images:
    paths = sorted(root.rglob("*.png"))[:count]
    read = [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) for path in paths]
    images = [cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in read]
    return np.stack(images).astype(np.uint8)


def batches(images: Images, batch: int) -> list[Batch]:
    """Images on the device, as `hilum.data.batches` hands them out."""
    moved = torch.from_numpy(images)[:, None].to(device())
    keys = image_keys(map(str, range(len(images))))
    starts = range(0, len(images) - batch + 1, batch)
    return [Batch(moved[at : at + batch], keys[at : at + batch], np.arange(at, at + batch), None) for at in starts]


def measure_views(images: Images, rounds: int) -> dict[str, float]:
    """Source images a second, two views each; the best of some rounds of at least a second."""
    opened = PilImages(images)
    loader = DataLoader(opened, VIEW_BATCH, num_workers=2, persistent_workers=True)
    prepared = batches(images, VIEW_BATCH)
    two_views = TwoCrop(AUGMENTATIONS["simclr"], images.shape[1], seed=0)

    def hilum(epoch: int) -> Iterator[int]:
        for batch in prepared:
            two_views.of(batch, epoch)
            synchronize()
            yield len(batch)

    def lightly(_: int) -> Iterator[int]:
        for index in range(len(opened)):
            opened[index]
            yield 1

    def lightly_loader(_: int) -> Iterator[int]:
        for first, _ in loader:
            yield len(first)

    sources: dict[str, Callable[[int], Iterator[int]]] = {HILUM: hilum, LIGHTLY: lightly, LOADER: lightly_loader}
    rates: dict[str, list[float]] = {name: [] for name in sources}
    for turn in range(rounds + 1):  # the first compiles and starts workers
        for name, source in sources.items():
            started, seen, epoch = time.perf_counter(), 0, 0
            while time.perf_counter() - started < 1:
                seen += sum(source(epoch))
                epoch += 1
            if turn:
                rates[name].append(seen / (time.perf_counter() - started))
    return {name: max(found) for name, found in rates.items()}


def measure_augmentations(images: Images, rounds: int) -> dict[str, float]:
    """Views a second, of each augmentation; the best of some rounds of at least half a second."""
    prepared = batches(images, VIEW_BATCH)
    rates: dict[str, list[float]] = {name: [] for name in AUGMENTATIONS_MEASURED}
    for turn in range(rounds + 1):
        for name, augmentation in AUGMENTATIONS_MEASURED.items():
            started, views, epoch = time.perf_counter(), 0, 0
            while time.perf_counter() - started < 0.5:
                for batch in prepared:
                    random_views(batch.images, batch.keys, augmentation, images.shape[1], seed=0, epoch=epoch, view=0)
                    synchronize()
                    views += len(batch)
                epoch += 1
            if turn:
                rates[name].append(views / (time.perf_counter() - started))
    return {name: max(found) for name, found in rates.items()}


def measure_step(images: Images, steps: int, rounds: int) -> dict[str, float]:
    """Seconds of a SimCLR step without its views, seconds of the views, and their share of both; medians."""
    size = images.shape[1]
    place = device()
    encoder = create_encoder("resnet18", seed=0)
    model = torch.nn.Sequential(encoder, projection_head(encoder.feature_width, seed=0))
    model.to(place).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    two_views = TwoCrop(AUGMENTATIONS["simclr"], size, seed=0)
    batch = batches(images, STEP_BATCHES[size])[0]
    viewing: list[float] = []
    learning: list[float] = []
    for turn in range(rounds):
        for number in range(UNCOUNTED + steps):
            started = time.perf_counter()
            first, second = two_views.of(batch, turn * 1000 + number)
            synchronize()
            viewed = time.perf_counter()
            with torch.autocast(place.type, torch.bfloat16):
                projections = model(torch.cat([first, second]).contiguous(memory_format=torch.channels_last))
            one, other = projections.chunk(2)
            loss = nt_xent(one, other, 0.2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            synchronize()
            if number >= UNCOUNTED:
                viewing.append(viewed - started)
                learning.append(time.perf_counter() - viewed)
    views, rest = statistics.median(viewing), statistics.median(learning)
    return {"views_seconds": views, "rest_of_step_seconds": rest, "views_share_of_step": views / (views + rest)}


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def synchronize() -> None:
    if device().type == "cuda":
        torch.cuda.synchronize()


def report(found: dict[str, Any]) -> None:
    print(f"{found['images']} images, two views each, {found['threads']} threads, {found['device']}")
    for size, batch in STEP_BATCHES.items():
        result = found[f"{size} px"]
        rates = result["source_images_per_second"]
        print(f"\n{f'{size} px':40} {'images/s':>10} {'hilum is':>10}")
        for name, rate in rates.items():
            print(f"{name:40} {rate:10,.0f} {rates[HILUM] / rate:9.1f}x")
        print(f"{f'{size} px':40} {'views/s':>10}")
        for name, rate in result["views_per_second"].items():
            print(f"{name:40} {rate:10,.0f}")
        rate = batch / (result["views_seconds"] + result["rest_of_step_seconds"])
        share = result["views_share_of_step"]
        print(f"SimCLR step of {batch} images: {rate:.1f} images/s, views {share:.2%} of it")


if __name__ == "__main__":
    main()
