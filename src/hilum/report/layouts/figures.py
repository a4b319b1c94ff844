"""Figures of a layout, drawn by the functions of `hilum.report.figures`."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from hilum.data.tables import read_result_table
from hilum.report.figures import (
    box_plot,
    class_bars_figure,
    confusion_figures,
    embedding_figure,
    estimates_forest,
    losses_figure,
    roc_curves,
    roc_figures,
)
from hilum.report.layouts.arms import arm_of, matches
from hilum.report.layouts.config import BestOf, FigureLayout
from hilum.report.layouts.results import StudyResults, TaskResults
from hilum.report.render import Block, Figure, FigureGroup, Prose, file_stem

_DOTTED = ("solid", (0, (1.2, 1.4)), (0, (5, 1.6)), (0, (6, 1.5, 1.2, 1.5)))
"""Line styles of ROC curves: the first arm solid, the second dotted."""
EXPLANATION = "explain"


def layout_figure(figure: FigureLayout, results: StudyResults) -> list[Block]:
    """Draw one figure for each of its tasks, or state the reason why there is none."""
    if figure.kind == "heat_maps" and any(_has_heat_maps(task) for task in results.tasks.values()):
        return [Prose([f"{figure.title} In the study's report, section “Images”."])]
    groups: list[tuple[str, list[Figure], list[str]]] = []
    reasons: dict[str, list[str]] = {}
    alone = len(results.tasks) == 1
    for name in figure.tasks or list(results.tasks):
        task = results.task(None if alone and not figure.tasks else name)
        made, missing = _of_task(figure, task) if task else ([], [f"no task {name} in this run"])
        title = figure.name if alone else f"{figure.name}_{name}"
        drawn = [replace(one, name=file_stem(f"{title}_{number + 1}")) for number, one in enumerate(made)]
        if drawn:
            groups.append((name, drawn, missing))
        else:
            for reason in missing:
                reasons.setdefault(reason, []).append(name)
    blocks: list[Block] = []
    if len(groups) > 1 and all(len(drawn) == 1 and not missing for _, drawn, missing in groups):
        names = ", ".join(name for name, _, _ in groups)
        caption = f"{figure.title} In this order: {names}."
        blocks.append(FigureGroup(caption, [drawn[0] for _, drawn, _ in groups]))
    else:
        for name, drawn, missing in groups:
            caption = figure.title if alone else f"{name}. {figure.title}"
            blocks.append(FigureGroup(caption + _not_run(missing), drawn))
    if reasons:
        named = [reason if alone else f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
        blocks.append(Prose([figure.title + _not_run(named)]))
    return blocks


def _not_run(reasons: Sequence[str]) -> str:
    unique = list(dict.fromkeys(reasons))
    return f" Not run: {'; '.join(unique)}." if unique else ""


def _of_task(figure: FigureLayout, task: TaskResults) -> tuple[list[Figure], list[str]]:
    if figure.kind == "class_bars":
        return _class_bars(figure, task)
    if figure.kind == "embedding":
        return _embedding(task)
    if figure.kind == "heat_maps":
        return [], ["the study's `explain` section made no heat maps"]
    arms, missing = arms_of(task, figure.arms)
    if not arms:
        return [], missing or ["no arm in this run"]
    content = task.content(arms)
    if figure.kind == "losses":
        losses = losses_figure(content, figure.name, figure.loss, x=figure.x, log=figure.log)
        return ([losses], missing) if losses else ([], [*missing, f"no {figure.loss.replace('_', ' ')} in this run"])
    if figure.kind == "confusion":
        matrices = confusion_figures(content, arms)
        return matrices, missing if matrices else [*missing, "only multiclass tasks have it"]
    if figure.kind == "roc":
        titles = [arm.title for arm in content.arms]
        dashes = {title: _DOTTED[place % len(_DOTTED)] for place, title in enumerate(titles)}
        return roc_figures(content, roc_curves(content), dashes), missing
    if figure.kind == "boxes":
        boxes = box_plot(content, figure.metric)
        return ([boxes], missing) if boxes else ([], [*missing, "fewer than three findings"])
    return [estimates_forest(content, figure.metric, roc_curves(content))], missing


def arms_of(task: TaskResults, wanted: Sequence[str | BestOf]) -> tuple[list[str], list[str]]:
    """Return the arms of a figure (default: all), and the reasons why others are missing."""
    if not wanted:
        return task.arms, []
    found: list[str] = []
    missing = []
    for one in wanted:
        if isinstance(one, str):
            names = list(matches(one, task.arms))
            missing += [] if names else [f"no arm {one} in this run"]
        else:
            name, reason = arm_of(task, one)
            names = [name] if name else []
            missing += [reason] if reason else []
        found += [name for name in names if name not in found]
    return found, missing


def _class_bars(figure: FigureLayout, task: TaskResults) -> tuple[list[Figure], list[str]]:
    if task.counts is None:
        return [], ["images were not counted"]
    bars = class_bars_figure(figure.name, "Positive images", task.counts, figure.splits)
    return ([bars], []) if bars else ([], ["images were not counted"])


def _embedding(task: TaskResults) -> tuple[list[Figure], list[str]]:
    folder = task.directory / EXPLANATION
    points, purity = folder / "embedding.parquet", folder / "purity.parquet"
    if not points.is_file() or not purity.is_file():
        return [], ["the study's `explain` section made no embedding"]
    table, numbers = read_result_table(points), read_result_table(purity)
    figures = []
    for arm in table["arm"].unique(maintain_order=True) if "arm" in table.columns else [None]:
        own = table if arm is None else table.filter(pl.col("arm") == arm)
        of_arm = numbers if arm is None or "arm" not in numbers.columns else numbers.filter(pl.col("arm") == arm)
        figures += [embedding_figure(own, of_arm, method)[0] for method in own["method"].unique(maintain_order=True)]
    return figures, []


def _has_heat_maps(task: TaskResults) -> bool:
    return (task.directory / EXPLANATION / "explain.json").is_file()
