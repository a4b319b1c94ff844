"""The parts of `run.py`: each fills a table, a row at a time."""

import itertools
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.strategies.single_device import SingleDeviceStrategy
from tables import Bounds, Table, now, seconds_of
from torch import Tensor

from hilum.augment import AUGMENTATIONS, Augmentation, plain_view, random_views
from hilum.augment.parameters import draw_parameters
from hilum.augment.render import render_views
from hilum.data.batches import Batches
from hilum.data.labelled_images import LabelledImages
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.draws import image_keys
from hilum.encoders.zoo import create_encoder
from hilum.finetuning import classifier as classifying
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials import elwirehardja2025, train_trials
from hilum.pretext.methods import PretextRun, fcmae, method_of, method_settings
from hilum.pretext.modules import multi_crop
from hilum.training import compilation
from hilum.training.precision import AUTOCAST, arithmetic, choose_precision, deterministic
from hilum.training.settings import TrainingSettings
from hilum.training.step import Stepper

ROOT = Path(__file__).resolve().parents[2]
GIB = 2**30
STORED = 256
"""Side of the stored images, px."""


def agreement(table: Table, bounds: Bounds) -> None:
    if not has("pytest"):
        table.note("pytest is not installed.")
        return
    import pytest

    chosen = ["-m", "gpu or not gpu", "-k", "test_pixels and cpu"] if bounds.dry else ["-m", "gpu"]
    quiet = ["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    code = pytest.main([*chosen, *quiet, str(ROOT / "tests" / "gpu")], plugins=[Outcomes(table)])
    table.note(f"pytest ended with {int(code)}.")


class Outcomes:
    """Counts tests while they run, and gives a row to each that did not pass."""

    def __init__(self, table: Table) -> None:
        self.table, self.counts = table, {"passed": 0, "failed": 0, "skipped": 0}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Called by pytest for the setup, the call and the teardown of each test."""
        if report.when != "call" and report.passed:
            return
        self.counts[report.outcome] += 1
        if not report.passed:
            why = " ".join(report.longreprtext.split())[-200:].replace("|", "/")
            self.table.add(test=report.nodeid.rpartition("/")[2], outcome=report.outcome, why=why)
        self.table.notes = [", ".join(f"{number} {name}" for name, number in self.counts.items()) + "."]
        self.table.write()


def ceilings(table: Table, bounds: Bounds) -> None:
    device = bounds.device
    if not bounds.dry:
        about = torch.cuda.get_device_properties(device)
        table.note(
            f"{about.name}, {about.total_memory / GIB:.0f} GiB, torch {torch.__version__}, CUDA {torch.version.cuda}."
        )
    size = 2**20 if bounds.dry else 2**30
    here, there = (torch.empty(size, dtype=torch.uint8, device=device) for _ in range(2))
    took = seconds_of(lambda: there.copy_(here), device, 3 if bounds.dry else 20)
    table.add(what="copy on the device, read and written", value=2 * size / took / 1e9, unit="GB/s")
    if not bounds.dry:
        pinned = torch.empty(size, dtype=torch.uint8, pin_memory=True)
        took = seconds_of(lambda: there.copy_(pinned, non_blocking=True), device, 5)
        table.add(what="copy from page-locked memory", value=size / took / 1e9, unit="GB/s")
    side = 256 if bounds.dry else 8192
    for dtype in (torch.bfloat16, torch.float32):
        matrix = torch.randn(side, side, device=device).to(dtype)
        took = seconds_of(lambda matrix=matrix: matrix @ matrix, device, 3 if bounds.dry else 10)  # type: ignore[misc]
        table.add(what=f"matrix product, {str(dtype)[6:]}, {side}", value=2 * side**3 / took / 1e12, unit="TFLOP/s")


MULTI_CROP = {"local_crops": 6}
RUNS: list[tuple[str, str, dict[str, Any]]] = [
    ("simclr", "vit_small_patch16_224", {}),
    ("simclr", "resnet50", {}),
    ("dinov2", "vit_small_patch16_224", {"local_crops": 8}),
    ("finetune", "resnet50", {}),
    ("finetune", "vit_base_patch16_224", {}),
    ("dino", "vit_small_patch16_224", {"local_crops": 8}),
    ("mocov2", "resnet50", {}),
    ("fcmae", "convnextv2_tiny", {}),
    ("swav", "resnet50", MULTI_CROP),
    ("finetune", "densenet121", {}),
]
SMALL = {
    "resnet50": "resnet18",
    "densenet121": "resnet18",
    "vit_small_patch16_224": "vit_tiny_patch16_224",
    "vit_base_patch16_224": "vit_tiny_patch16_224",
    "convnextv2_tiny": "convnextv2_atto",
}


def training(table: Table, bounds: Bounds) -> None:
    """Eager rows first, all of them; then compiled ones, which cost a minute each."""
    table.note(
        "Deterministic kernels, channels-last, autocast as chosen for the card. `share`: of the rate of the same step "
        "on views that are drawn already; pixels in device memory unless `pixels` says host."
    )
    runs = RUNS[:4] if bounds.dry else RUNS
    for method, encoder, options in runs:
        if bounds.time_for(20):
            row(table, bounds, method, encoder, options, compiled=False)
    if bounds.time_for(20):
        row(table, bounds, *RUNS[1], compiled=False, pixels="host")
    for method, encoder, options in runs[:1] if bounds.dry else runs:
        if bounds.time_for(45):
            row(table, bounds, method, encoder, options, compiled=True)


def row(
    table: Table, bounds: Bounds, method: str, encoder: str, options: dict[str, Any], *, compiled: bool,
    pixels: str = "device",
) -> None:  # fmt: skip
    about: dict[str, object] = {
        "method": method,
        "encoder": SMALL[encoder] if bounds.dry else encoder,
        "compiled": compiled,
        "pixels": pixels,
    }
    batch = 4 if bounds.dry else 256
    while batch:
        try:
            table.add(**about, batch=batch, **measured(bounds, method, encoder, options, batch, compiled, pixels))
            return
        except torch.cuda.OutOfMemoryError:
            batch //= 2
            torch.cuda.empty_cache()
        except Exception as error:  # noqa: BLE001 - the other rows count, too
            table.add(**about, batch=batch, error=f"{type(error).__name__}: {' '.join(str(error).split())[:150]}")
            return


def measured(
    bounds: Bounds, method: str, name: str, options: dict[str, Any], batch: int, compiled: bool, pixels: str
) -> dict[str, float]:
    device, dry = bounds.device, bounds.dry
    size, stored = (64, 64) if dry else (224, STORED)
    images = 3 * batch if dry else 2048
    store = drawn_store(images, stored)
    targets = np.random.default_rng(0).integers(0, 2, (images, 14)).astype(np.float32)
    batches = Batches(
        store, store.image_ids, batch, seed=0, shuffle=True, drop_last=True, targets=targets, device=device, workers=4
    )
    trainable = trainable_of(method, SMALL[name] if dry else name, options, size, images, batch)
    precision = choose_precision("auto", device)
    fabric = Fabric(
        strategy=SingleDeviceStrategy(device), plugins=[arithmetic(precision, device), LightningEnvironment()]
    )
    trainable.to(device=device, memory_format=torch.channels_last)
    settings = TrainingSettings(epochs=1000, lr=1e-4, schedule="constant")
    stepper = Stepper(fabric, trainable.train(), settings, len(batches))
    count, found = itertools.count(), {}
    timed = 1 if dry else 12
    with deterministic(device), ExitStack() as stack:
        if pixels == "host":
            stack.enter_context(attribute("hilum.data.batches", "_FRACTION_OF_DEVICE", 0.0))
        if compiled:
            stack.enter_context(attribute("hilum.training.compilation", "BACKEND", "aot_eager" if dry else "inductor"))
            stepper.compiled = compilation.CompiledBlocks(stepper.encoders)
        endless = batches_of(batches)
        began = now(device)
        for _ in range(1 if dry else 3):
            stepper.take(next(endless), 0, next(count), 1.0)
        found["seconds to start"] = now(device) - began
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        waited, began = batches.seconds_waited, now(device)
        for _ in range(timed):
            stepper.take(next(endless), 0, next(count), 1.0)
        took = now(device) - began
        found["images/s"] = timed * batch / took
        found["data wait"] = (batches.seconds_waited - waited) / took
        if device.type == "cuda":
            found["peak GiB"] = torch.cuda.max_memory_allocated(device) / GIB
        fixed = next(endless)
        with views_drawn_once():
            stepper.take(fixed, 0, next(count), 1.0)
            began = now(device)
            for _ in range(timed):
                stepper.take(fixed, 0, next(count), 1.0)
            alone = timed * batch / (now(device) - began)
        endless.close()
    found["model alone"] = alone
    found["share"] = found["images/s"] / alone
    found["views' share of the step"] = max(0.0, 1 - found["share"] - found["data wait"])
    return found


def batches_of(batches: Batches) -> Generator[Any]:
    while True:
        yield from batches
        batches.epoch += 1


def trainable_of(method: str, encoder: str, options: dict[str, Any], size: int, images: int, batch: int) -> Any:
    network = create_encoder(encoder, seed=0)
    if method == "finetune":
        return Classifier(network, 14, size=size, augmentation=AUGMENTATIONS["finetune"])
    chosen = method_of(method)
    run = PretextRun(
        augmentation=AUGMENTATIONS[chosen.augmentation],
        local_augmentation=AUGMENTATIONS[chosen.local_augmentation or chosen.augmentation],
        size=size,
        local_size=32 if size < 128 else 96,
        images=images,
        batch_size=batch,
        steps=100_000,
        seed=0,
        collapse_monitor=None,
    )
    return chosen.create(network, method_settings(method, options), run)


@contextmanager
def views_drawn_once() -> Iterator[None]:
    """While open, views are those of the first time they were asked for."""
    drawn: dict[tuple[int, int], Tensor] = {}

    def once(images: Tensor, keys: Any, augmentation: Augmentation, size: int, *, view: int, **place: Any) -> Tensor:
        if (view, size) not in drawn:
            drawn[view, size] = random_views(images, keys, augmentation, size, view=view, **place)
        return drawn[view, size]

    with ExitStack() as stack:
        for module in (multi_crop, fcmae, classifying):
            stack.enter_context(attribute(module.__name__, "random_views", once))
        yield


@contextmanager
def attribute(module: str, name: str, value: object) -> Iterator[None]:
    import importlib

    changed = importlib.import_module(module)
    before = getattr(changed, name)
    setattr(changed, name, value)
    try:
        yield
    finally:
        setattr(changed, name, before)


def drawn_store(count: int, side: int) -> Store:
    """Smooth images."""
    draw = np.random.default_rng(0)
    wave = np.linspace(0, 3, side)
    of_rows, of_columns = draw.uniform(0, 6, (2, count, 1))
    rows, columns = np.sin(of_rows + wave), np.cos(of_columns + wave)
    pixels = (127 + 60 * rows[:, :, None] + 60 * columns[:, None, :]).astype(np.uint8)
    rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    return Store(Path("drawn"), pixels, list(map(str, range(count))), rejected, parse_recipe([{"resize": side}]))


OPERATIONS: dict[str, Augmentation] = {
    "resize only": Augmentation(),
    "crop": Augmentation(crop_area=(0.2, 1.0), crop_aspect=(0.75, 1.33)),
    "flip": Augmentation(flip=0.5),
    "rotate, shift, scale": Augmentation(rotate=10, shift=0.05, scale=(0.9, 1.1)),
    "brightness, contrast": Augmentation(brightness=0.4, contrast=0.4),
    "gamma": Augmentation(gamma=(0.7, 1.4)),
    "blur": Augmentation(blur_probability=0.5, blur_sigma=(0.1, 2.0)),
    "noise": Augmentation(noise=(0.0, 0.1)),
    "erase": Augmentation(erase_probability=0.5),
    "SimCLR's, all together": AUGMENTATIONS["simclr"],
}


def augmentation(table: Table, bounds: Bounds) -> None:
    device = bounds.device
    count, stored, size, times = (4, 48, 32, 1) if bounds.dry else (256, STORED, 224, 10)
    images = torch.from_numpy(drawn_store(count, stored).pixels)[:, None].to(device)
    keys = image_keys(map(str, range(count)))
    table.note(f"{count} images of {stored} px to views of {size} px; ms a view of the whole batch.")
    for name, augmentation in OPERATIONS.items():
        if not bounds.time_for(3):
            break
        parameters = draw_parameters(keys, augmentation, stored, size, seed=0, epoch=0, view=0)
        began = time.perf_counter()
        draw_parameters(keys, augmentation, stored, size, seed=0, epoch=0, view=1)
        host = time.perf_counter() - began
        took = seconds_of(lambda p=parameters: render_views(images, p, size), device, times)  # type: ignore[misc]
        table.add(
            operation=name,
            **{"ms on the device": 1e3 * took, "ms to draw, host": 1e3 * host},
            kornia=kornia_ms(name, images, size, device, times),
        )


def kornia_ms(name: str, images: Tensor, size: int, device: torch.device, times: int) -> object:
    if not has("kornia"):
        return "not installed"
    from kornia import augmentation as k

    whole = k.RandomResizedCrop((size, size), scale=(0.2, 1.0), p=1.0)
    of = {
        "crop": [whole],
        "flip": [k.RandomHorizontalFlip(p=0.5)],
        "rotate, shift, scale": [k.RandomAffine(10.0, (0.05, 0.05), (0.9, 1.1), p=1.0)],
        "brightness, contrast": [k.ColorJitter(0.4, 0.4, p=1.0)],
        "blur": [k.RandomGaussianBlur((17, 17), (0.1, 2.0), p=0.5)],
        "erase": [k.RandomErasing(p=0.5)],
    }
    if name.startswith("SimCLR"):
        chosen = [
            whole,
            k.RandomHorizontalFlip(p=0.5),
            k.ColorJitter(0.4, 0.4, p=0.8),
            k.RandomGaussianBlur((17, 17), (0.1, 2.0), p=0.5),
        ]
    elif name in of:
        chosen = of[name]
    else:
        return ""
    pipeline = torch.nn.Sequential(*chosen).to(device)
    colours = (images.float() / 255).expand(-1, 3, -1, -1)  # its jitter takes three channels
    return 1e3 * seconds_of(lambda: pipeline(colours), device, times)


def lightly(table: Table, bounds: Bounds) -> None:
    if not has("lightly"):
        table.note("lightly is not installed.")
        return
    import cv2
    from lightly_examples import EXAMPLES, ImageViews
    from torch.utils.data import DataLoader

    device = bounds.device
    count, size, local, batch, workers = (8, 64, 32, 4, 0) if bounds.dry else (1024, 224, 96, 128, 12)
    table.note(f"ResNet-18, {size} px, batch {batch}, bf16, PNG files and {workers} workers for lightly.")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.png" for number in range(count)]
        for path, pixels in zip(paths, drawn_store(count, size).pixels, strict=True):
            cv2.imwrite(str(path), pixels)
        for name in ("simclr", "dino"):
            if not bounds.time_for(20):
                break
            example = EXAMPLES[name](size, local)
            example.trained.to(device).to(memory_format=torch.channels_last)
            optimizer = torch.optim.AdamW(
                [each for each in example.trained.parameters() if each.requires_grad], lr=1e-4
            )
            loader: Any = DataLoader(
                ImageViews(paths, example.transform), batch, shuffle=True, drop_last=True, num_workers=workers,
                pin_memory=device.type == "cuda", persistent_workers=workers > 0,
            )  # fmt: skip
            ends, epochs = [now(device)], 1 if bounds.dry else 3
            for views in itertools.chain.from_iterable(loader for _ in range(epochs)):
                example.before()
                with torch.autocast(device.type, torch.bfloat16):
                    loss = example.loss([view.to(device, non_blocking=True) for view in views])
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                example.after()
                ends.append(now(device))
            counted = len(ends) - 1 - (0 if bounds.dry else count // batch)  # not the first epoch
            options = {"local_crops": 6} if name == "dino" else {}
            with attribute(__name__, "SMALL", {"resnet18": "resnet18"}):
                ours = measured(bounds, name, "resnet18", options, batch, False, "device")["images/s"]
            rate = counted * batch / (ends[-1] - ends[-1 - counted])
            table.add(method=name, **{"lightly, images/s": rate, "Hilum, images/s": ours, "ratio": ours / rate})


def features(table: Table, bounds: Bounds) -> None:
    device, dry = bounds.device, bounds.dry
    table.note("Images a second; the grid is that of Elwirehardja et al. 2025, 90 heads on frozen features.")
    for name, size, batch in (("vit_base_patch16_224", 224, 256), ("vit_base_patch14_dinov2", 518, 64)):
        if not bounds.time_for(15):
            break
        name, size, batch = ("vit_tiny_patch16_224", 32, 2) if dry else (name, size, batch)
        encoder = create_encoder(name, seed=0).to(device).eval()
        images = torch.from_numpy(drawn_store(batch, 48 if dry else size).pixels)[:, None].to(device)
        dtype = AUTOCAST.get(choose_precision("auto", device))
        with torch.no_grad(), torch.autocast(device.type, dtype, enabled=dtype is not None), deterministic(device):
            took = seconds_of(lambda e=encoder, i=images, s=size: e(plain_view(i, s)), device, 1 if dry else 10)  # type: ignore[misc]
        table.add(what=f"features of {name} at {size} px", images=batch, **{"images/s": batch / took})
    if not bounds.time_for(25):
        return
    count, epochs = (24, 1) if dry else (60_000, 2)
    store = drawn_store(count, 32)
    targets = np.eye(15, dtype=np.float32)[np.arange(count) % 15]
    val = max(count // 10, 2)
    train, judged = (
        LabelledImages(store.image_ids[a:b], store.image_ids[a:b], targets[a:b]) for a, b in ((val, count), (0, val))
    )
    base = FinetuneSettings(
        epochs=epochs, unfreeze=0, augmentation="none", output_type="multiclass", optimizer="adam", schedule="constant",
        device="cuda" if device.type == "cuda" else "cpu", batch_size=8 if dry else 128, checkpoint_every_seconds=1e9,
    )  # fmt: skip
    grid = elwirehardja2025(base)[: 3 if dry else 90]
    began = now(device)
    with tempfile.TemporaryDirectory() as where:
        train_trials(
            store, train, judged, [replace(each, epochs=epochs) for each in grid], init="random",
            encoder_name="convnextv2_atto", findings=[f"class {n}" for n in range(15)], seed=0,
            directory=Path(where) / "out",
        )  # fmt: skip
    took = now(device) - began
    table.add(what=f"{len(grid)} heads, {epochs} epochs, features included", images=count, seconds=took)


def has(package: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(package) is not None


PERFORM: dict[str, Callable[[Table, Bounds], None]] = {
    "agreement": agreement,
    "ceilings": ceilings,
    "training": training,
    "augmentation": augmentation,
    "lightly": lightly,
    "features": features,
}
