"""Numbers of predictions that lie in a directory: all metrics, comparisons, ranks, baselines and groups, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hilum.errors import HilumError
from hilum.evaluation.estimation import measure_arms
from hilum.evaluation.metrics import AUROC, AVERAGES, METRICS, THRESHOLD_METRICS
from hilum.evaluation.predictions import LABEL, SCORE, Predictions, as_predictions, read_predictions, read_table
from hilum.evaluation.tables import (
    UNDERDIAGNOSIS,
    columns_that_divide,
    comparisons_table,
    evaluate_single_label,
    evaluate_subgroups,
    metrics_table,
    ranks_table,
)
from hilum.evaluation.thresholds import Thresholds, choose_thresholds
from hilum.progress import ProgressReport, silent
from hilum.report.figures import mean_confusion

GROUPS = ("sex", "age", "view", "source")
"""Columns of predictions by which patients are grouped, where they are there."""


@dataclass(frozen=True)
class Judging:
    """How predictions are judged.

    Attributes:
        redraws, seed, min_positives: as in `hilum.evaluation.measure_arms`.
        against: the reference arm; None: all with all.
        held_out: as in `hilum.evaluation.read_predictions`.
    """

    redraws: int = 2000
    seed: int = 0
    min_positives: int = 10
    against: str | None = None
    held_out: bool = False


@dataclass(frozen=True)
class Numbers:
    """What a report says of predictions; the fields are those of `ReportContent`."""

    predictions: Mapping[str, Sequence[Predictions]]
    thresholds: Mapping[str, Sequence[Thresholds]]
    metrics: pl.DataFrame
    comparisons: pl.DataFrame
    ranks: pl.DataFrame | None
    subgroups: pl.DataFrame | None
    classes: pl.DataFrame | None
    baseline_metrics: pl.DataFrame | None
    baseline_comparisons: pl.DataFrame | None


def judge_found(
    arms: Mapping[str, Sequence[Path]],
    baselines: Mapping[str, Path],
    judging: Judging,
    on_progress: ProgressReport = silent,
) -> Numbers:
    """Read predictions and measure them on the same redraws of patients.

    Raises:
        HilumError: what is wrong with a table, or tables of different images.
    """
    predictions = {
        arm: [read_predictions(path, held_out=judging.held_out) for path in paths] for arm, paths in arms.items()
    }
    thresholds = {arm: _thresholds(paths, predictions[arm]) for arm, paths in arms.items()}
    with_thresholds = all(thresholds.values())
    measured = measure_arms(
        predictions,
        metrics=[name for name in METRICS if with_thresholds or name not in THRESHOLD_METRICS],
        averages=AVERAGES,
        thresholds=thresholds if with_thresholds else None,
        redraws=judging.redraws,
        seed=judging.seed,
        min_positives=judging.min_positives,
        on_progress=on_progress,
    )
    several = len(arms) > 1
    against = judging.against if several else None
    baseline_metrics, baseline_comparisons = _beside_baselines(predictions, baselines, judging)
    return Numbers(
        predictions=predictions,
        thresholds=thresholds if with_thresholds else {},
        metrics=pl.concat([_named(metrics_table(measured, arm), arm) for arm in arms]),
        comparisons=comparisons_table(measured, against=against),
        ranks=ranks_table([measured]) if several and measured.included.any() else None,
        subgroups=_subgroups(arms, predictions, thresholds if with_thresholds else {}, judging),
        classes=_classes(predictions, judging),
        baseline_metrics=baseline_metrics,
        baseline_comparisons=baseline_comparisons,
    )


def _named(table: pl.DataFrame, arm: str) -> pl.DataFrame:
    return table.select(pl.lit(arm).alias("arm"), pl.all())


def _thresholds(paths: Sequence[Path], judged: Sequence[Predictions]) -> list[Thresholds]:
    """Chosen on the rows val of each seed's table; none where one of them has no such rows."""
    chosen = []
    for path, run in zip(paths, judged, strict=True):
        table = read_table(path, what="a table of predictions")
        if run.split == "val" or "split" not in table.columns or "val" not in table["split"].to_list():
            return []
        chosen.append(choose_thresholds(read_predictions(path, split="val"), judged=run))
    return chosen


def _beside_baselines(
    predictions: Mapping[str, Sequence[Predictions]], baselines: Mapping[str, Path], judging: Judging
) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """Metrics of baselines, and every arm minus every baseline; scores get the labels of the first arm's images."""
    if not baselines:
        return None, None
    first = next(iter(predictions.values()))[0]
    labels = first.frame.select("image_id", "patient_id", "split", pl.col(f"^{LABEL}.*$"))
    beside = {}
    for name, path in baselines.items():
        scores = read_table(path, what="scores of a baseline").select("image_id", pl.col(f"^{SCORE}.*$"))
        table = labels.join(scores, on="image_id", how="inner", maintain_order="left")
        if len(table) != len(labels):
            found, fix = f"{len(table):,} of {len(labels):,}", "Score all images that the arms are judged on."
            raise HilumError(path, expected="scores of the images of the arms", found=found, fix=fix)
        beside[name] = [as_predictions(table, name=str(path), held_out=True)]
    measured = measure_arms(
        {**beside, **predictions}, redraws=judging.redraws, seed=judging.seed, min_positives=judging.min_positives
    )
    pairs = [comparisons_table(measured, against=name) for name in beside]
    compared = pl.concat(pairs).filter(pl.col("arm").is_in(list(predictions)))
    return pl.concat([_named(metrics_table(measured, name), name) for name in beside]), compared


def _subgroups(
    arms: Mapping[str, Sequence[Path]],
    predictions: Mapping[str, Sequence[Predictions]],
    thresholds: Mapping[str, Sequence[Thresholds]],
    judging: Judging,
) -> pl.DataFrame | None:
    """Groups by the columns that the first table has; None where it has none of them."""
    path = next(iter(arms.values()))[0]
    table = read_table(path, what="a table of predictions")
    if "image_id" not in table.columns:
        return None
    there = [name for name in GROUPS if name in table.columns]
    judged = next(iter(predictions.values()))[0].image_ids
    groups, _ = columns_that_divide(table, there, judged, where=str(path))
    if not groups:
        return None
    parts = [
        _named(
            evaluate_subgroups(
                seeds,
                groups,
                metrics=(AUROC, UNDERDIAGNOSIS) if thresholds else (AUROC,),
                thresholds=thresholds.get(arm),
                redraws=judging.redraws,
                seed=judging.seed,
            ),
            arm,
        )
        for arm, seeds in predictions.items()
    ]
    return pl.concat(parts)


def _classes(predictions: Mapping[str, Sequence[Predictions]], judging: Judging) -> pl.DataFrame | None:
    """Recall, precision and F1, where every image is of exactly one class."""
    if any(mean_confusion(seeds) is None for seeds in predictions.values()):
        return None
    parts = [
        _named(evaluate_single_label(seeds, redraws=judging.redraws, seed=judging.seed), arm)
        for arm, seeds in predictions.items()
    ]
    return pl.concat(parts)
