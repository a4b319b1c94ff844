from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.phantom import GeneratedDataset


@pytest.fixture(scope="session")
def generated(
    in_layout: Callable[[str], tuple[Path, GeneratedDataset]],
) -> Callable[[str], tuple[Path, GeneratedDataset]]:
    """`generated("chexpert")`: the folder of 36 images of 32 pixels in that layout, seed 0, and what they say."""
    return in_layout
