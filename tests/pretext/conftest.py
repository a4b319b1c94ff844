from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray

from hilum.data.batches import Batch
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.draws import image_keys


@pytest.fixture
def store_of(tmp_path: Path) -> Callable[[NDArray[Any]], Store]:
    """A store of given pixels, (N, S, S) uint8, with images "image 0", "image 1", …"""

    def make(pixels: NDArray[Any]) -> Store:
        rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
        recipe = parse_recipe([{"resize": pixels.shape[1]}])
        return Store(tmp_path / "store", pixels, [f"film {row}" for row in range(len(pixels))], rejected, recipe)

    return make


@pytest.fixture
def batch_of() -> Callable[..., Batch]:
    """A batch of noise: (images by number, side)."""

    def make(radiographs: list[int], size: int = 32) -> Batch:
        images = [
            np.random.default_rng(radiograph).integers(0, 256, (1, size, size), dtype=np.uint8)
            for radiograph in radiographs
        ]
        return Batch(
            torch.from_numpy(np.stack(images)),
            image_keys(f"film {radiograph}" for radiograph in radiographs),
            np.array(radiographs),
            None,
        )

    return make
