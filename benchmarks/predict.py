"""Images a second of `hilum predict`, beside loops as users write them, on the same files in one run.

    python benchmarks/predict.py [--root FOLDER] [--images 96] [--rounds 3] [--out predict.json]
    python benchmarks/predict.py --memory [--images 10000]

Side by side, for ResNet-18 and DenseNet-121 at 224 px, 14 findings, random weights, float32, from PNG files and from
DICOM files (CR, explicit little endian, 12 bits) of the same images, in rounds that alternate:

1. `hilum predict`: reading, checks, preprocessing, model, journal and table;
2. a plain loop of torch and torchvision: a DataLoader (Pillow or pydicom, Resize, ToTensor, three channels), batches of
   the same size, torchvision's network;
3. as torchxrayvision's `process_image.py` does: `load_image`, XRayCenterCrop, XRayResizer, one image at a time, through
   its DenseNet (it has no ResNet-18: torchvision's with one channel stands in). Only where it is installed;
4. decoding alone (`read_image` and `preprocess`) and 5. the model alone, on batches that are there already: what the
   two allow together is their sum on one core.

Times are of the process's CPU, in one thread, so that other work on the machine does not count; the wall clock is
printed beside. --memory scores many small files (hard links of a few) and prints the resident memory on the way.
Without --root the images are generated radiographs of 1,024 px.
"""

import argparse
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pydicom
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from hilum.artifacts import write_json
from hilum.data.pixels import read_image
from hilum.data.preprocess import preprocess
from hilum.encoders.card import Card
from hilum.encoders.zoo import create_encoder
from hilum.evaluation.predictions import as_predictions
from hilum.findings import CHESTXRAY14
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.weights import write_classifier
from hilum.phantom import population_images, render_image
from hilum.phantom.dicom_writing import Encoding, write_dicom
from hilum.prediction.inputs import InputImage, find_inputs
from hilum.prediction.loading import PackagedClassifier, load_package
from hilum.prediction.packaging import Packaging, TrainedSeed, package_arm, training_range
from hilum.prediction.predict import PredictConfig, predict_images
from hilum.prediction.reasons import Reason

try:
    import torchxrayvision
except ImportError:
    torchxrayvision = None

SIZE, BATCH = 224, 16
NAMES = list(CHESTXRAY14)
NETWORKS = ("resnet18", "densenet121")
PREDICT, PLAIN, THEIRS = "hilum predict", "torch and torchvision", "as torchxrayvision's script"
DECODE, MODEL = "decoding alone", "model alone"
EVERY = frozenset(reason for reason in Reason if reason.can_be_accepted)
CONFIG = PredictConfig(accepted=EVERY, workers=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder of 8-bit PNG radiographs")
    parser.add_argument("--images", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        if args.memory:
            found: Any = memory(Path(folder), args.images or 10_000)
        else:
            found = throughput(Path(folder), args.root, args.images or 96, args.rounds, args.networks)
    if args.out:
        write_json(args.out, found)


def throughput(
    folder: Path, root: Path | None, images: int, rounds: int, networks: Sequence[str]
) -> list[dict[str, Any]]:
    files = {"PNG": png_files(folder / "png", root, images)}
    files["DICOM"] = [as_dicom(path, folder / "dicom") for path in files["PNG"]]
    height, width = read_image(files["PNG"][0]).pixels.shape
    print(f"{len(files['PNG'])} images, the first of {width} x {height} px; torch {torch.__version__}, one thread")
    if torchxrayvision is None:
        print("torchxrayvision is not installed: left out")
    found = []
    for name in networks:
        model = packaged(name, folder / name, SIZE)
        for kind, paths in files.items():
            ways = ways_to_score(name, model, paths, folder / "table.parquet")
            seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
            for turn in range(rounds + 1):
                for way, score in ways.items():
                    cpu, wall = time.process_time(), time.perf_counter()
                    score()
                    if turn:  # the first round warms up
                        seconds[way].append((time.process_time() - cpu, time.perf_counter() - wall))
            found += reported(name, kind, len(paths), seconds)
    return found


def reported(name: str, kind: str, images: int, seconds: dict[str, list[tuple[float, float]]]) -> list[dict[str, Any]]:
    """Print images a second, and what share of decoding and model alone is reached."""
    rows = []
    bound = [statistics.median(a[0] + b[0] for a, b in zip(seconds[DECODE], seconds[MODEL], strict=True))]
    for way, taken in seconds.items():
        cpu, wall = (statistics.median(each[at] for each in taken) for at in (0, 1))
        share = bound[0] / cpu if way == PREDICT else None
        rows.append(
            {"network": name, "files": kind, "way": way, "per_cpu_second": images / cpu, "per_second": images / wall}
            | ({} if share is None else {"share_of_bound": share})
        )
        message = "" if share is None else f", {share:.1%} of what decoding and model allow together"
        print(
            f"{name:12} {kind:6} {way:28} {images / cpu:7.1f} images/s of CPU, {images / wall:7.1f} of clock{message}"
        )
    return rows


def ways_to_score(
    name: str, model: PackagedClassifier, paths: list[Path], out: Path
) -> dict[str, Callable[[], object]]:
    inputs = find_inputs([str(paths[0].parent)])
    pixels = np.stack([preprocess(read_image(path).pixels, model.recipe) for path in paths])
    plain, theirs = torchvision_network(name, channels=3), their_network(name)
    ways: dict[str, Callable[[], object]] = {
        PREDICT: lambda: predict_images(model, inputs, out, CONFIG),
        DECODE: lambda: [preprocess(read_image(path, model.recipe.window).pixels, model.recipe) for path in paths],
        MODEL: lambda: [
            model.probabilities(pixels[at : at + BATCH], fill_to=BATCH) for at in range(0, len(pixels), BATCH)
        ],
        PLAIN: lambda: plain_loop(plain, paths),
    }
    if theirs is not None:
        ways[THEIRS] = lambda: their_loop(theirs, paths)
    return ways


class Files(Dataset[Tensor]):
    """What a user would write."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.transform = transforms.Compose(
            [transforms.Resize((SIZE, SIZE)), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.25] * 3)]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        path = self.paths[index]
        if path.suffix == ".dcm":
            values = pydicom.dcmread(path).pixel_array.astype(np.float32)
            image = Image.fromarray((255 * (values - values.min()) / np.ptp(values)).astype(np.uint8))
        else:
            image = Image.open(path)
        converted: Tensor = self.transform(image.convert("RGB"))
        return converted


def plain_loop(network: nn.Module, paths: Sequence[Path]) -> list[NDArray[np.float32]]:
    with torch.inference_mode():
        return [network(batch).sigmoid().numpy() for batch in DataLoader(Files(paths), batch_size=BATCH)]


def their_loop(network: nn.Module, paths: Sequence[Path]) -> list[NDArray[np.float32]]:
    transform = transforms.Compose(
        [torchxrayvision.datasets.XRayCenterCrop(), torchxrayvision.datasets.XRayResizer(SIZE)]
    )
    found = []
    for path in paths:
        image = transform(torchxrayvision.utils.load_image(str(path)))
        with torch.no_grad():
            found.append(network(torch.from_numpy(image)[None]).numpy())
    return found


def torchvision_network(name: str, channels: int) -> nn.Module:
    network: nn.Module = getattr(torchvision.models, name)(weights=None, num_classes=len(NAMES))
    if channels == 1 and isinstance(network, torchvision.models.ResNet):
        network.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    return network.eval()


def their_network(name: str) -> nn.Module | None:
    if torchxrayvision is None:
        return None
    if name == "densenet121":
        network: nn.Module = torchxrayvision.models.DenseNet(weights=None, num_classes=len(NAMES))
        return network.eval()
    return torchvision_network(name, channels=1)


def packaged(name: str, folder: Path, size: int) -> PackagedClassifier:
    """A model directory of random weights."""
    trained = folder / "trained" / "seed-0"
    trained.mkdir(parents=True)
    card = Card(
        encoder=name, method="finetune", settings={"precision": "fp32", "batch_size": BATCH},
        preprocessing=[{"square": "pad"}, {"resize": size}], image_size=size, mean=0.5, std=0.25, seed=0,
        split="nowhere", training_patients=["nowhere:1"], n_training_images=1, findings=NAMES,
    )  # fmt: skip
    write_classifier(Classifier(create_encoder(name, seed=0), len(NAMES), size=size), card, trained)
    draw = np.random.default_rng(0)
    table = pl.DataFrame({"image_id": [str(n) for n in range(60)], "patient_id": [str(n) for n in range(60)]})
    for finding in NAMES:
        labels = draw.integers(0, 2, 60)
        table = table.with_columns(
            pl.Series(f"y_{finding}", labels), pl.Series(f"p_{finding}", (labels + draw.random(60)) / 2)
        )
    parts = [as_predictions(table.with_columns(split=pl.lit(part)), name=part, split=part) for part in ("val", "test")]
    packaging = Packaging(name="random", question="?", split="nowhere", rule="youden", n_bootstrap=40)
    training = training_range([], [], np.zeros((0, size, size), np.uint8))
    package = package_arm([TrainedSeed(trained, *parts)], folder / "package", packaging, training)
    return load_package(package / "seed-0", device="cpu", self_test=False)


def png_files(folder: Path, root: Path | None, images: int) -> list[Path]:
    folder.mkdir()
    if root is not None:
        for path in sorted(root.rglob("*.png"))[:images]:
            (folder / path.name).write_bytes(path.read_bytes())
    else:
        for number, gray in enumerate(generated(images, 1024)):
            cv2.imwrite(str(folder / f"{number:05d}.png"), gray)
    return sorted(folder.iterdir())


def generated(images: int, size: int) -> Iterator[NDArray[np.uint8]]:
    for image in population_images(0, images):
        yield render_image(image, size=size, seed=0).pixels


def as_dicom(path: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    gray = np.rint(read_image(path).pixels.astype(np.float64) * 4095 / 255).astype(np.uint16)
    out = folder / f"{path.stem}.dcm"
    header = {"Modality": "CR", "PatientID": path.stem, "ViewPosition": "PA"}
    encoding = Encoding(ExplicitVRLittleEndian, 12)
    write_dicom(out, gray, encoding, kind=ComputedRadiographyImageStorage, name=path.stem, header=header)
    return out


def memory(folder: Path, images: int) -> list[dict[str, float]]:
    """Score many images, and look at the resident memory on the way."""
    few = folder / "few"
    few.mkdir()
    for number, gray in enumerate(generated(20, 64)):
        cv2.imwrite(str(few / f"{number}.png"), gray)
    many = folder / "many"
    many.mkdir()
    sources = sorted(few.iterdir())
    for number in range(images):
        os.link(sources[number % len(sources)], many / f"{number:06d}.png")
    model = packaged("resnet18", folder / "model", 32)
    inputs: list[InputImage] = find_inputs([str(many)])
    found: list[dict[str, float]] = []
    wanted = sorted({0, images // 100, images // 10, images // 2, images})

    def look(done: int, total: int, _: str) -> None:
        while len(found) < len(wanted) and done >= wanted[len(found)]:
            found.append({"images": done, "MiB": resident()})
            print(f"{done:6,} of {total:,} images: {found[-1]['MiB']:,.0f} MiB")

    predict_images(model, inputs, folder / "table.parquet", CONFIG, look)
    found.append({"images": images, "MiB": resident()})
    print(f"table written: {found[-1]['MiB']:,.0f} MiB")
    return found


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
