from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.phantom import GeneratedDataset, write_layout


@pytest.fixture(scope="session")
def generated(tmp_path_factory) -> Callable[[str], tuple[Path, GeneratedDataset]]:
    """`generated("chexpert")`: the folder of 36 images of 32 pixels in that layout, seed 0, and what they say."""
    made: dict[str, tuple[Path, GeneratedDataset]] = {}

    def generate(layout: str) -> tuple[Path, GeneratedDataset]:
        if layout not in made:
            root = tmp_path_factory.mktemp("layouts") / layout
            made[layout] = root, write_layout(layout, root, images=36, size=32, seed=0)
        return made[layout]

    return generate
