"""Aggregation of predictions: one row a study (examination with several images) instead of one an image."""

from collections.abc import Mapping
from typing import Literal

import polars as pl

from hilum.evaluation.predictions.checks import LABEL, SCORE

StudyScore = Literal["mean", "max"]
_OF_ROW = ("patient_id", "split")


def study_names(table: pl.DataFrame, study_of: Mapping[str, str | None]) -> list[str]:
    """Return the study of each row, with names that are unique across patients.

    Args:
        table: `image_id, patient_id`.
        study_of: As in `by_study`.
    """
    ids = table["image_id"].to_list()
    studies = [study_of.get(image_id) for image_id in ids]
    keys = [image_id if study is None else study for image_id, study in zip(ids, studies, strict=True)]
    owners: dict[str, set[str]] = {}
    for key, patient in zip(keys, table["patient_id"], strict=True):
        owners.setdefault(key, set()).add(patient)
    return [
        key if len(owners[key]) == 1 else f"{patient}/{key}"
        for key, patient in zip(keys, table["patient_id"], strict=True)
    ]


def by_study(table: pl.DataFrame, study_of: Mapping[str, str | None], score: StudyScore = "mean") -> pl.DataFrame:
    """Aggregate the rows of a study's images: scores by mean or maximum, labels by maximum.

    A study is positive where one of its images is, and its label is null where all of them are: reports label studies,
    labels of single images label one view. Patients are kept for statistics clustered by patient. Studies are in the
    order of their first image.

    Args:
        table: Predictions with `image_id, patient_id`, optionally `split`, `y_<finding>` and `p_<finding>`.
        study_of: Study of each image; an image without a study (None or absent) is its own study.
        score: Aggregation of the scores of a study's images.

    Returns:
        The same columns; `image_id` is the study id, prefixed by the patient where two patients have the same id.
    """
    named = study_names(table, study_of)
    of_row = [name for name in _OF_ROW if name in table.columns]
    scores = [name for name in table.columns if name.startswith(SCORE)]
    labels = [name for name in table.columns if name.startswith(LABEL)]
    joined = pl.col(scores).mean() if score == "mean" else pl.col(scores).max()
    grouped = table.with_columns(pl.Series("image_id", named, dtype=pl.String)).group_by(
        "image_id", *of_row, maintain_order=True
    )
    found = grouped.agg(pl.col(labels).max(), joined).select(table.columns)
    return found.with_columns(pl.col(name).cast(table.schema[name]) for name in scores)
