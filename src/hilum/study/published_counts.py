"""Comparison of the counts of a study's tables with the numbers printed in the reproduced paper.

The numbers to compare are listed in `checks` of `hilum.report.published`; this module counts them.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import polars as pl

from hilum.data.balance import class_weights, negatives_per_positive, resampled_counts
from hilum.data.counts import count_images
from hilum.data.resampling import Resampling
from hilum.data.tables import find_table, read_lines
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.errors import HilumError
from hilum.findings import CHESTXRAY14
from hilum.report.layouts.config import read_layout
from hilum.report.published import PUBLISHED, Check, Published, PublishedTable, read_published
from hilum.study.file import PaperSplit, Study
from hilum.study.file.views import views_of
from hilum.study.prepared import Prepared, PreparedTask

_PARTS = {"train_val": ("train", "val"), "all": ("train", "val", "test")}
_LISTS = {part: (f"chexnet_split/{part}_list.txt", f"chexnet_{part}_list.txt") for part in ("train", "val", "test")}


@dataclass(frozen=True)
class ComparedNumber:
    """One number, as counted and as printed in the paper.

    Attributes:
        title: Counted quantity.
        subject: Finding, data set, task or arm; empty for all.
        split: Part of the split, or "all".
        here: Counted value; None if it could not be counted.
        paper: Printed value, or its correction if it is a known misprint.
        decimals: Decimals to which both are rounded for the comparison.
        state: "equal", "differs", or "not counted".
        note: Reason for a difference, for a missing count, or of a misprint.
        source: Table, section and page.
    """

    title: str
    subject: str
    split: str
    here: float | None
    paper: float
    decimals: int
    state: Literal["equal", "differs", "not counted"]
    note: str
    source: str


@dataclass(frozen=True)
class _Of:
    """Subject of a count."""

    prepared: Prepared
    check: Check
    subject: str
    data: str | None
    task: str | None
    arm: str | None
    finding: str | None


class _NotCountedError(Exception):
    """Reason why a number is not counted."""


@dataclass(frozen=True)
class _Counted:
    """Counts of one task."""

    task: PreparedTask
    findings: list[str]

    @cached_property
    def table(self) -> pl.DataFrame:
        return count_images(self.task.manifest, self.task.split.assignment)

    def positives(self, split: str) -> dict[str, int]:
        """Count the positive images of each finding in one part of the split or several."""
        rows = self.table.filter(pl.col("split").is_in(_PARTS.get(split, (split,))))
        sums = dict(rows.group_by("finding").agg(pl.col("positives").sum()).iter_rows())
        return {finding: int(sums.get(finding, 0)) for finding in self.findings}

    def images(self, split: str) -> int:
        """Count the images in one part of the split or several."""
        part = self.task.split.assignment["split"]
        return int(part.is_in(_PARTS.get(split, (split,))).sum())


def published_of(study: Study) -> Published | None:
    """Return the paper that a study reproduces, by its layout or its split; None without one."""
    if study.layout is not None:
        return read_layout(study.layout)[1]
    papers = [split.paper for split in _splits(study) if isinstance(split, PaperSplit) and split.paper in PUBLISHED]
    return read_published(papers[0]) if papers else None


def countable_part(study: Study, available: Collection[str]) -> Study | None:
    """Reduce a study to the tasks of its available data sets, for counting.

    Args:
        study: Study that reproduces a paper.
        available: Names of available data sets.

    Returns:
        A study of these data sets and their tasks with one arm; None without a task.
    """
    content = study.model_dump(mode="json", exclude_unset=True)
    content["data"] = {name: data for name, data in content["data"].items() if name in available and "pool" not in data}
    tasks = {
        name: {key: value for key, value in task.items() if key != "test_on"}
        for name, task in content.get("tasks", {}).items()
        if task.get("on") in content["data"]
    }
    if not tasks:
        return None
    general = ("question", "data", "preprocess", "layout", "seeds")
    arms = {"counted": {"encoder": "resnet18"}}
    return Study.model_validate(
        {key: content[key] for key in general if key in content} | {"tasks": tasks, "arms": arms}
    )


def compare_with_published(study: Study, views: Sequence[Prepared]) -> list[ComparedNumber]:
    """Count the numbers that the paper of a study prints.

    Args:
        study: Study as read from its file.
        views: Prepared tasks; the first label fraction of each is used.

    Returns:
        Numbers in the order of the paper's checks; empty if the study reproduces no paper.
    """
    published = published_of(study)
    if published is None:
        return []
    tasks = _tasks(views)
    counted = {name: _Counted(each.task, list(each.study.task.findings)) for name, each in tasks.items()}
    return [
        _compared(of, row, column, published.tables[check.table], counted)
        for check in published.checks
        for of, row, column in _expanded(check, published.tables[check.table], tasks)
    ]


def _splits(study: Study) -> list[object]:
    return [task.split for task in study.tasks.values()] if study.tasks else [study.task.split]


def _tasks(views: Sequence[Prepared]) -> dict[str, Prepared]:
    """Return the tasks of a study by name."""
    task_of = {view.directory: view.task for view in views_of(views[0].study.whole)}
    tasks: dict[str, Prepared] = {}
    for view in views:
        tasks.setdefault(task_of[view.study.place], view)
    return tasks


def _expanded(check: Check, table: PublishedTable, tasks: Mapping[str, Prepared]) -> Iterator[tuple[_Of, str, str]]:
    """Yield every table cell of a check: its subject, row and column."""
    first = next(iter(tasks.values()))
    only = next(iter(tasks)) if len(tasks) == 1 else None
    rows = list(table.rows) if check.rows == "findings" else [str(check.row)]
    columns = [check.column] if check.column else table.columns
    for row in rows:
        for column in columns:
            if table.value(row, column) is None:
                continue
            task = column if check.task == "each" else check.task or only
            data = column if check.data == "each" else check.data
            if check.task == "each" and column not in tasks and only is not None:
                task = only if column in first.data else None
            arm = column if check.columns == "arms" else None
            finding = row if check.rows == "findings" else check.finding
            each = (check.rows, check.columns, check.task == "each", check.data == "each")
            if (check.task == "each" and task not in tasks) or (data and data not in first.data):
                continue  # not among the available data sets
            if check.rows == "findings" and (
                task is None or task not in tasks or row not in tasks[task].study.task.findings
            ):
                continue
            named = [finding or "" if each[0] else "", column if any(each[1:]) else ""]
            yield (
                _Of(tasks.get(task or "", first), check, ", ".join(filter(None, named)), data, task, arm, finding),
                row,
                column,
            )


def _compared(of: _Of, row: str, column: str, table: PublishedTable, counted: Mapping[str, _Counted]) -> ComparedNumber:
    check, printed = of.check, table.value(row, column)
    paper = printed.value if printed else 0.0
    misprint = table.misprint(row, column)
    note = f"printed as {misprint.printed}: {misprint.reason}" if misprint else ""
    here: float | None = None
    state: Literal["equal", "differs", "not counted"] = "not counted"
    try:
        here = QUANTITIES[check.quantity](of, counted.get(of.task or ""))
        state = "equal" if round(here, check.decimals) == round(paper, check.decimals) else "differs"
        note = "; ".join(filter(None, [note, check.explain if state == "differs" else ""]))
    except _NotCountedError as error:
        note = str(error)
    return ComparedNumber(
        check.title, of.subject, check.split, here, paper, check.decimals, state, note, table.source.title
    )


def _of_task(counted: _Counted | None) -> _Counted:
    if counted is None:
        raise _NotCountedError("this study has no such task")
    return counted


def _images(of: _Of, counted: _Counted | None) -> float:
    if of.data is not None:
        return float(_manifest(of).height)
    return float(_of_task(counted).images(of.check.split))


def _patients(of: _Of, counted: _Counted | None) -> float:  # noqa: ARG001 (common signature)
    return float(_manifest(of)["patient_id"].n_unique())


def _image_percent(of: _Of, counted: _Counted | None) -> float:
    here = _of_task(counted)
    return 100 * here.images(of.check.split) / here.images("all")


def _positives(of: _Of, counted: _Counted | None) -> float:
    return _finding_or_statistic(of, _of_task(counted).positives(of.check.split))


def _class_weight(of: _Of, counted: _Counted | None) -> float:
    return _finding_or_statistic(of, class_weights(_of_task(counted).positives("train")))


def _resampled(of: _Of, counted: _Counted | None) -> float:
    numbers = resampled_counts(_of_task(counted).positives("train"), Resampling())
    return float(sum(numbers.values())) if of.finding is None else _finding_or_statistic(of, numbers)


def _resampled_percent(of: _Of, counted: _Counted | None) -> float:
    numbers = resampled_counts(_of_task(counted).positives("train"), Resampling())
    total = sum(numbers.values())
    return _finding_or_statistic(of, {finding: 100 * number / total for finding, number in numbers.items()})


def _resampled_class_weight(of: _Of, counted: _Counted | None) -> float:
    numbers = resampled_counts(_of_task(counted).positives("train"), Resampling())
    return _finding_or_statistic(of, class_weights(numbers))


def _positive_weight(of: _Of, counted: _Counted | None) -> float:
    here = _of_task(counted)
    weights = negatives_per_positive(here.positives(of.check.split), here.images(of.check.split))
    return _finding_or_statistic(of, weights)


def _finding_or_statistic(of: _Of, numbers: Mapping[str, float]) -> float:
    if of.finding is not None:
        if of.finding not in numbers:
            raise _NotCountedError(f"{of.finding} is no finding of this study")
        return float(numbers[of.finding])
    values = [number for finding, number in numbers.items() if finding != of.check.without]
    return float(min(values) if of.check.statistic == "min" else max(values))


def _n_findings(of: _Of, counted: _Counted | None) -> float:  # noqa: ARG001 (common signature)
    return float(len(_of_task(counted).findings))


def _parameters(of: _Of, counted: _Counted | None) -> float:  # noqa: ARG001 (common signature)
    arm = of.prepared.study.arms.get(of.arm or "")
    if arm is None:
        raise _NotCountedError(f"this study has no arm {of.arm}")
    if arm.features is not None:
        raise _NotCountedError(f"{of.arm} has precomputed features")
    published = ARCHITECTURES[arm.encoder].published
    if published is None:
        raise _NotCountedError(f"{arm.encoder} is not counted as the paper counts it")
    return float(published)


def _changed_labels(of: _Of, counted: _Counted | None) -> float:
    """Count images whose findings in CheXNet's lists differ from the table."""
    task = _of_task(counted).task
    root = of.prepared.labelled.dataset.root
    listed = [line for part in _LISTS.values() for line in _lines(root, *part)]
    if not listed:
        raise _NotCountedError("CheXNet's lists are not in the folder")
    names = pl.DataFrame([line.split()[:15] for line in listed], schema=["image_id", *CHESTXRAY14], orient="row")
    theirs = names.with_columns(pl.col(finding).cast(pl.Int8) for finding in CHESTXRAY14)
    missing = [finding for finding in CHESTXRAY14 if finding not in task.manifest.columns]
    if missing:
        raise _NotCountedError(f"{', '.join(missing)} are no findings of this study")
    both = task.manifest.select("image_id", *CHESTXRAY14).join(theirs, on="image_id", suffix=" listed")
    changed = pl.any_horizontal(
        pl.col(finding).eq_missing(1) != (pl.col(f"{finding} listed") == 1) for finding in CHESTXRAY14
    )
    return float(both.select(changed.sum()).item())


def _lines(root: Path, *names: str) -> list[str]:
    path = find_table(root, *names)
    return [] if path is None else [line for line in read_lines(path) if line.strip()]


def _median_age(of: _Of, counted: _Counted | None) -> float:  # noqa: ARG001 (common signature)
    return _known(_manifest(of)["age"].median(), "no ages")


def _mean_age(of: _Of, counted: _Counted | None) -> float:  # noqa: ARG001 (common signature)
    return _known(_manifest(of)["age"].mean(), "no ages")


def _ap_percent(of: _Of, counted: _Counted | None) -> float:  # noqa: ARG001 (common signature)
    view = _manifest(of)["view"].drop_nulls()
    return _known(100 * view.str.starts_with("AP").mean() if len(view) else None, "no views")  # type: ignore[operator]


def _female_percent(of: _Of, counted: _Counted | None) -> float:
    task = _of_task(counted).task
    part = task.split.assignment.filter(pl.col("split").is_in(_PARTS.get(of.check.split, (of.check.split,))))
    sex = task.manifest.join(part.select("image_id"), on="image_id")["sex"].drop_nulls()
    return _known(100 * (sex == "F").mean() if len(sex) else None, "no sexes")  # type: ignore[operator]


def _known(value: object, reason: str) -> float:
    if not isinstance(value, int | float):
        raise _NotCountedError(f"{reason} in the tables")
    return float(value)


def _manifest(of: _Of) -> pl.DataFrame:
    if of.data is None or of.data not in of.prepared.data:
        raise HilumError("checks", expected="the name of a data set", found=str(of.data), fix="Name it in `data`.")
    return of.prepared.data[of.data].manifest


QUANTITIES: Mapping[str, Callable[[_Of, "_Counted | None"], float]] = {
    "images": _images,
    "patients": _patients,
    "image_share": _image_percent,
    "positives": _positives,
    "class_weight": _class_weight,
    "resampled": _resampled,
    "resampled_share": _resampled_percent,
    "resampled_class_weight": _resampled_class_weight,
    "positive_weight": _positive_weight,
    "n_findings": _n_findings,
    "parameters": _parameters,
    "changed_labels": _changed_labels,
    "median_age": _median_age,
    "mean_age": _mean_age,
    "ap_share": _ap_percent,
    "female_share": _female_percent,
}
"""Quantities that a check can name."""
