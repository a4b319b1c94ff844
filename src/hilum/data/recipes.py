"""Named preprocessing recipes of published studies, as described in their papers.

Replication of gray over three channels and normalisation by ImageNet's mean and standard deviation are part of the
encoder, augmentations part of the training; neither is part of a recipe.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NamedRecipe:
    """Steps as in a study file, and their source."""

    steps: tuple[Any, ...]
    source: str


RECIPES: Mapping[str, NamedRecipe] = {
    "elwirehardja2025": NamedRecipe(
        ({"resize": 224}, "clahe"),
        "Elwirehardja et al. 2025, Data preprocessing: 224 x 224, then CLAHE; clip limit and tiles are not given",
    ),
    "toh2023": NamedRecipe(
        ({"resize": 224},),
        "Toh et al. 2023, Preprocessing: 224 x 224 with OpenCV before training, nothing else",
    ),
    "gowtham2023": NamedRecipe(
        ({"resize": 224},),
        "Gowtham et al. 2023 give neither size nor steps; 224 x 224 is the size of their encoders' ImageNet weights",
    ),
    "tayebiarasteh2024": NamedRecipe(
        ({"resize": 224}, "min_max", "equalize"),
        "Tayebi Arasteh et al. 2024, Standardized image preprocessing: 224 x 224, min-max, histogram equalisation",
    ),
    "kivotova2021": NamedRecipe(
        ({"square": "pad"}, {"resize": 224}),
        "Kivotova et al. 2021, section 4.3.1: zeros to a square, then 224 x 224",
    ),
}
