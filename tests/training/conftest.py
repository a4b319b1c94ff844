from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from hilum.data.batches import Batches
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.training.trainable import Trainable


class Blobs(Trainable):
    """Learns whether the left half is brighter; has all that can go wrong in a resumed run: batch norm, dropout, a
    momentum copy and a counter."""

    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.body = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU()
            )
            self.dropout, self.head = nn.Dropout(0.3), nn.Linear(8 * 9, 1)
        self.register_buffer("copy", self.head.weight.detach().clone())
        self.register_buffer("steps", torch.tensor(0))

    def forward(self, batch):
        features = self.body(batch.images.float() / 255).float().flatten(1)
        with torch.autocast("cpu", enabled=False):
            return self.head(self.dropout(features)) + (features @ self.copy.T).detach()

    def training_loss(self, batch, epoch):
        return nn.functional.binary_cross_entropy_with_logits(self(batch), batch.targets)

    def validation_loss(self, batch):
        loss = nn.functional.binary_cross_entropy_with_logits(self(batch), batch.targets, reduction="sum")
        return loss, torch.tensor(len(batch))

    def after_step(self):
        self.copy.lerp_(self.head.weight.detach(), 0.1)
        self.steps += 1

    def epoch_metrics(self):
        return {"copy_norm": float(self.copy.norm())}


@pytest.fixture
def blobs():
    return Blobs


@pytest.fixture
def batches():
    """Batches of 40 random images of 8 px, labelled by which half is brighter, or of some of them."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    targets = (pixels[:, :, :4].mean((1, 2)) > pixels[:, :, 4:].mean((1, 2))).astype(np.float32)[:, None]
    ids = [f"film{number}" for number in range(40)]
    rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    store = Store(Path("nowhere"), pixels, ids, rejected, parse_recipe([{"resize": 8}]))

    def some(first, last, size=8, *, shuffle=True, workers=0):
        return Batches(
            store, ids[first:last], size, seed=3, shuffle=shuffle, drop_last=False, targets=targets[first:last],
            workers=workers,
        )  # fmt: skip

    return some
