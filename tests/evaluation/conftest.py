from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
import pytest

from hilum.evaluation import Predictions, as_predictions

PREVALENCE = {"Pleural Effusion": 0.3, "Pneumonia": 0.15}

MakeTable = Callable[..., pl.DataFrame]


@pytest.fixture
def make_table() -> MakeTable:
    """Build a table of predictions: the labels depend on `labels_seed`, the scores on `scores_seed`."""

    def make(
        patients: int = 60,
        images_each: int = 2,
        *,
        signal: float = 1.0,
        scores_seed: int = 0,
        labels_seed: int = 0,
        prevalence: Mapping[str, float] = PREVALENCE,
    ) -> pl.DataFrame:
        labels_rng, scores_rng = np.random.default_rng(labels_seed), np.random.default_rng([scores_seed, 1])
        owners = np.repeat(np.arange(patients), images_each)
        columns: dict[str, object] = {
            "image_id": [f"{row:05d}.png" for row in range(len(owners))],
            "patient_id": [f"{owner:04d}" for owner in owners],
            "split": ["test"] * len(owners),
        }
        for finding, share in prevalence.items():
            label = (labels_rng.random(len(owners)) < share).astype(np.int8)
            latent = signal * label + scores_rng.normal(size=len(owners))
            columns["y_" + finding] = label
            columns["p_" + finding] = np.round(1 / (1 + np.exp(-latent)), 2)  # rounded, so that there are ties
        return pl.DataFrame(columns)

    return make


@pytest.fixture
def make_predictions(make_table: MakeTable) -> Callable[..., Predictions]:
    """The same, checked."""

    def make(**choices: object) -> Predictions:
        return as_predictions(make_table(**choices), name=str(choices))

    return make
