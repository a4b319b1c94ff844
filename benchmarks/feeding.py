"""Feeding a training step: from Hilum's store, against decoding PNG files at every step.

    python benchmarks/feeding.py [--root FOLDER] [--out feeding.json]

Side by side in one run, on the same images:

1. feeding alone: batches from the store, against a torch DataLoader that does what a user would write (Pillow, resize,
   to tensor) with 0 and 2 workers, from the original PNGs and from PNGs shrunk beforehand;
2. a ResNet-18 training step (14 labels, bf16 autocast, channels-last): model alone on a batch that is there already,
   fed from the store, and fed from the PNGs. Rounds alternate, so that a drifting machine drifts for all three.

Without --root the images are smooth noise, drawn here; a folder of real images gives the more honest PNG sizes.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import timm
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from hilum.artifacts import write_json
from hilum.data.batches import Batches
from hilum.data.collections import read_collection
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store, build_store

SIZE, BATCH, FINDINGS = 224, 32, 14
UNCOUNTED = 2  # steps at the start of a round


class PngImages(Dataset[Tensor]):
    """What a user would write: decode, resize and convert whenever an image is asked for."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self.transform = transforms.Compose([transforms.Resize((SIZE, SIZE)), transforms.ToTensor()])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.paths[index]) as image:
            converted: Tensor = self.transform(image.convert("L"))
        return converted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="a folder of images; otherwise some are drawn")
    parser.add_argument("--images", type=int, default=400, help="how many to draw")
    parser.add_argument("--png-size", type=int, default=1024, help="side of the drawn images, px")
    parser.add_argument("--steps", type=int, default=10, help="training steps a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="JSON to write")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = arguments.root or draw_images(Path(scratch, "images"), arguments.images, arguments.png_size)
        dataset = read_collection("folder", root)
        started = time.perf_counter()
        store = build_store(dataset.manifest, root, parse_recipe([{"resize": SIZE}]), Path(scratch, "store"))
        built = len(dataset.manifest) / (time.perf_counter() - started)
        path_of = dict(dataset.manifest.select("image_id", "path").iter_rows())
        originals = [root / path_of[image_id] for image_id in store.image_ids]
        shrunk = write_shrunk(store, Path(scratch, "shrunk"))
        feeding = measure_feeding(store, originals, shrunk)
        training = measure_training(store, originals, arguments.steps, arguments.rounds)
    report(len(originals), built, feeding, training)
    if arguments.out:
        content = {"images": len(originals), "size": SIZE, "store_built_per_second": built}
        write_json(arguments.out, content | {"feeding": feeding, "training": training})


def draw_images(folder: Path, images: int, size: int) -> Path:
    """Write smooth noise with a little grain, which compresses about as a radiograph does."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(images):
        smooth = cv2.resize(draw.uniform(30, 220, (12, 12)), (size, size), interpolation=cv2.INTER_CUBIC)
        grain = draw.normal(0, 2, (size, size))
        cv2.imwrite(str(folder / f"{number:05d}.png"), np.clip(smooth + grain, 0, 255).astype(np.uint8))
    return folder


def write_shrunk(store: Store, folder: Path) -> list[Path]:
    """The store's images as PNG files: what a careful user prepares beforehand."""
    folder.mkdir()
    paths = [folder / f"{row:05d}.png" for row in range(len(store.image_ids))]
    for path, image in zip(paths, store.pixels, strict=True):
        cv2.imwrite(str(path), np.asarray(image))
    return paths


def measure_feeding(store: Store, originals: list[Path], shrunk: list[Path]) -> dict[str, float]:
    """Images a second that come out of each, nothing else being done: whole epochs, after one to warm up."""
    sources = {
        "store, 1 thread": StoreImages(store),
        "PNG as it is, 0 workers": png_loader(originals, 0),
        "PNG as it is, 2 workers": png_loader(originals, 2),
        "PNG of 224 px, 0 workers": png_loader(shrunk, 0),
        "PNG of 224 px, 2 workers": png_loader(shrunk, 2),
    }
    rates = {}
    for name in list(sources):
        source = sources.pop(name)  # workers end with their loader
        sum(map(len, source))
        started, images = time.perf_counter(), 0
        while time.perf_counter() - started < 2:
            images += sum(map(len, source))
        rates[name] = images / (time.perf_counter() - started)
    return rates


class StoreImages:
    """Images of the store's batches, an epoch an iteration."""

    def __init__(self, store: Store) -> None:
        self.batches = Batches(
            store, store.image_ids, BATCH, seed=0, shuffle=True, drop_last=True, workers=1, device=device()
        )

    def __iter__(self) -> Iterator[Tensor]:
        for batch in self.batches:
            yield batch.images
        self.batches.epoch += 1


def png_loader(paths: list[Path], workers: int) -> Iterable[Tensor]:
    return DataLoader(
        PngImages(paths), BATCH, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )


def measure_training(store: Store, originals: list[Path], steps: int, rounds: int) -> dict[str, float]:
    """Images a second of a training step, and the share of it spent in waiting for images.

    The median step counts for the rates. A fresh loader of PNGs starts with batches in hand, which favours it.
    """
    step = training_step()
    resident = next(iter(StoreImages(store)))
    sources: dict[str, Callable[[], Iterable[Tensor]]] = {
        "model alone": lambda: repeat(resident),
        "store": lambda: StoreImages(store),
        "PNG as it is, 2 workers": lambda: png_loader(originals, 2),
    }
    taken: dict[str, list[float]] = {name: [] for name in sources}
    waited: dict[str, list[float]] = {name: [] for name in sources}
    for _ in range(rounds):
        for name, source in sources.items():
            endless = forever(source())
            for number in range(UNCOUNTED + steps):
                started = time.perf_counter()
                images = next(endless)
                arrived = time.perf_counter()
                step(images)
                if number >= UNCOUNTED:
                    waited[name].append(arrived - started)
                    taken[name].append(time.perf_counter() - started)
    rates = {f"{name}, images/s": BATCH / statistics.median(seconds) for name, seconds in taken.items()}
    waits = {f"{name}, share waited": sum(waited[name]) / sum(taken[name]) for name in sources if name != "model alone"}
    return rates | waits


def forever(images: Iterable[Tensor]) -> Iterator[Tensor]:
    while True:
        yield from images


def training_step() -> Callable[[Tensor], None]:
    place = device()
    model = timm.create_model("resnet18", in_chans=1, num_classes=FINDINGS).to(place)
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    labels = torch.randint(0, 2, (BATCH, FINDINGS), generator=torch.Generator().manual_seed(0)).float().to(place)

    def step(images: Tensor) -> None:
        gray = images.to(place)
        gray = gray.float() / 255 if gray.dtype == torch.uint8 else gray
        with torch.autocast(place.type, torch.bfloat16):
            scores = model(gray.contiguous(memory_format=torch.channels_last))
            loss = functional.binary_cross_entropy_with_logits(scores.float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if place.type == "cuda":
            torch.cuda.synchronize()

    return step


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def report(images: int, built: float, feeding: dict[str, float], training: dict[str, float]) -> None:
    lines = [
        f"{images:,} images, {SIZE} px, batches of {BATCH}, {device().type}",
        f"store built at {built:,.0f} images/s",
    ]
    lines += ["", f"{'feeding alone':32} {'images/s':>12} {'store is':>12}"]
    best = feeding["store, 1 thread"]
    lines += [f"{name:32} {rate:12,.0f} {best / rate:11,.0f}x" for name, rate in feeding.items()]
    lines += ["", f"{'ResNet-18 training step':32} {'images/s':>12} {'of the model':>12} {'waited':>8}"]
    alone = training["model alone, images/s"]
    for name in ("model alone", "store", "PNG as it is, 2 workers"):
        rate, wait = training[f"{name}, images/s"], training.get(f"{name}, share waited", 0.0)
        lines.append(f"{name:32} {rate:12,.1f} {rate / alone:12.1%} {wait:8.2%}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
