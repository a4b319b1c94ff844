"""The only place where labels of test images are read: once every arm has scored them, and to count them for a plan."""

from pathlib import Path

import polars as pl

from hilum.artifacts import whole_file
from hilum.evaluation.predictions import by_study
from hilum.study.data import PreparedData
from hilum.study.plan.prepare import external_findings, external_manifest
from hilum.study.pool import targets_of
from hilum.study.prepared import Prepared


def write_predictions(prepared: Prepared, scores: pl.DataFrame, predictions: Path) -> None:
    """Join the scores of one arm and seed with labels and patients.

    Args:
        prepared: the study's data.
        scores: `image_id` and `p_<finding>` for validation and test images.
        predictions: Parquet to write: `image_id, patient_id, split, y_<finding>, p_<finding>`; y is null where the
            task masks a label.
    """
    joined = labels(prepared).join(scores, on="image_id", how="inner", maintain_order="left")
    joined = in_units(prepared, joined, prepared.labelled)
    with whole_file(predictions) as beside:
        joined.write_parquet(beside)


def write_external_predictions(prepared: Prepared, data: str, scores: pl.DataFrame, predictions: Path) -> None:
    """As `write_predictions`, of the images of another data set that the task is tested on; all of them are "test"."""
    table = external_labels(prepared, data)
    shared = [name.replace("y_", "p_", 1) for name in table.columns if name.startswith("y_")]
    joined = table.join(scores.select("image_id", *shared), on="image_id", how="inner", maintain_order="left")
    joined = in_units(prepared, joined, prepared.data[data])
    with whole_file(predictions) as beside:
        joined.write_parquet(beside)


def in_units(prepared: Prepared, table: pl.DataFrame, data: PreparedData) -> pl.DataFrame:
    """Rows of images as they are, or those of a study joined, as the task says.

    Args:
        prepared: the study's data.
        table: labels, with scores or without.
        data: whose images these are.
    """
    task = prepared.study.task
    if task.unit == "image":
        return table
    return by_study(table, dict(data.manifest.select("image_id", "study_id").iter_rows()), task.study_score)


def external_labels(prepared: Prepared, data: str) -> pl.DataFrame:
    """`image_id, patient_id, split, y_<finding>` of another data set, for the findings that it labels, too."""
    study, read = prepared.study, prepared.data[data]
    wanted = pl.Series(list(prepared.external[data]), dtype=pl.String).implode()
    rows = external_manifest(study, read).filter(pl.col("image_id").is_in(wanted))
    findings = external_findings(study, read)
    ids, values = targets_of(study, read, rows, findings, study.task.label_policy().for_scoring())
    columns = {f"y_{finding}": values[:, i] for i, finding in enumerate(findings)}
    known = [
        pl.when(pl.col(name).is_nan()).then(None).otherwise(pl.col(name)).cast(pl.Int8).alias(name) for name in columns
    ]
    patients = rows.select("image_id", "patient_id", pl.lit("test").alias("split"))
    table = pl.DataFrame({"image_id": ids} | columns).with_columns(known)
    return patients.join(table, on="image_id", how="inner", maintain_order="left")


def labels(prepared: Prepared) -> pl.DataFrame:
    """`image_id, patient_id, split, y_<finding>` of every validation and test image."""
    study, split = prepared.study, prepared.task.split.assignment
    scored = split.filter(pl.col("split").is_in(["val", "test"])).select("image_id", "patient_id", "split")
    rows = prepared.task.manifest.filter(pl.col("image_id").is_in(scored["image_id"].implode()))
    findings, label_policy = study.task.findings, study.task.label_policy().for_scoring()
    ids, values = targets_of(study, prepared.labelled, rows, findings, label_policy)
    columns = {f"y_{finding}": values[:, i] for i, finding in enumerate(study.task.findings)}
    table = pl.DataFrame({"image_id": ids} | columns)
    known = [
        pl.when(pl.col(name).is_nan()).then(None).otherwise(pl.col(name)).cast(pl.Int8).alias(name) for name in columns
    ]
    return scored.join(table.with_columns(known), on="image_id", how="inner", maintain_order="left")
