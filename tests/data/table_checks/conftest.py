import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.data.collections import Dataset, read_collection


@pytest.fixture(scope="session")
def chestxray14(shared_data) -> Dataset:
    """The whole of ChestX-ray14's tables, release of 2020, without its images."""
    return read_collection("chestxray14", shared_data / "chestxray14_metadata", allow_missing=True)


@pytest.fixture
def restricted() -> Callable[[str], Dataset]:
    """Reads the tables of a set that may not be redistributed, from the folder that an environment variable names."""

    def read(collection: str) -> Dataset:
        variable = f"HILUM_{collection.upper()}"
        if variable not in os.environ:
            pytest.skip(
                f"the tables of {collection} may not be redistributed; name a folder that has them in {variable}"
            )
        return read_collection(collection, Path(os.environ[variable]), allow_missing=True)

    return read
