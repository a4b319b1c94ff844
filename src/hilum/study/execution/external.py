"""External validation: scores and metrics of finished arms on other data sets, for the findings that both label."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from hilum.artifacts import whole_directory
from hilum.data.store import Store, open_store
from hilum.errors import HilumError
from hilum.evaluation import Predictions, read_predictions
from hilum.evaluation.tables.external_validation import external_validation
from hilum.explanation.maps import load_models, probabilities
from hilum.finetuning.off_the_shelf import FeatureTable, score_features
from hilum.finetuning.scores import read_scores, write_scores
from hilum.progress import ProgressReport
from hilum.study.features import features_of
from hilum.study.file.finetuning import Features
from hilum.study.plan import external_directory, finetuning_directory
from hilum.study.plan.predictions import predictions_file, write_external_predictions
from hilum.study.plan.step_types import ExternalStep
from hilum.study.prepared import Prepared
from hilum.training.distributed.device import choose_device

EXTERNAL_PREDICTIONS = "external_predictions"
"""Directory in the evaluation of a task, with DATA/ARM/seed-N.parquet."""


def store_of(out: Path, data: str) -> Store:
    """Open the store of a data set."""
    return open_store(out / "stores" / data)


def score_external(step: ExternalStep, prepared: Prepared, out: Path, on_progress: ProgressReport) -> None:
    """Score all external test sets of a task; write `DATA.parquet` for each, complete or absent.

    Test labels are not used.

    Args:
        step: Arm and seed.
        prepared: Prepared data of its task.
        out: Directory of the study.
        on_progress: Receives the number of images done.
    """
    study = prepared.study
    arm, seed = step.arm, step.seed
    if (features := study.arms[arm].features) is not None:
        _score_features(step, features, prepared, out)
        return
    directory = out / finetuning_directory(study, arm, seed)
    (model,) = load_models([directory], choose_device("auto"), [(arm, seed)])
    with whole_directory(out / step.directory) as beside:
        for name, image_ids in prepared.external.items():
            store = store_of(out, name)
            here = store.readable(list(image_ids))
            scores = probabilities(model, store, here, on_progress).astype("float32")
            table = pl.DataFrame(scores, schema=[f"p_{finding}" for finding in model.card.findings])
            write_scores(table, store, here, beside / f"{name}.parquet")


def _score_features(step: ExternalStep, features: Features, prepared: Prepared, out: Path) -> None:
    """Fit the classifier of an arm with precomputed features again, and score external test sets."""
    study, task, seed = prepared.study, prepared.task, step.seed
    home, here = features_of(features, prepared.labelled), set(store_of(out, study.labelled_data).image_ids)
    train, val = task.train_of(seed).only(here), task.val.only(here)
    names = [f"p_{finding}" for finding in study.task.findings]
    with whole_directory(out / step.directory) as beside:
        for name, image_ids in prepared.external.items():
            store = store_of(out, name)
            readable = store.readable(list(image_ids))
            away = features_of(features, prepared.data[name])
            values = away.of(readable)
            if values.shape[1] != home.values.shape[1]:
                found = f"{values.shape[1]}, and {home.values.shape[1]} of {study.labelled_data}"
                fix = "Compute both with the same model."
                raise HilumError(away.path, expected="features of one dimension", found=found, fix=fix)
            fitted = [*train.image_ids, *val.image_ids]
            ids = [*(f"home/{each}" for each in fitted), *(f"away/{each}" for each in readable)]
            both = FeatureTable(ids, np.concatenate([home.of(fitted), values]), home.path)
            fit, choose = (
                replace(part, image_ids=[f"home/{each}" for each in part.image_ids]) for part in (train, val)
            )
            scores = score_features(both, fit, choose, ids[len(fitted) :], features.head, seed=seed)
            write_scores(pl.DataFrame(scores, schema=names), store, readable, beside / f"{name}.parquet")


def external_table(prepared: Prepared, out: Path, evaluation: Path) -> pl.DataFrame:
    """Write the predictions on external test sets, and evaluate every arm on its own and the external test sets.

    Args:
        prepared: Prepared data of a task with external test sets.
        out: Directory of the study.
        evaluation: Temporary directory of the task's evaluation, with its own predictions.

    Returns:
        Table of `hilum.evaluation.external_validation` with a column `arm` first.
    """
    study, settings, tables = prepared.study, prepared.study.evaluate, []
    for arm in study.arms:
        home = [read_predictions(predictions_file(evaluation, arm, seed)) for seed in study.seeds]
        cells = {(study.labelled_data, study.labelled_data): home}
        for name in prepared.external:
            cells[study.labelled_data, name] = [
                _predictions(prepared, out, evaluation, arm, seed, name) for seed in study.seeds
            ]
        table = external_validation(
            cells,
            n_bootstrap=settings.n_bootstrap,
            seed=settings.seed,
            min_positive_patients=settings.min_positive_patients,
        )
        tables.append(table.select(pl.lit(arm).alias("arm"), pl.all()))
    return pl.concat(tables)


def _predictions(prepared: Prepared, out: Path, evaluation: Path, arm: str, seed: int, data: str) -> Predictions:
    scores_file = out / external_directory(prepared.study, arm, seed) / f"{data}.parquet"
    scores = read_scores(scores_file, store_of(out, data), list(prepared.external[data]))
    path = evaluation / EXTERNAL_PREDICTIONS / data / arm / f"seed-{seed}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_external_predictions(prepared, data, scores, path)
    return read_predictions(path)
