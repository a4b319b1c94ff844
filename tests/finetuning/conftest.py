from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.data.labelled_images import LabelledImages
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store

SIDE = 32
FINDINGS = ["Cardiomegaly", "Pneumothorax"]


@pytest.fixture(scope="session")
def store():
    """60 images of noise; every other has a bright disc in the middle, every third a bright bar at the left edge."""
    pixels = np.random.default_rng(0).integers(0, 120, (60, SIDE, SIDE), dtype=np.uint8)
    row, column = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    pixels[::2] += ((row**2 + column**2 < 64) * 100).astype(np.uint8)
    pixels[::3, :, :6] += 120
    rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    ids = [f"film{number:02d}" for number in range(60)]
    return Store(Path("nowhere"), pixels, ids, rejected, parse_recipe([{"resize": SIDE}]))


@pytest.fixture
def images():
    """Labelled images by number; image n is of patient n // 2, and every seventh label is unknown."""

    def some(first, last):
        numbers = np.arange(first, last)
        targets = np.stack([numbers % 2 == 0, numbers % 3 == 0], axis=1).astype(np.float32)
        targets[numbers % 7 == 0, 1] = np.nan
        return LabelledImages([f"film{n:02d}" for n in numbers], [f"patient{n // 2}" for n in numbers], targets)

    return some
