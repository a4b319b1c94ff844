import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from hilum.data.collections import empty_rejected, read_collection
from hilum.data.doctor import CheckedDataset, as_checked_dataset
from hilum.phantom.layouts import write_layout


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """70 generated images of 64 x 64 in ChestX-ray14's layout; not to be changed."""
    root = tmp_path_factory.mktemp("doctor") / "images"
    write_layout("chestxray14", root, images=70, size=64, seed=0)
    return root


@pytest.fixture
def clean(generated: Path) -> CheckedDataset:
    """The generated images as a data set without faults."""
    return as_checked_dataset(read_collection("chestxray14", generated))


@pytest.fixture
def own_copy(generated: Path, tmp_path: Path) -> CheckedDataset:
    """The same images in files that a test may change."""
    root = tmp_path / "images"
    shutil.copytree(generated, root)
    return as_checked_dataset(read_collection("chestxray14", root))


@pytest.fixture
def data_set(tmp_path: Path) -> Callable[..., CheckedDataset]:
    """Makes a data set of a manifest that has no files."""

    def make(manifest: pl.DataFrame, name: str = "ours", collection: str = "folder") -> CheckedDataset:
        return CheckedDataset(name, collection, tmp_path, manifest, empty_rejected())

    return make
