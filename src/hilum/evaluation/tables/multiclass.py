"""Multiclass tasks: every image has exactly one class, and the most probable class is the prediction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.declared import check_ranges
from hilum.errors import HilumError
from hilum.evaluation.bootstrap import bootstrap_statistics, by_patient, point_estimate_counts, sums_statistic
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.columns import schema
from hilum.evaluation.estimation import seed_weights
from hilum.evaluation.inference import estimate_columns, percentile_interval
from hilum.evaluation.metrics import MACRO
from hilum.evaluation.predictions import Predictions
from hilum.evaluation.predictions.align import align
from hilum.notes import Code, Note, note, note_columns
from hilum.progress import ProgressReport, silent
from hilum.wording import counted

MULTICLASS_SCHEMA = schema("class metric estimate ci_low ci_high images note codes")


@dataclass(frozen=True)
class ClassCalls:
    """True and predicted class of every image.

    Attributes:
        classes: C names.
        true: (N,), 0 to C - 1.
        called: (N,), the class with the largest probability; the first of ties.
    """

    classes: list[str]
    true: NDArray[np.int64]
    called: NDArray[np.int64]

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Confusion matrix, (C, C): rows are true, columns predicted classes."""
        classes = len(self.classes)
        counted = np.bincount(self.true * classes + self.called, minlength=classes**2)
        return counted.reshape(classes, classes).astype(np.int64)


def class_calls(predictions: Predictions) -> ClassCalls:
    """Convert predictions of findings to classes.

    Raises:
        HilumError: An image with no or several positive findings, or with unknown labels.
    """
    labels = predictions.labels
    wrong = np.flatnonzero(np.isnan(labels).any(axis=1) | (np.nansum(labels, axis=1) != 1))
    if len(wrong):
        image = predictions.frame["image_id"][int(wrong[0])]
        raise HilumError(
            predictions.name,
            expected="exactly one positive class for each image",
            found=f"{counted(len(wrong))} with another number (first: {image})",
            fix="Keep images of exactly one class, or evaluate findings separately.",
        )
    return ClassCalls(predictions.findings, labels.argmax(axis=1), predictions.scores.argmax(axis=1))


def mean_confusion(seeds: Sequence[Predictions]) -> NDArray[np.float64] | None:
    """Compute the mean confusion matrix over seeds, (C, C); None where images do not have one class each."""
    if not seeds or len(seeds[0].findings) < 2:
        return None
    try:
        return np.asarray(np.mean([class_calls(run).confusion for run in seeds], axis=0))
    except HilumError:
        return None


def evaluate_multiclass(
    predictions: Sequence[Predictions],
    *,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    on_progress: ProgressReport = silent,
) -> pl.DataFrame:
    """Compute recall, precision and F1 of every class, their means, and accuracy, with 95 % intervals over patients.

    Args:
        predictions: One table a seed, of the same images.
        n_bootstrap: Number of bootstrap samples, at least 40.
        seed: Random seed of the resamples.
        on_progress: Receives the number of completed resamples.

    Returns:
        Rows macro (recall, precision, f1, accuracy), then classes: class, metric, estimate (mean over seeds), ci_low,
        ci_high, images (of the class), note, codes. Classes without images are excluded from the means, with a note;
        precision without predictions is 0, as in scikit-learn.

    Raises:
        HilumError: Predictions do not match or are not multiclass, or too few resamples.
    """
    check_ranges(BootstrapConfig, n_bootstrap=n_bootstrap)
    aligned = align({"": predictions})
    classes, units = aligned.findings, int(aligned.patients.max()) + 1
    count = len(classes)
    calls = [class_calls(table) for table in predictions]
    true = aligned.labels.argmax(axis=1)
    cells = [true * count + layer.argmax(axis=1) for layer in aligned.scores[""]]
    shares = np.concatenate([by_patient(np.eye(count**2)[cell], aligned.patients, units) for cell in cells])
    statistics = {"cells": sums_statistic(shares)}
    whole = point_estimate_counts(statistics, units)["cells"].reshape(len(calls), count, count, 1)
    drawn = bootstrap_statistics(statistics, units, n_bootstrap=n_bootstrap, seed=seed, on_progress=on_progress)[
        "cells"
    ]
    drawn = drawn.reshape(len(calls), count, count, n_bootstrap)
    weights = seed_weights(len(calls), n_bootstrap=n_bootstrap, seed=seed)
    present = whole[0].sum(axis=1)[:, 0] > 0
    absent = [name for name, there in zip(classes, present, strict=True) if not there]
    notes = [note(Code.CLASSES_WITHOUT_IMAGES, classes=", ".join(absent))] if absent else []
    rows: list[dict[str, object]] = []
    for metric, made in CLASS_METRICS.items():
        estimate = made(whole)[..., 0].mean(axis=0)
        resampled = np.einsum("scb,sb->cb", made(drawn), weights)
        rows.append(
            _row(MACRO, metric, estimate[present].mean(), _mean_of_present(resampled[present]), len(true), notes)
        )
        for at, name in enumerate(classes):
            images = int((true == at).sum())
            none = [] if images else [note(Code.CLASS_WITHOUT_IMAGES)]
            rows.append(_row(name, metric, estimate[at], resampled[at], images, none))
    right = [np.einsum("sccb->sb", table) / table.sum(axis=(1, 2)) for table in (whole, drawn)]
    accuracy = (right[1] * weights).sum(axis=0)
    rows.append(_row(MACRO, "accuracy", float(right[0].mean()), accuracy, len(true), []))
    return pl.DataFrame(rows, schema=MULTICLASS_SCHEMA).sort(pl.col("class") != MACRO, maintain_order=True)


def recall(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute recall of each class, (…, C, T), from counts (…, C, C, T); NaN without images."""
    images = cells.sum(axis=-2)
    return np.where(images > 0, _right(cells) / np.maximum(images, 1), np.nan)


def precision(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute precision of each class; 0 without predictions, NaN without images of the class."""
    called = cells.sum(axis=-3)
    return np.where(cells.sum(axis=-2) > 0, _right(cells) / np.maximum(called, 1), np.nan)


def class_f1(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the harmonic mean of recall and precision; NaN without images of the class."""
    images, called = cells.sum(axis=-2), cells.sum(axis=-3)
    return np.where(images > 0, 2 * _right(cells) / np.maximum(images + called, 1), np.nan)


CLASS_METRICS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "recall": recall,
    "precision": precision,
    "f1": class_f1,
}


def _right(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the diagonal, (…, C, T)."""
    diagonal: NDArray[np.float64] = np.moveaxis(np.diagonal(cells, axis1=-3, axis2=-2), -1, -2)
    return diagonal


def _mean_of_present(resampled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the classes that are present in a resample."""
    held = np.isfinite(resampled)
    mean: NDArray[np.float64] = np.where(held, resampled, 0).sum(axis=0) / np.maximum(held.sum(axis=0), 1)
    return mean


def _row(
    name: str, metric: str, estimate: float, resampled: NDArray[np.float64], images: int, notes: list[Note]
) -> dict[str, object]:
    return {
        "class": name,
        "metric": metric,
        **estimate_columns(estimate, percentile_interval(resampled)),
        "images": images,
        **note_columns(notes),
    }
