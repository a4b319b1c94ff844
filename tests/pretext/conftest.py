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
    """A store of given pixels, (N, S, S) uint8, with films "film 0", "film 1", …"""

    def make(pixels: NDArray[Any]) -> Store:
        rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
        recipe = parse_recipe([{"resize": pixels.shape[1]}])
        return Store(tmp_path / "store", pixels, [f"film {row}" for row in range(len(pixels))], rejected, recipe)

    return make


@pytest.fixture
def batch_of() -> Callable[..., Batch]:
    """A batch of noise: (films by number, side)."""

    def make(films: list[int], size: int = 32) -> Batch:
        images = [np.random.default_rng(film).integers(0, 256, (1, size, size), dtype=np.uint8) for film in films]
        return Batch(
            torch.from_numpy(np.stack(images)), image_keys(f"film {film}" for film in films), np.array(films), None
        )

    return make
