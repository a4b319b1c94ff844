"""Runs of every method on generated images, made by one process or by several: `joined_runs.py OUT CASES [IMAGES]`.

Not a test: `test_several_processes.py` compares what one process and two processes leave.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from hilum.augment import AUGMENTATIONS
from hilum.data.batches import Batches
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.encoders.zoo import create_encoder
from hilum.finetuning.classifier import Classifier
from hilum.pretext.methods import METHODS, PretextRun, method_settings
from hilum.pretext.monitoring import CollapseMonitor, eval_features
from hilum.training.callbacks import SECONDS, Probing
from hilum.training.distributed import process_group, rank, run_directory
from hilum.training.fit import fit
from hilum.training.settings import TrainingSettings

BATCH = 8


@dataclass(frozen=True)
class Case:
    method: str
    encoder: str
    size: int = 32
    options: dict[str, Any] = field(default_factory=dict)
    images: int = 160  # 20 steps an epoch
    epochs: int = 1


PAPERS_TEACHER = {"warmup_teacher_temperature": 0.04, "teacher_temperature": 0.07}
WITHOUT_NORM = {"head_batch_norm": False}
# heads of a few prototypes, so that a run is short; queues that two processes cannot share out evenly
CASES = {
    "simclr": Case("simclr", "resnet18"),
    "mocov2": Case("mocov2", "resnet18", options={"queue": 13, **WITHOUT_NORM}, images=16, epochs=10),
    "mocov2-head-batch-norm": Case("mocov2", "resnet18", options={"queue": 13}, images=16, epochs=10),
    "swav": Case(
        "swav",
        "resnet18",
        options={
            "prototypes": 6,
            "queue": 13,
            "queue_start_epoch": 0,
            "epsilon": 0.05,
            "koleo_weight": 0.0,
            "local_crops": 1,
            "freeze_prototypes_epochs": 0,
        },
    ),
    "swav-koleo": Case(
        "swav",
        "resnet18",
        options={"prototypes": 6, "queue": 0, "local_crops": 0, "freeze_prototypes_epochs": 0},
        images=16,
    ),
    "dino": Case(
        "dino",
        "resnet18",
        options={"prototypes": 32, "local_crops": 1, "freeze_prototypes_epochs": 0, "koleo_weight": 0.0},
    ),
    "dino-koleo": Case(
        "dino",
        "resnet18",
        options={"prototypes": 32, "local_crops": 0, "freeze_prototypes_epochs": 0},
        images=16,
    ),
    "dino-centering": Case(
        "dino",
        "resnet18",
        options={
            "prototypes": 32,
            "local_crops": 1,
            "freeze_prototypes_epochs": 0,
            "koleo_weight": 0.0,
            "teacher": "centering",
            **PAPERS_TEACHER,
        },
    ),
    "dinov2": Case(
        "dinov2",
        "vit_tiny_patch16_224",
        64,
        {"prototypes": 32, "local_crops": 1, "freeze_prototypes_epochs": 0, **PAPERS_TEACHER, **WITHOUT_NORM},
    ),
    "dinov2-head-batch-norm": Case(
        "dinov2", "vit_tiny_patch16_224", 64, {"prototypes": 32, "local_crops": 1, "freeze_prototypes_epochs": 0}
    ),
    "dinov2-centering": Case(
        "dinov2",
        "vit_tiny_patch16_224",
        64,
        # so few masks that a process may have none while the other has
        {
            "prototypes": 32,
            "local_crops": 0,
            "teacher": "centering",
            "koleo_weight": 0.0,
            "mask_sample_probability": 0.1,
            **PAPERS_TEACHER,
            **WITHOUT_NORM,
        },
    ),
    "fcmae": Case("fcmae", "convnextv2_atto", 64, {"decoder_width": 32}),
    "classifier": Case("classifier", "resnet18", 64),
}


def images(count: int, size: int) -> Store:
    """Images with three waves each."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    pixels = np.empty((count, size, size), dtype=np.uint8)
    for row in range(count):
        draw = np.random.default_rng(row)
        waves = sum(np.sin(draw.uniform(1, 6) * (a * x + b * y) + c) for a, b, c in draw.uniform(-2, 2, (3, 3)))
        pixels[row] = np.clip(128 + 35 * waves, 0, 255)
    rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    names = [f"film {row}" for row in range(count)]
    return Store(Path("nowhere"), pixels, names, rejected, parse_recipe([{"resize": size}]))


def trainable_of(case: Case, store: Store, steps: int) -> Any:
    encoder = create_encoder(case.encoder, seed=0)
    if case.method == "classifier":
        return Classifier(encoder, 2, size=case.size, augmentation=AUGMENTATIONS["finetune"])
    method = METHODS[case.method]
    run = PretextRun(
        augmentation=AUGMENTATIONS[method.augmentation],
        local_augmentation=AUGMENTATIONS[method.local_augmentation or method.augmentation],
        size=case.size,
        local_size=32,
        images=case.images,
        batch_size=BATCH,
        steps=steps,
        seed=0,
        collapse_monitor=CollapseMonitor(torch.from_numpy(store.pixels[:8])[:, None], case.size, "Change something."),
    )
    return method.create(encoder, method_settings(case.method, case.options), run)


def batches_of(case: Case, store: Store, ids: list[str], size: int, workers: int, **more: Any) -> Batches:
    """Labels of the classifier are unknown for two thirds of the images, so that no two parts have as many."""
    targets = None
    if case.method == "classifier":
        targets = np.random.default_rng(0).integers(0, 2, (len(ids), 2)).astype(np.float32)
        targets[np.random.default_rng(1).random((len(ids), 2)) < 0.66] = np.nan
    return Batches(store, ids, size, seed=3, targets=targets, workers=workers, **more)


def probing_of(case: Case, store: Store, *, keeps_best: bool) -> Probing:
    """A probe of every epoch that prefers features of images to be near their mean: seldom those of the last epoch."""
    shown = torch.from_numpy(store.pixels[:8])[:, None]

    def look(encoder: torch.nn.Module) -> dict[str, float]:
        return {"probe_nearness": -float(eval_features(encoder, [shown], case.size).std())}

    return Probing(look, ("probe_nearness",), "probe_nearness", every=1, keep="best_probe" if keeps_best else "last")


def run(case: Case, directory: Path, *, workers: int = 0, keeps_best: bool = False, **changed: Any) -> dict[str, Any]:
    """Train, and tell curves, gradients of the first step, and all of the state; `changed` are settings of the loop."""
    settings = TrainingSettings(
        **{"epochs": case.epochs, "lr": 2e-4, "optimizer": "sgd", "precision": "fp32", "device": "cpu"} | changed
    )
    store = images(case.images + 7, case.size)
    training = batches_of(case, store, store.image_ids[: case.images], BATCH, workers, shuffle=True, drop_last=True)
    validation = (
        batches_of(
            case, store, store.image_ids[case.images :], 3, workers, shuffle=False, drop_last=False
        )  # of 3, 3 and 1 images
        if case.method == "classifier"
        else None
    )
    trainable = trainable_of(case, store, settings.epochs * len(training))
    gradients: dict[str, torch.Tensor] = {}
    own_after_step = trainable.after_step

    def after_step() -> None:
        if not gradients:
            named = trainable.named_parameters()
            gradients.update({name: each.grad.clone() for name, each in named if each.grad is not None})
        own_after_step()

    trainable.after_step = after_step
    probing = None if case.method == "classifier" else probing_of(case, store, keeps_best=keeps_best)
    curves = fit(
        trainable, training, validation=validation, probing=probing, settings=settings, directory=directory
    ).curves
    timeless = curves.drop("images_per_second", "data_wait_fraction", "seconds", SECONDS, strict=False)
    return {
        "curves": {column: timeless[column].to_list() for column in timeless.columns},
        "gradients": gradients,
        "state": {name: value.clone() for name, value in trainable.state_dict().items()},
    }


def shortened(name: str, images: int | None = None) -> Case:
    """A case, or one epoch of it with so many images."""
    return CASES[name] if images is None else replace(CASES[name], images=images, epochs=1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with process_group("cpu"):
        for asked in sys.argv[2].split(","):
            with run_directory(Path(sys.argv[1]) / asked) as work:
                left = run(shortened(asked, *map(int, sys.argv[3:])), work)
                torch.save(left, work / f"left-by-{rank()}.pt")
