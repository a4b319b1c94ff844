"""A finished study as a layout reads it: the tables of each task, and the arms with their curves and cards."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from hilum.data.tables import read_result_table
from hilum.encoders.card import Card, read_card
from hilum.errors import HilumError
from hilum.evaluation import Predictions, read_predictions
from hilum.evaluation.metrics import overall_finding
from hilum.report.content import ArmSummary, ReportContent
from hilum.report.render import file_stem

EVALUATION, ARMS, TASKS, GENERATED = "evaluation", "arms", "tasks", "generated"
_FRACTION = "label_fraction-"
_COUNTS = ("split", "finding", "images", "positives")


@dataclass(frozen=True)
class TaskResults:
    """The results of one task.

    Attributes:
        name: of the task; "task" in a study of one.
        directory: that holds `evaluation/`.
        arms_directory: that holds ARM/seed-N/.
        counts: columns `split, finding, images, positives`; None where they are not at hand.
        adjusted: the task's comparisons, with p adjusted as the study asks for over all of its tasks; None where it has
            one task.
    """

    name: str
    directory: Path
    arms_directory: Path
    counts: pl.DataFrame | None = None
    adjusted: pl.DataFrame | None = None
    _cards: dict[str, list[Card]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def metrics(self) -> pl.DataFrame:
        """`metrics.parquet`."""
        return self._table("metrics") if self.table("metrics") is not None else pl.DataFrame()

    @cached_property
    def comparisons(self) -> pl.DataFrame:
        """`comparisons.parquet`; of a study with several tasks as adjusted over them."""
        if self.adjusted is not None:
            return self.adjusted
        return self._table("comparisons") if self.table("comparisons") is not None else pl.DataFrame()

    @cached_property
    def classes(self) -> pl.DataFrame:
        """`classes.parquet`: of tasks in which every image is of one class."""
        return self._table("classes") if self.table("classes") is not None else pl.DataFrame()

    @property
    def arms(self) -> list[str]:
        """Arms that were evaluated, in the order of the study."""
        return [] if self.metrics.is_empty() else self.metrics["arm"].unique(maintain_order=True).to_list()

    @property
    def findings(self) -> list[str]:
        """Findings or classes, in the order of the task; no averages."""
        cards = next((cards for arm in self.arms if (cards := self.cards(arm))), [])
        if cards:
            return list(cards[0].findings)
        counted = [] if self.metrics.is_empty() else self.metrics["finding"].unique(maintain_order=True).to_list()
        return [finding for finding in counted if finding[:1].isupper()]

    @property
    def overall(self) -> str:
        """The finding that stands for all: "macro", or the only one there is."""
        return overall_finding(self.metrics["finding"].to_list()) or "macro"

    @property
    def reference(self) -> str | None:
        """The arm that others are compared with, where there is one for all."""
        if self.comparisons.is_empty():
            return None
        named = self.comparisons["reference"].unique().to_list()
        return str(named[0]) if len(named) == 1 else None

    def seeds(self, arm: str) -> list[Path]:
        """Directories of an arm's replicates, in the order of the seeds."""
        found = [path for path in (self.arms_directory / arm).glob("seed-*") if (path / "card.json").is_file()]
        return sorted(found, key=lambda path: int(path.name.removeprefix("seed-")))

    def cards(self, arm: str) -> list[Card]:
        """Cards of an arm's replicates."""
        if arm not in self._cards:
            self._cards[arm] = [read_card(path) for path in self.seeds(arm)]
        return self._cards[arm]

    def curves(self, arm: str) -> list[pl.DataFrame]:
        """Training curves of an arm's replicates, columns `epoch, step, train_loss, val_loss`."""
        paths = [path / "curves.parquet" for path in self.seeds(arm)]
        return [read_result_table(path) for path in paths if path.is_file()]

    def predictions(self, arm: str) -> list[Predictions]:
        """Predictions of test images, one table a seed."""
        found = (self.directory / EVALUATION / "predictions" / arm).glob("seed-*.parquet")
        ordered = sorted(found, key=lambda path: int(path.stem.removeprefix("seed-")))
        return [read_predictions(path, split="test") for path in ordered]

    def table(self, name: str) -> Path | None:
        """Path of a table of the evaluation; None where it was not made."""
        path = self.directory / EVALUATION / f"{name}.parquet"
        return path if path.is_file() else None

    def content(self, arms: Sequence[str]) -> ReportContent:
        """The part of the results that figures of some arms are drawn from."""
        of_arms = pl.col("arm").is_in(list(arms))
        among = of_arms & pl.col("reference").is_in(list(arms))
        curves = [
            curve.with_columns(pl.lit(arm).alias("arm"), pl.lit(seed).alias("seed"), pl.lit("finetune").alias("stage"))
            for arm in arms
            for seed, curve in enumerate(self.curves(arm))
        ]
        compared = self.comparisons if self.comparisons.is_empty() else self.comparisons.filter(among)
        references = [] if compared.is_empty() else compared["reference"].unique().to_list()
        return ReportContent(
            question=self.name,
            arms=[self.summary(arm) for arm in arms],
            data=[],
            scored_on=self.name,
            metrics=self.metrics.filter(of_arms),
            comparisons=compared,
            reference=references[0] if len(references) == 1 else None,
            n_bootstrap=0,
            predictions={arm: self.predictions(arm) for arm in arms},
            curves=pl.concat(curves, how="diagonal_relaxed") if curves else pl.DataFrame(),
            left_out=[],
            provenance=[],
            settings_yaml="",
        )

    def summary(self, arm: str) -> ArmSummary:
        """One arm, as its card has it."""
        cards = self.cards(arm)
        encoder, start = (cards[0].encoder, cards[0].starts_from) if cards else ("", "")
        return ArmSummary(arm, encoder, str(start), None, None, False, [card.seed for card in cards])

    def _table(self, name: str) -> pl.DataFrame:
        return read_result_table(self.directory / EVALUATION / f"{name}.parquet")


@dataclass(frozen=True)
class StudyResults:
    """The results of a study.

    Attributes:
        directory: of the study.
        tasks: by name, in the study's order.
    """

    directory: Path
    tasks: Mapping[str, TaskResults]

    @property
    def generated(self) -> bool:
        """Whether the study's images, or some of them, were generated."""
        return (self.directory / GENERATED).is_dir()

    def task(self, name: str | None) -> TaskResults | None:
        """A task by its name; the only one where none is named; None where there is no such task."""
        if name is None:
            return next(iter(self.tasks.values())) if len(self.tasks) == 1 else None
        if name not in self.tasks and len(self.tasks) == 1 and "task" in self.tasks:
            return None
        return self.tasks.get(name)


def read_results(directory: Path, counts: Mapping[str, pl.DataFrame] | None = None) -> StudyResults:
    """Read what a finished study left.

    Args:
        directory: of the study: `evaluation/` of a study of one task, `tasks/TASK/evaluation/` of one with several.
        counts: images and positives by task (`split, finding, images, positives`); those of the report's own tables
            where left out.

    Raises:
        HilumError: no evaluation is there.
    """
    if (directory / TASKS).is_dir():
        folders = _folders_of_tasks(directory)
    elif (directory / EVALUATION).is_dir():
        folders = {"task": directory}
    else:
        fix = "Give the folder of a study that has run, or run it first: hilum study run."
        raise HilumError(directory, expected="a finished study", found="no evaluation", fix=fix)
    tasks = {}
    labelled = _labelled_data(directory)
    over_tasks = _over_tasks(directory)
    for name, folder in folders.items():
        arms = folder / ARMS if (folder / ARMS).is_dir() else directory / ARMS
        own = (counts or {}).get(name)
        own = own if own is not None else _written_counts(folder, labelled.get(name.split("/")[0], name))
        place = folder.relative_to(directory).as_posix()
        adjusted = None if over_tasks is None else over_tasks.filter(pl.col("place") == place)
        tasks[name] = TaskResults(name, folder, arms, own, adjusted)
    return StudyResults(directory, tasks)


def _over_tasks(directory: Path) -> pl.DataFrame | None:
    """Comparisons of all tasks, with the folder of each in `place`; None of a study of one task."""
    path = directory / EVALUATION / "comparisons.parquet"
    table = read_result_table(path) if path.is_file() else None
    return table if table is not None and "place" in table.columns else None


def _folders_of_tasks(directory: Path) -> dict[str, Path]:
    """Folders of tasks by name, in the order of the plan; of several label fractions the largest has the task's name,
    the others `TASK/label_fraction-F`.
    """
    order = _order_of(directory)
    folders: dict[str, Path] = {}
    tasks = [path for path in (directory / TASKS).iterdir() if path.is_dir()]
    for task in sorted(tasks, key=lambda path: (order.get(path.name, len(order)), path.name)):
        fractions = sorted(task.glob(f"{_FRACTION}*"), key=lambda path: -float(path.name.removeprefix(_FRACTION)))
        for place, folder in enumerate(fractions or [task]):
            if (folder / EVALUATION).is_dir():
                folders[f"{task.name}/{folder.name}" if place else task.name] = folder
    return folders


def _order_of(directory: Path) -> dict[str, int]:
    """Places of the tasks in the plan."""
    path = directory / "plan.json"
    if not path.is_file():
        return {}
    rows: list[Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    parts = [str(row["directory"]).split("/") for row in rows]
    return {
        name: place for place, name in enumerate(dict.fromkeys(p[1] for p in parts if p[0] == TASKS and len(p) > 1))
    }


def _labelled_data(directory: Path) -> dict[str, str]:
    """The data set that each task of several learns from, as the study file has it."""
    path = directory / "study.yaml"
    tasks = (yaml.safe_load(path.read_text(encoding="utf-8")).get("tasks") or {}) if path.is_file() else {}
    return {name: str(task["on"]) for name, task in tasks.items() if "on" in task}


def _written_counts(folder: Path, name: str) -> pl.DataFrame | None:
    """Counts of a data set from the tables of a report."""
    for path in [
        folder / "tables" / f"{file_stem('counts', name)}.csv",
        *sorted((folder / "tables").glob("counts_*.csv")),
    ]:
        if path.is_file():
            table = pl.read_csv(path)
            if set(_COUNTS) <= set(table.columns) and table["split"].null_count() < len(table):
                return table.select(*_COUNTS)
    return None
