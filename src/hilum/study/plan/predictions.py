"""Test labels and predictions. Test labels are read only here: after scoring, and to count them for a plan."""

from pathlib import Path

import polars as pl

from hilum.artifacts import whole_file
from hilum.evaluation.predictions import by_study
from hilum.study.data import PreparedData
from hilum.study.file import Study
from hilum.study.plan.prepare import external_findings, external_manifest
from hilum.study.pool import targets_of
from hilum.study.prepared import Prepared


def predictions_file(evaluation: Path, arm: str, seed: int) -> Path:
    """Return the path of the predictions of one arm and seed in the directory of an evaluation."""
    return evaluation / "predictions" / arm / f"seed-{seed}.parquet"


def write_predictions(prepared: Prepared, scores: pl.DataFrame, predictions: Path) -> None:
    """Join the scores of one arm and seed with labels and patients, and write them.

    Args:
        prepared: Prepared data of the task.
        scores: Table `image_id, p_<finding>` of validation and test images.
        predictions: Parquet file to write: `image_id, patient_id, split, y_<finding>, p_<finding>`; y is null where the
            label is masked.
    """
    _write(prepared, labels(prepared), scores, prepared.labelled, predictions)


def write_external_predictions(prepared: Prepared, data: str, scores: pl.DataFrame, predictions: Path) -> None:
    """Write predictions on an external test set, as `write_predictions`; `split` is "test"."""
    table = external_labels(prepared, data)
    shared = [name.replace("y_", "p_", 1) for name in table.columns if name.startswith("y_")]
    _write(prepared, table, scores.select("image_id", *shared), prepared.data[data], predictions)


def _write(prepared: Prepared, table: pl.DataFrame, scores: pl.DataFrame, data: PreparedData, path: Path) -> None:
    joined = table.join(scores, on="image_id", how="inner", maintain_order="left")
    with whole_file(path) as beside:
        in_units(prepared, joined, data).write_parquet(beside)


def in_units(prepared: Prepared, table: pl.DataFrame, data: PreparedData) -> pl.DataFrame:
    """Aggregate the rows of images to the task's unit of evaluation: images (unchanged) or studies.

    Args:
        prepared: Prepared data of the task.
        table: Labels, with or without scores.
        data: Data set of the images.
    """
    task = prepared.study.task
    if task.unit == "image":
        return table
    return by_study(table, dict(data.manifest.select("image_id", "study_id").iter_rows()), task.study_score)


def external_labels(prepared: Prepared, data: str) -> pl.DataFrame:
    """Return `image_id, patient_id, split, y_<finding>` of an external test set, for the findings that it labels."""
    study, read = prepared.study, prepared.data[data]
    wanted = pl.Series(list(prepared.external[data]), dtype=pl.String).implode()
    rows = external_manifest(study, read).filter(pl.col("image_id").is_in(wanted))
    patients = rows.select("image_id", "patient_id", pl.lit("test").alias("split"))
    return _with_labels(study, read, patients, rows, external_findings(study, read))


def labels(prepared: Prepared) -> pl.DataFrame:
    """Return `image_id, patient_id, split, y_<finding>` of all validation and test images."""
    study, split = prepared.study, prepared.task.split.assignment
    scored = split.filter(pl.col("split").is_in(["val", "test"])).select("image_id", "patient_id", "split")
    rows = prepared.task.manifest.filter(pl.col("image_id").is_in(scored["image_id"].implode()))
    return _with_labels(study, prepared.labelled, scored, rows, study.task.findings)


def _with_labels(
    study: Study, data: PreparedData, patients: pl.DataFrame, rows: pl.DataFrame, findings: list[str]
) -> pl.DataFrame:
    """Join images with their labels for scoring, as integers; null where a label is masked."""
    ids, values = targets_of(study, data, rows, findings, study.task.label_policy().for_scoring())
    columns = {f"y_{finding}": values[:, i] for i, finding in enumerate(findings)}
    known = [
        pl.when(pl.col(name).is_nan()).then(None).otherwise(pl.col(name)).cast(pl.Int8).alias(name) for name in columns
    ]
    table = pl.DataFrame({"image_id": ids} | columns).with_columns(known)
    return patients.join(table, on="image_id", how="inner", maintain_order="left")
