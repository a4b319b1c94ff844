from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.phantom import Written


@pytest.fixture(scope="session")
def generated(in_layout: Callable[[str], tuple[Path, Written]]) -> Callable[[str], tuple[Path, Written]]:
    """`generated("chexpert")`: the folder of 36 images of 32 pixels in that layout, seed 0, and what they say."""
    return in_layout
