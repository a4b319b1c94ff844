"""Fine-tuning throughput: Hilum beside loops as their users write them, on the same image files, in one run.

    python benchmarks/finetune_throughput.py ROOT [--encoders resnet18 densenet121] [--out throughput.json]

ROOT is a sample of ChestX-ray14 in NIH's layout. Its images are written once more as PNG of 1024 px, the size that NIH
gives out, so that decoding costs what it costs there. One training step takes one batch of 224 px views to 14 findings.
Sides, in rounds that alternate, so that a drifting machine drifts for all:

    model     Hilum's training step on a batch that is in memory, without augmentation: what cannot be saved
    hilum     the same with images from the store and random views (flip, 10 degrees)
    plain     torchvision's network on three channels, a DataLoader that opens PNGs with Pillow, Resize, flip, rotation
              of 10 degrees, ToTensor, Normalize; Adam; fp32
    xrv       the plain loop with the data set of torchxrayvision (NIH_Dataset, XRayCenterCrop, XRayResizer), one
              channel, where that is installed

Everything runs in one process with one thread (`num_workers=0`), and what is counted is its CPU time, which other
programs on the machine do not change. Building the store is counted by itself: it is done once a study.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import torch
import torchvision
from lightning.fabric import Fabric
from lightning.fabric.strategies import SingleDeviceStrategy
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from hilum.artifacts import write_json
from hilum.augment import Augmentation, augmentation_of
from hilum.data.collections import read_collection
from hilum.data.labelled_images import LabelledImages
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store, build_store
from hilum.encoders.zoo import create_encoder
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.data_loader import BatchLoader
from hilum.training.cpu import small_convolutions_as_products
from hilum.training.settings import TrainingSettings
from hilum.training.step import Stepper

SIZE, PNG_SIZE, FINDINGS, BATCH = 224, 1024, 14, 16
UNCOUNTED = 1  # steps at the start of a round
CPU = torch.device("cpu")
Step = Callable[[], None]


class PngImages(Dataset[tuple[Tensor, Tensor]]):
    """What a user would write: decode, resize and convert whenever an image is asked for."""

    def __init__(self, paths: list[Path], targets: Tensor) -> None:
        self.paths, self.targets = paths, targets
        self.transform = v2.Compose(
            [
                v2.Resize((SIZE, SIZE)),
                v2.RandomHorizontalFlip(),
                v2.RandomRotation(10),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB")), self.targets[index]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--encoders", nargs="+", default=["resnet18", "densenet121"])
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--steps", type=int, default=4, help="training steps a round and side")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="JSON to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        paths = write_large(arguments.root, Path(scratch, "images"), arguments.images)
        store, built = store_of(paths, Path(scratch, "store"))
        print(f"store: {1e3 * built:.0f} ms CPU an image, once", flush=True)
        for encoder in arguments.encoders:
            rows += measure(encoder, store, paths, arguments.root, arguments.steps, arguments.rounds)
    table = pl.DataFrame(rows)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=140):
        print(table)
    if arguments.out:
        write_json(arguments.out, {"store_seconds_an_image": built, "rows": rows})


def write_large(root: Path, folder: Path, images: int) -> list[Path]:
    """Images of the sample as PNG of 1024 px, under NIH's names."""
    folder.mkdir()
    manifest = read_collection("chestxray14", root, allow_missing=True).manifest.drop_nulls("path").head(images)
    paths = []
    for name in manifest["path"]:
        image = cv2.imread(str(root / name), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        paths.append(folder / Path(name).name)
        cv2.imwrite(str(paths[-1]), cv2.resize(image, (PNG_SIZE, PNG_SIZE), interpolation=cv2.INTER_CUBIC))
    return paths


def store_of(paths: list[Path], directory: Path) -> tuple[Store, float]:
    """Hilum's store of them, and the CPU seconds an image that it took."""
    dataset = read_collection("folder", paths[0].parent)
    began = time.process_time()
    store = build_store(dataset.manifest, dataset.root, parse_recipe([{"resize": SIZE}]), directory, workers=1)
    return store, (time.process_time() - began) / len(paths)


def measure(encoder: str, store: Store, paths: list[Path], root: Path, steps: int, rounds: int) -> list[dict[str, Any]]:
    """CPU milliseconds an image of every side: the median over rounds."""
    targets = np.random.default_rng(0).integers(0, 2, (len(store.image_ids), FINDINGS)).astype(np.float32)
    images = LabelledImages(list(store.image_ids), list(store.image_ids), targets)
    sides = {
        "model": hilum_step(encoder, store, images, alone=True),
        "hilum": hilum_step(encoder, store, images, alone=False),
        "plain": plain_step(encoder, DataLoader(PngImages(paths, torch.from_numpy(targets)), BATCH, shuffle=True), 3),
    }
    if (theirs := torchxrayvision_images(root, paths[0].parent)) is not None:
        sides["xrv"] = plain_step(encoder, DataLoader(theirs, BATCH, shuffle=True, collate_fn=collate), 1)
    took: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, step in sides.items():
            for _ in range(UNCOUNTED):
                step()
            began = time.process_time()
            for _ in range(steps):
                step()
            took[name].append((time.process_time() - began) / (steps * BATCH))
    median = {name: float(np.median(each)) for name, each in took.items()}
    return [
        {
            "encoder": encoder,
            "side": name,
            "cpu_ms_an_image": round(1e3 * seconds, 2),
            "rate_by_model": round(median["model"] / seconds, 3),
            "hilum_is_times_as_fast": round(seconds / median["hilum"], 2),
        }
        for name, seconds in median.items()
    ]


def hilum_step(encoder: str, store: Store, images: LabelledImages, *, alone: bool) -> Step:
    """A step of `hilum.training.fit.fit`: on one batch again and again, or on the store's."""
    loader = BatchLoader(store, size=SIZE, batch_size=BATCH, seed=0, workers=1, device=CPU, precision="fp32")
    augmentation = Augmentation() if alone else augmentation_of("tayebiarasteh2024")
    classifier = Classifier(create_encoder(encoder, seed=0), FINDINGS, size=SIZE, augmentation=augmentation, seed=0)
    classifier.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    batches = loader.training(images, drop_last=True)
    settings = TrainingSettings(epochs=1, lr=1e-4, weight_decay=0.01, seed=0)
    stepper = Stepper(Fabric(strategy=SingleDeviceStrategy(CPU)), classifier, settings, len(batches))
    source = cycle([next(iter(batches))]) if alone else endless(batches)

    def step() -> None:
        with small_convolutions_as_products(classifier):  # as `fit` does on a CPU
            stepper.take(next(source), 0, 0, 1.0).item()

    return step


def endless(batches: Any) -> Iterator[Any]:
    """Epoch after epoch."""
    epoch = 0
    while True:
        batches.load_state_dict({"epoch": epoch, "position": 0})
        yield from batches
        epoch += 1


def plain_step(encoder: str, loader: DataLoader[Any], channels: int) -> Step:
    """A step of the loop as its users write it."""
    model: nn.Module = getattr(torchvision.models, encoder)(num_classes=FINDINGS)
    if channels == 1 and encoder == "resnet18":
        model.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    elif channels == 1:
        model.features.conv0 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)  # type: ignore[union-attr]
    model.train()
    optimizer, loss_of = torch.optim.Adam(model.parameters(), 1e-4), nn.BCEWithLogitsLoss()
    source = (batch for _ in cycle([0]) for batch in loader if len(batch[0]) == BATCH)

    def step() -> None:
        views, targets = next(source)
        optimizer.zero_grad()
        loss = loss_of(model(views), targets)
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def torchxrayvision_images(root: Path, folder: Path) -> Dataset[Any] | None:
    """Torchxrayvision's data set of these images; None where it is not installed."""
    try:
        import torchxrayvision
    except ImportError:
        print("torchxrayvision is not installed: left out", flush=True)
        return None
    datasets = torchxrayvision.datasets
    resize = torchvision.transforms.Compose([datasets.XRayCenterCrop(), datasets.XRayResizer(SIZE)])
    table = pl.read_csv(root / "Data_Entry_2017_v2020.csv")
    here = [path.name for path in folder.iterdir()]
    csv = folder.parent / "entries.csv"
    table.filter(pl.col("Image Index").is_in(here)).write_csv(csv)
    images: Dataset[Any] = datasets.NIH_Dataset(
        imgpath=str(folder), csvpath=str(csv), views=["PA", "AP"], unique_patients=False, transform=resize
    )
    return images


def collate(samples: list[dict[str, Any]]) -> tuple[Tensor, Tensor]:
    """As torch's, of the images and their labels."""
    views = torch.stack([torch.from_numpy(each["img"]) for each in samples])
    return views, torch.from_numpy(np.stack([each["lab"] for each in samples])).float()


if __name__ == "__main__":
    main()
