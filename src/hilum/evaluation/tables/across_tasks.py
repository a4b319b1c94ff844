"""Results over several tasks: every arm on every task, means over tasks, and tests adjusted over all tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from hilum.evaluation.columns import schema
from hilum.evaluation.estimation import BootstrappedArms, Resampled
from hilum.evaluation.inference import (
    Look,
    benjamini_hochberg,
    effective_n_patients,
    estimate_columns,
    percentile_interval,
)
from hilum.evaluation.metrics import AUROC, MACRO
from hilum.evaluation.tables.metrics import metrics_table

TASKS_SCHEMA = schema("task arm metric finding estimate ci_low ci_high tasks")

MEAN_OVER_TASKS = "mean over tasks"
"""Value of the column `task` in rows of means over tasks."""


def overall_of(measured: BootstrappedArms, arm: str, metric: str = AUROC) -> Resampled:
    """Return the macro mean of an arm, or its only finding: estimate () and resampled (B,)."""
    at = _overall_row(measured, arm)
    whole = measured.arms[arm].metrics[metric]
    return Resampled(whole.estimate[at], whole.resampled[at])


def patients_behind_overall(measured: BootstrappedArms) -> float | None:
    """Return the effective number of patients of the macro mean; None where no finding has enough patients."""
    return (
        measured.effective_n_patients(_overall_row(measured, next(iter(measured.arms))))
        if _is_estimable(measured)
        else None
    )


def shift_resamples(measured: BootstrappedArms, by: int) -> BootstrappedArms:
    """Shift the order of resamples, so that they are independent of those of another test set with the same seed.

    Resample b becomes resample b + `by`. Different resamples are independent; equal resamples of two test sets with one
    seed are not, since the generator returns the same numbers.

    Args:
        measured: Arms on one test set.
        by: 0 for the first test set, another number for each further one; tasks on the same patients share one number.
    """
    arms = {
        name: replace(
            arm,
            metrics={
                metric: Resampled(each.estimate, np.roll(each.resampled, -by, axis=1), each.jackknife)
                for metric, each in arm.metrics.items()
            },
        )
        for name, arm in measured.arms.items()
    }
    return replace(measured, arms=arms)


def tasks_table(tasks: Mapping[str, BootstrappedArms], *, metric: str = AUROC) -> pl.DataFrame:
    """Tabulate every arm on every task, macro over its findings, and the mean over tasks.

    Args:
        tasks: Bootstrapped arms of each task, with equal numbers of resamples; see `shift_resamples`.
        metric: A computed metric.

    Returns:
        task, arm, metric, finding (`macro`, or the only finding), estimate, ci_low, ci_high (95 %), tasks (1, or the
        number of tasks of a mean). Tasks without enough patients have no estimate and are excluded from means.
    """
    rows: list[dict[str, object]] = []
    for task, measured in tasks.items():
        patients = patients_behind_overall(measured)
        for arm in measured.arms:
            finding = _overall_name(measured)
            rows.append({"task": task, "arm": arm, "metric": metric, "finding": finding, "tasks": 1})
            if patients is not None:
                own = metrics_table(measured, arm).filter((pl.col("metric") == metric) & (pl.col("finding") == finding))
                rows[-1] |= own.select("estimate", "ci_low", "ci_high").row(0, named=True)
    estimable = {task: measured for task, measured in tasks.items() if _is_estimable(measured)}
    arms = list(dict.fromkeys(arm for measured in estimable.values() for arm in measured.arms))
    for arm in arms if len(estimable) > 1 else []:
        if all(arm in measured.arms for measured in estimable.values()):
            each = [overall_of(measured, arm, metric) for measured in estimable.values()]
            behind = [patients_behind_overall(measured) or 0.0 for measured in estimable.values()]
            patients = effective_n_patients(np.floor(np.array(behind)).astype(np.int64))
            estimate = float(np.mean([one.estimate for one in each]))
            resampled = np.mean([one.resampled for one in each], axis=0)
            row = {"task": MEAN_OVER_TASKS, "arm": arm, "metric": metric, "finding": MACRO, "tasks": len(each)}
            rows.append(row | estimate_columns(estimate, percentile_interval(resampled, patients=patients)))
    return pl.DataFrame(rows, schema=TASKS_SCHEMA)


def adjust_over_tasks(comparisons: pl.DataFrame, averages: Sequence[str], *, look: Look | None = None) -> pl.DataFrame:
    """Adjust the tests of several tasks as one family (false discovery rate, Benjamini & Hochberg, JRSS B, 1995).

    Args:
        comparisons: Rows of `comparisons_table` of every task, with a column `task`.
        averages: Averages over findings. Each average of each metric is a family over all tasks, and so are the single
            findings; the only finding of a task belongs to the family of `macro`.
        look: Number of the planned look, as in `comparisons_table`.

    Returns:
        The same table with new `p_adjusted` and `family`.
    """
    look = look or Look()
    table = comparisons.with_row_index("row")
    single = ~pl.col("finding").is_in(list(averages))
    alone = single & (pl.col("finding").filter(single).n_unique().over("task", "metric") == 1)
    main = pl.when(alone).then(pl.lit(MACRO)).when(single).then(pl.lit("single findings")).otherwise(pl.col("finding"))
    table = table.with_columns(main.alias("main"))
    parts = []
    for (metric, name), rows in table.group_by("metric", "main", maintain_order=True):
        p = rows["p"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        tests, tasks = int(np.isfinite(p).sum()), rows.filter(pl.col("p").is_not_null())["task"].n_unique()
        what = str(name) if metric == AUROC else f"{name}, {metric}"
        counted = f"{tests} test{'s' if tests != 1 else ''} of {tasks} task{'s' if tasks != 1 else ''}"
        text = f"{what}, all tasks: {counted}, Benjamini-Hochberg{look.note}"
        parts.append(
            rows.with_columns(
                pl.Series("p_adjusted", look.stretched(benjamini_hochberg(p)), dtype=pl.Float64).fill_nan(None),
                pl.when(pl.col("p").is_not_null()).then(pl.lit(text)).otherwise(pl.col("family")).alias("family"),
            )
        )
    if not parts:
        return comparisons
    return pl.concat(parts).sort("row").drop("row", "main").select(comparisons.columns)


def _overall_name(measured: BootstrappedArms) -> str:
    return measured.findings[0] if len(measured.findings) == 1 else MACRO


def _overall_row(measured: BootstrappedArms, arm: str) -> int:
    return measured.arms[arm].row(_overall_name(measured))


def _is_estimable(measured: BootstrappedArms) -> bool:
    return bool(measured.included.any())
