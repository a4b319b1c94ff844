"""Evaluation over all tasks and label fractions of a study, from the predictions of each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from hilum.artifacts import whole_directory
from hilum.data.tables import read_result_table
from hilum.evaluation import BootstrappedArms, measure_arms, ranks_table
from hilum.evaluation.metrics import AVERAGES
from hilum.evaluation.tables.across_tasks import (
    adjust_over_tasks,
    overall_of,
    shift_resamples,
    tasks_table,
)
from hilum.evaluation.tables.label_efficiency import LabelCurve, labels_to_match
from hilum.report.page import PAGE
from hilum.report.tasks import OverviewContent, TaskPage
from hilum.report.verdict.decide import decide
from hilum.study.execution.evaluate import read_arm
from hilum.study.execution.looks import look_of
from hilum.study.execution.report_content import report_content, table_in
from hilum.study.file import as_yaml
from hilum.study.file.views import View, views_of
from hilum.study.plan import EVALUATION, view_directory
from hilum.study.prepared import Prepared


def evaluate_across_tasks(views: Sequence[Prepared], out: Path) -> None:
    """Write the tables over all tasks.

    `evaluation` then contains, as Parquet: tasks (every arm on every task and label fraction, and its mean over tasks
    at their largest fractions), comparisons (of every task, adjusted by the study's family of tests), ranks (of arms
    that all tasks have, over the findings of all tasks), and for tasks with several label fractions labels_to_match
    (`hilum.evaluation.tables.label_efficiency`). The directory is complete or absent.

    Args:
        views: All tasks and label fractions, evaluated.
        out: Directory of the study.
    """
    whole = views[0].study.whole
    of_place = {view.directory: view for view in views_of(whole)}
    measured = _measured(views, out)
    largest = {of_place[view.study.place].task: view.study.place for view in views}
    with whole_directory(out / EVALUATION) as directory:
        by_name = {of_place[place].name: each for place, each in measured.items()}
        table = tasks_table(by_name)
        mean = tasks_table({of_place[place].name: measured[place] for place in largest.values()})
        table = pl.concat([table.filter(pl.col("tasks") == 1), mean.filter(pl.col("tasks") > 1)])
        tables = {"tasks": _with_labels(table, views, of_place), "comparisons": _comparisons(views, of_place, out)}
        common = [arm for arm in whole.arms if all(arm in measured[place].arms for place in largest.values())]
        ranked = [_only(measured[place], common) for place in largest.values()]
        if len(common) > 1 and any(each.included.any() for each in ranked):
            tables["ranks"] = ranks_table([each for each in ranked if each.included.any()])
        if matching := _labels_to_match(views, measured, of_place):
            tables["labels_to_match"] = pl.concat(matching)
        for name, each in tables.items():
            each.write_parquet(directory / f"{name}.parquet")


def overview_content(views: Sequence[Prepared], out: Path) -> OverviewContent:
    """Gather the content of the report over all tasks from the files of a finished study."""
    whole = views[0].study.whole
    names = {view.directory: view for view in views_of(whole)}
    pages = []
    for view in views:
        place = view.study.place
        content = report_content(view, out, [])
        pages.append(
            TaskPage(names[place].name, names[place].task, f"{place}/{PAGE}", content.scored_on, decide(content))
        )

    return OverviewContent(
        question=whole.question,
        arms=list(whole.arms),
        pages=pages,
        settings_yaml=as_yaml(whole),
        n_bootstrap=whole.evaluate.n_bootstrap,
        family=whole.evaluate.family,
        tasks=read_result_table(out / EVALUATION / "tasks.parquet"),
        comparisons=read_result_table(out / EVALUATION / "comparisons.parquet"),
        ranks=table_in(out / EVALUATION, "ranks"),
        labels_to_match=table_in(out / EVALUATION, "labels_to_match"),
    )


def _measured(views: Sequence[Prepared], out: Path) -> dict[str, BootstrappedArms]:
    """Bootstrap the arms of every task and label fraction, by its folder; independently for different data sets."""
    shift = {name: number for number, name in enumerate(dict.fromkeys(view.study.labelled_data for view in views))}
    found = {}
    for view in views:
        study, settings = view.study, view.study.evaluate
        evaluation = out / view_directory(study, EVALUATION)
        arms = {arm: read_arm(evaluation, arm, study.seeds) for arm in study.arms}
        measured = measure_arms(
            arms, n_bootstrap=settings.n_bootstrap, seed=settings.seed,
            min_positive_patients=settings.min_positive_patients,
        )  # fmt: skip
        found[study.place] = shift_resamples(measured, shift[study.labelled_data])
    return found


def _only(measured: BootstrappedArms, arms: Sequence[str]) -> BootstrappedArms:
    return replace(measured, arms={arm: measured.arms[arm] for arm in arms})


def _with_labels(table: pl.DataFrame, views: Sequence[Prepared], of_place: Mapping[str, View]) -> pl.DataFrame:
    """Add the training data of each row: task, label fraction, labelled images, folder."""
    rows = [
        {
            "view": of_place[view.study.place].name,
            "task_name": of_place[view.study.place].task,
            "label_fraction": of_place[view.study.place].label_fraction,
            "labelled_images": _labelled_images(view),
            "place": view.study.place,
        }
        for view in views
    ]
    titles = pl.DataFrame(rows)
    joined = table.rename({"task": "view"}).join(titles, on="view", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("task_name", "view").alias("task_name")).rename({"task_name": "task"})


def _labelled_images(view: Prepared) -> float:
    """Return the number of labelled training images, averaged over seeds."""
    counts = [len(view.task.train_of(seed).image_ids) for seed in view.study.seeds]
    return sum(counts) / len(counts)


def _comparisons(views: Sequence[Prepared], of_place: Mapping[str, View], out: Path) -> pl.DataFrame:
    """Join the comparisons of all tasks; adjusted together if the study's family is all tasks."""
    tables = []
    for view in views:
        place = view.study.place
        own = read_result_table(out / view_directory(view.study, EVALUATION) / "comparisons.parquet")
        tables.append(own.select(pl.lit(of_place[place].name).alias("task"), pl.lit(place).alias("place"), pl.all()))
    table = pl.concat(tables)
    if views[0].study.evaluate.family != "all_tasks":
        return table
    return adjust_over_tasks(table, AVERAGES, look=look_of(views[0].study, out))


def _labels_to_match(
    views: Sequence[Prepared], measured: Mapping[str, BootstrappedArms], of_place: Mapping[str, View]
) -> list[pl.DataFrame]:
    """Compute `labels_to_match` for every task with several label fractions."""
    tables = []
    for task in dict.fromkeys(view.task for view in of_place.values()):
        of_task = [view for view in views if of_place[view.study.place].task == task]
        places = [view.study.place for view in of_task]
        if len(places) < 2 or not all(measured[place].included.any() for place in places):
            continue
        images = [_labelled_images(view) for view in of_task]
        arms = [arm for arm in measured[places[0]].arms if all(arm in measured[place].arms for place in places)]
        curves = {arm: LabelCurve(images, [overall_of(measured[place], arm) for place in places]) for arm in arms}
        tables.append(labels_to_match(curves).select(pl.lit(task).alias("task"), pl.all()))
    return tables
