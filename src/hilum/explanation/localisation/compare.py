"""Localisation scores of models, of two priors and of random weights on the same boxes."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.store import Store
from hilum.explanation.localisation.cases import BoxedCase
from hilum.explanation.localisation.priors import centre_prior, location_priors
from hilum.explanation.localisation.score_maps import MEANS, ScoredMaps, score_maps
from hilum.explanation.localisation.statistics import box_statistics
from hilum.explanation.maps import HeatMaps, Model, maps_of_pairs, random_twin
from hilum.explanation.settings import ExplainConfig
from hilum.progress import ProgressReport, silent

CENTRE, LOCATION, RANDOM = "centre prior", "location prior", "random weights"
TWINS = 3
"""Number of models with random weights whose scores are averaged."""
SCORED_SIDE = 128
"""Side in px of the maps when they are scored."""


def score_models(
    models: Sequence[Model],
    stores: Sequence[Store],
    cases: Sequence[list[BoxedCase]],
    maps: Sequence[HeatMaps],
    confidences: Sequence[NDArray[np.float64]],
    config: ExplainConfig,
    on_progress: ProgressReport = silent,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Score the maps of each model and of the controls.

    Args:
        models: M models.
        stores: Images of each model.
        cases: Cases of each model, the same N, with the boxes in the coordinates of its images.
        maps: Maps of each model; the first N are those of the cases.
        confidences: Predicted probabilities of each model; the first N are those of the cases.
        config: Settings.
        on_progress: Receives the number of images and of resamples done.

    Returns:
        Statistics (see `box_statistics`) with differences of each model from the priors, from its random weights and
        from the first model, and of random weights from the centre prior; and one row per case and kind of map:
        `image_id`, `patient_id`, `finding`, `arm`, `replicate` and the scores of `MEANS`.
    """
    arms: dict[str, list[ScoredMaps]] = {}
    pairs: list[tuple[str, str]] = []
    boxed = [(case.image_id, case.finding) for case in cases[0]]
    for model, store, own, of_model, confidence in zip(models, stores, cases, maps, confidences, strict=True):
        given = confidence[: len(own)]
        random = f"{RANDOM}, {model.name}" if len(models) > 1 else RANDOM
        twins = [random_twin(model, seed) for seed in range(config.seed, config.seed + TWINS)]
        drawn = [maps_of_pairs(twin, store, boxed, config.method, on_progress) for twin in twins]
        arms[model.name] = [
            _score(HeatMaps(of_model.maps[: len(own)], of_model.start, of_model.end), own, given, config)
        ]
        arms[random] = [_score(each, own, given, config) for each in drawn]
        pairs += [(model.name, CENTRE), (model.name, LOCATION), (model.name, random), (random, CENTRE)]
    own, given = cases[0], confidences[0][: len(cases[0])]
    centre = [centre_prior(SCORED_SIDE)] * len(own)
    arms[CENTRE] = [score_maps(centre, own, given, config.threshold)]
    arms[LOCATION] = [score_maps(location_priors(own, SCORED_SIDE), own, given, config.threshold)]
    pairs += [(model.name, models[0].name) for model in models[1:]]
    statistics = box_statistics(
        own, arms, pairs, n_bootstrap=config.n_bootstrap, seed=config.seed, on_progress=on_progress
    )
    return statistics, _case_table(own, arms)


def _score(
    maps: HeatMaps, cases: list[BoxedCase], confidence: NDArray[np.float64], config: ExplainConfig
) -> ScoredMaps:
    return score_maps(list(maps.on_image(SCORED_SIDE).numpy()), cases, confidence, config.threshold)


def _case_table(cases: Sequence[BoxedCase], arms: Mapping[str, Sequence[ScoredMaps]]) -> pl.DataFrame:
    images = pl.DataFrame(
        {name: [getattr(case, name) for case in cases] for name in ("image_id", "patient_id", "finding")}
    )
    parts = [
        images.with_columns(pl.lit(arm).alias("arm"), pl.lit(replicate).alias("replicate")).hstack(
            pl.DataFrame(scored.scores, schema=list(MEANS))
        )
        for arm, replicates in arms.items()
        for replicate, scored in enumerate(replicates)
    ]
    return pl.concat(parts)
