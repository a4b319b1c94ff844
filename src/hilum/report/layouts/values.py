"""Values of the cells of a layout: metrics, losses, counts, comparisons, parameters."""

import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from hilum.data.balance import resampled_counts
from hilum.data.resampling import Resampling
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.evaluation import AVERAGES, Predictions
from hilum.report.layouts.results import TaskResults

_Z = 1.959963984540054
"""97.5 % quantile of the normal distribution: a 95 % interval is about 2 z standard deviations wide."""


@dataclass(frozen=True)
class Query:
    """Query of the value of one cell.

    Attributes:
        value: Metric of the evaluation, or one of `VALUES`.
        arm: Arm; None for counts of images.
        reference: Reference arm of comparisons; None: the study's.
        finding: Finding; None: the main average.
        split: Split of counts.
        statistic: "estimate" or "mean_sd".
        findings: Findings of "mean_sd"; None: all.
        resampled: Whether class fractions are computed after resampling.
    """

    value: str
    arm: str | None = None
    reference: str | None = None
    finding: str | None = None
    split: str | None = None
    statistic: str = "estimate"
    findings: tuple[str, ...] | None = None
    resampled: bool = False


@dataclass(frozen=True)
class Value:
    """Number of a study.

    Attributes:
        value: Number; None for none.
        low, high: Bounds of the 95 % interval.
        sd: Standard deviation over bootstrap resamples or findings.
        reason: Reason why there is no number, or a note on it.
        ran: False if the study has no such arm or task.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    reason: str = ""
    ran: bool = True


def value_of(task: TaskResults, query: Query) -> Value:
    """Return the number of a query, or the reason why there is none."""
    make = VALUES.get(query.value, _metric)
    needs_arm = query.value not in OF_IMAGES
    if needs_arm and query.arm is None:
        return Value(None, reason="the layout names no arm")
    if needs_arm and query.arm not in task.arms:
        return Value(None, reason=f"no arm {query.arm} in this run", ran=False)
    found = make(task, query)
    return replace(found, value=None) if found.value is not None and not math.isfinite(found.value) else found


def loss_on_test(
    predictions: Predictions, weights: list[float], *, multiclass: bool, weighted_mean: bool = False
) -> float:
    """Compute the mean loss over test images, as training computes it on validation images.

    Args:
        predictions: Predictions of one seed; scores are probabilities.
        weights: Weights of the positives of each finding, or of each class, (findings,).
        multiclass: If True, -w_c log p_c of the image's class c, averaged over images. Otherwise binary cross-entropy
            -w y log p - (1 - y) log(1 - p), averaged over known labels.
        weighted_mean: For multiclass: divide by the sum of the images' weights instead of their number.

    Returns:
        The loss; NaN without known labels.
    """
    labels, factor = predictions.labels.astype(np.float64), np.asarray(weights)
    tiny = np.finfo(np.float32).tiny
    p = np.clip(predictions.scores.astype(np.float64), tiny, 1.0)
    known = ~np.isnan(labels)
    if multiclass:
        losses = -(factor * np.log(p) * np.nan_to_num(labels)).sum(1)[known.all(1)]
        if weighted_mean:
            total = float((factor * labels[known.all(1)]).sum())
            return float(losses.sum()) / total if total else math.nan
    else:
        rest = np.clip(1 - p, tiny, 1.0)
        losses = (-factor * labels * np.log(p) - (1 - labels) * np.log(rest))[known]
    return float(losses.mean()) if losses.size else math.nan


def _metric(task: TaskResults, query: Query) -> Value:
    if task.metrics.is_empty():
        return Value(None, reason="no metrics in this run")
    rows = task.metrics.filter((pl.col("metric") == query.value) & (pl.col("arm") == query.arm))
    if rows.is_empty():
        return Value(None, reason=f"{query.value} was not computed")
    if query.statistic == "mean_sd":
        chosen = ~pl.col("finding").is_in(list(AVERAGES))
        if query.findings is not None:
            chosen &= pl.col("finding").is_in(list(query.findings))
        return _over_findings(rows.filter(chosen))
    finding = query.finding or task.overall
    row = rows.filter(pl.col("finding") == finding)
    if row.is_empty():
        return Value(None, reason="not a finding of this run")
    return _estimate(row.row(0, named=True))


def _estimate(row: dict[str, object]) -> Value:
    value, low, high = (_number(row, *names) for names in (("estimate",), ("ci_low",), ("ci_high",)))
    spread = _number(row, "sd", "standard_deviation")
    if spread is None and low is not None and high is not None:
        spread = (high - low) / (2 * _Z)
    reason = "" if value is not None else str(row.get("note") or "not estimable")
    return Value(value, low, high, spread, reason)


def _over_findings(rows: pl.DataFrame) -> Value:
    values = [row for row in rows["estimate"].to_list() if row is not None and not math.isnan(row)]
    if not values:
        return Value(None, reason="no finding could be estimated")
    left_out = len(rows) - len(values)
    note = f"{left_out} of {len(rows)} findings could not be estimated" if left_out else ""
    return Value(float(np.mean(values)), sd=float(np.std(values)), reason=note)


def _class_metric(name: str) -> Callable[[TaskResults, Query], Value]:
    def of_class(task: TaskResults, query: Query) -> Value:
        if task.classes.is_empty():
            return Value(None, reason="only multiclass tasks have it")
        finding = query.finding or "macro"
        chosen = (pl.col("arm") == query.arm) & (pl.col("class") == finding) & (pl.col("metric") == name)
        row = task.classes.filter(chosen)
        return _estimate(row.row(0, named=True)) if len(row) else Value(None, reason=f"{name} is not in this run")

    return of_class


def _exported(curve: pl.DataFrame) -> dict[str, float] | None:
    """Return the selected epoch: the one marked `selected`, or the one with the lowest validation loss."""
    if "selected" in curve.columns and curve["selected"].fill_null(False).any():
        return curve.filter(pl.col("selected")).row(-1, named=True)
    validated = curve.drop_nulls("val_loss") if "val_loss" in curve.columns else curve.head(0)
    if validated.is_empty():
        return curve.row(-1, named=True) if len(curve) else None
    return validated.sort("val_loss", maintain_order=True).row(0, named=True)


def _of_epoch(name: str) -> Callable[[TaskResults, Query], Value]:
    def of_epoch(task: TaskResults, query: Query) -> Value:
        epochs = [row for curve in task.curves(str(query.arm)).values() if (row := _exported(curve)) is not None]
        values = [float(row[name]) for row in epochs if row.get(name) is not None]
        if not values:
            return Value(None, reason="no training curve in this run")
        return Value(float(np.mean(values)), sd=float(np.std(values)) if len(values) > 1 else None)

    return of_epoch


def _test_loss(task: TaskResults, query: Query) -> Value:
    losses = []
    for card, predictions in zip(task.cards(str(query.arm)), task.predictions(str(query.arm)), strict=False):
        weights = card.settings.get("positive_weights") or card.settings.get("class_weights")
        named = weights if isinstance(weights, dict) else {}
        multiclass = card.settings.get("output_type") == "multiclass"
        summed = multiclass and card.settings.get("reduction") == "weighted_mean"
        of_findings = [float(named.get(finding, 1.0)) for finding in predictions.findings]
        losses.append(loss_on_test(predictions, of_findings, multiclass=multiclass, weighted_mean=summed))
    if not losses:
        return Value(None, reason="no predictions in this run")
    return Value(float(np.mean(losses)), sd=float(np.std(losses)) if len(losses) > 1 else None)


def _parameters(task: TaskResults, query: Query) -> Value:
    cards = task.cards(str(query.arm))
    encoder = ARCHITECTURES.get(cards[0].encoder) if cards else None
    if encoder is not None and encoder.published is not None:
        return Value(float(encoder.published))
    paths = [path / "model.safetensors" for path in task.runs(str(query.arm))]
    weights = next((path for path in paths if path.is_file()), None)
    if weights is None:
        return Value(None, reason="no weights in this run")
    return Value(float(_stored_parameters(weights)), reason="all weights as stored, buffers included")


def _stored_parameters(path: Path) -> int:
    """Count the numbers in a safetensors file by its header."""
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def _train_share(task: TaskResults, query: Query) -> Value:
    counts = _positives_of(task, "train")
    if not counts:
        return Value(None, reason="the training images were not counted")
    if query.resampled:
        counts = resampled_counts(counts, Resampling())
    if query.finding not in counts:
        return Value(None, reason="not a finding of this run")
    return Value(100 * counts[query.finding] / sum(counts.values()))


def _positives(task: TaskResults, query: Query) -> Value:
    counts = _positives_of(task, query.split or "train")
    if query.finding not in counts:
        return Value(None, reason="images were not counted" if not counts else "not a finding of this run")
    return Value(float(counts[query.finding]))


def _positives_of(task: TaskResults, split: str) -> dict[str, int]:
    if task.counts is None:
        return {}
    rows = task.counts.filter(pl.col("split") == split)
    return {str(finding): int(number) for finding, number in rows.select("finding", "positives").iter_rows()}


def _images(task: TaskResults, query: Query) -> Value:
    if task.counts is None:
        return Value(None, reason="images were not counted")
    rows = task.counts.filter(pl.col("split") == (query.split or "test"))
    return Value(float(rows["images"][0])) if len(rows) else Value(None, reason="images were not counted")


def _comparison(*columns: str) -> Callable[[TaskResults, Query], Value]:
    def of_pair(task: TaskResults, query: Query) -> Value:
        table = task.comparisons
        if table.is_empty():
            return Value(None, reason="arms were not compared")
        reference = query.reference or task.reference
        if query.arm == reference:
            return Value(None, reason=f"{query.arm} is the reference arm")
        finding = query.finding or task.overall
        chosen = (pl.col("metric") == table["metric"][0]) & (pl.col("finding") == finding)
        pairs = table.filter(chosen & (pl.col("arm") == query.arm) & (pl.col("reference") == reference))
        if len(pairs):
            row = pairs.row(0, named=True)
        else:
            turned = table.filter(chosen & (pl.col("arm") == reference) & (pl.col("reference") == query.arm))
            if turned.is_empty():
                return Value(None, reason=f"{query.arm} was not compared with {reference}")
            row = turned.row(0, named=True)
        value = _number(row, *columns)
        if columns[0] != "difference":
            return Value(value)
        low, high = _number(row, "ci_low"), _number(row, "ci_high")
        if len(pairs) or value is None:
            return Value(value, low, high)
        return Value(-value, None if high is None else -high, None if low is None else -low)

    return of_pair


def _number(row: dict[str, object], *names: str) -> float | None:
    for name in names:
        value = row.get(name)
        if isinstance(value, int | float) and not math.isnan(value):
            return float(value)
    return None


VALUES: dict[str, Callable[[TaskResults, Query], Value]] = {
    "class_recall": _class_metric("recall"),
    "class_precision": _class_metric("precision"),
    "class_f1": _class_metric("f1"),
    "train_loss": _of_epoch("train_loss"),
    "val_loss": _of_epoch("val_loss"),
    "test_loss": _test_loss,
    "exported_epoch": _of_epoch("epoch"),
    "parameters": _parameters,
    "train_share": _train_share,
    "positives": _positives,
    "images": _images,
    "difference": _comparison("difference"),
    "p": _comparison("p"),
    "p_adjusted": _comparison("p_adjusted"),
}
"""Values besides the metrics of the evaluation."""

OF_IMAGES = ("train_share", "positives", "images")
