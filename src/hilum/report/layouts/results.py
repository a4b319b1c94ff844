"""Results of a finished study for a layout: tables of each task, and curves and cards of its arms."""

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
from hilum.evaluation.metrics import AVERAGES, overall_finding
from hilum.report.content import ArmSummary, ReportContent
from hilum.report.from_folder.files import seed_of
from hilum.report.render import file_stem

EVALUATION, ARMS, TASKS, GENERATED = "evaluation", "arms", "tasks", "generated"
_FRACTION = "label_fraction-"
_COUNTS = ("split", "finding", "images", "positives")


@dataclass(frozen=True)
class TaskResults:
    """Results of one task.

    Attributes:
        name: Name of the task; "task" in a study of one task.
        directory: Directory with `evaluation/`.
        arms_directory: Directory with ARM/seed-N/.
        counts: Columns `split, finding, images, positives`; None where unknown.
        adjusted: Comparisons of the task with p adjusted over all tasks of the study; None for a study of one task.
    """

    name: str
    directory: Path
    arms_directory: Path
    counts: pl.DataFrame | None = None
    adjusted: pl.DataFrame | None = None
    _runs: dict[str, dict[Path, Card]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def metrics(self) -> pl.DataFrame:
        """Table `metrics.parquet`; empty if missing."""
        return self._table("metrics")

    @cached_property
    def comparisons(self) -> pl.DataFrame:
        """Table `comparisons.parquet`, with p adjusted over the tasks of a study with several."""
        return self._table("comparisons") if self.adjusted is None else self.adjusted

    @cached_property
    def classes(self) -> pl.DataFrame:
        """Table `classes.parquet` of multiclass tasks; empty for others."""
        return self._table("classes")

    @property
    def arms(self) -> list[str]:
        """Evaluated arms in the order of the study."""
        return [] if self.metrics.is_empty() else self.metrics["arm"].unique(maintain_order=True).to_list()

    @property
    def findings(self) -> list[str]:
        """Findings or classes in the order of the task, without averages."""
        cards = next((cards for arm in self.arms if (cards := self.cards(arm))), [])
        if cards:
            return list(cards[0].findings)
        counted = [] if self.metrics.is_empty() else self.metrics["finding"].unique(maintain_order=True).to_list()
        return [finding for finding in counted if finding not in AVERAGES]

    @property
    def overall(self) -> str:
        """Row averaged over findings: "macro", or the only finding."""
        return overall_finding(self.metrics["finding"].to_list()) or "macro"

    @property
    def reference(self) -> str | None:
        """Reference arm; None if there are several, or none."""
        if self.comparisons.is_empty():
            return None
        named = self.comparisons["reference"].unique().to_list()
        return str(named[0]) if len(named) == 1 else None

    def runs(self, arm: str) -> dict[Path, Card]:
        """Return the directories of an arm's runs with their cards, in the order of the seeds on the cards."""
        if arm not in self._runs:
            directories = [path.parent for path in (self.arms_directory / arm).glob("seed-*/card.json")]
            found = {path: read_card(path) for path in directories}
            self._runs[arm] = dict(sorted(found.items(), key=lambda run: run[1].seed))
        return self._runs[arm]

    def cards(self, arm: str) -> list[Card]:
        """Return the cards of an arm's runs."""
        return list(self.runs(arm).values())

    def curves(self, arm: str) -> dict[int, pl.DataFrame]:
        """Return the training curves of an arm's runs by seed, columns `epoch, step, train_loss, val_loss`."""
        paths = {card.seed: path / "curves.parquet" for path, card in self.runs(arm).items()}
        return {seed: read_result_table(path) for seed, path in paths.items() if path.is_file()}

    def predictions(self, arm: str) -> list[Predictions]:
        """Return the predictions of test images, one table per seed.

        Tables of predictions do not record their seed: the files of a study are named by it.
        """
        found = {seed_of(path): path for path in (self.directory / EVALUATION / "predictions" / arm).glob("*.parquet")}
        ordered = [found[seed] for seed in sorted(seed for seed in found if seed is not None)]
        return [read_predictions(path, split="test") for path in ordered]

    def content(self, arms: Sequence[str]) -> ReportContent:
        """Return the part of the results used by figures of some arms."""
        of_arms = pl.col("arm").is_in(list(arms))
        among = of_arms & pl.col("reference").is_in(list(arms))
        curves = [
            curve.with_columns(pl.lit(arm).alias("arm"), pl.lit(seed).alias("seed"), pl.lit("finetune").alias("stage"))
            for arm in arms
            for seed, curve in self.curves(arm).items()
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
        """Return the summary of an arm from its card."""
        cards = self.cards(arm)
        encoder, start = (cards[0].encoder, cards[0].starts_from) if cards else ("", "")
        return ArmSummary(arm, encoder, str(start), None, None, False, [card.seed for card in cards])

    def _table(self, name: str) -> pl.DataFrame:
        """Read a table of the evaluation; empty if missing."""
        path = self.directory / EVALUATION / f"{name}.parquet"
        return read_result_table(path) if path.is_file() else pl.DataFrame()


@dataclass(frozen=True)
class StudyResults:
    """Results of a study.

    Attributes:
        directory: Directory of the study.
        tasks: Tasks by name, in the study's order.
    """

    directory: Path
    tasks: Mapping[str, TaskResults]

    @property
    def generated(self) -> bool:
        """Whether some of the study's images are synthetic."""
        return (self.directory / GENERATED).is_dir()

    def task(self, name: str | None) -> TaskResults | None:
        """Return a task by name, by default the only one; None if there is no such task."""
        if name is None:
            return next(iter(self.tasks.values())) if len(self.tasks) == 1 else None
        if name not in self.tasks and len(self.tasks) == 1 and "task" in self.tasks:
            return None
        return self.tasks.get(name)


def read_results(directory: Path, counts: Mapping[str, pl.DataFrame] | None = None) -> StudyResults:
    """Read the results of a finished study.

    Args:
        directory: Directory of the study, with `evaluation/`, or `tasks/TASK/evaluation/` for several tasks.
        counts: Images and positives by task (`split, finding, images, positives`); default: those of the report's
            tables.

    Raises:
        HilumError: There is no evaluation.
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
    """Read the comparisons of all tasks, with the folder of each in `place`; None for a study of one task."""
    path = directory / EVALUATION / "comparisons.parquet"
    table = read_result_table(path) if path.is_file() else None
    return table if table is not None and "place" in table.columns else None


def _folders_of_tasks(directory: Path) -> dict[str, Path]:
    """Return the folders of tasks by name in the order of the plan.

    Of several label fractions the largest has the task's name, the others `TASK/label_fraction-F`.
    """
    fractions: dict[str, dict[float, Path]] = {}
    for task, fraction, folder in _planned_views(directory) or _named_views(directory):
        fractions.setdefault(task, {})[fraction] = folder
    folders: dict[str, Path] = {}
    for task, of_task in fractions.items():
        for place, fraction in enumerate(sorted(of_task, reverse=True)):
            if (of_task[fraction] / EVALUATION).is_dir():
                folders[f"{task}/label_fraction-{fraction:g}" if place else task] = of_task[fraction]
    return folders


def _planned_views(directory: Path) -> list[tuple[str, float, Path]]:
    """Return task, label fraction and folder of each view that a plan records; none of plans of earlier versions."""
    rows = _plan(directory)
    return [
        (row["task"], row["label_fraction"], directory / row["view"])
        for row in rows
        if row["kind"] == "evaluate" and row.get("task") is not None
    ]


def _named_views(directory: Path) -> list[tuple[str, float, Path]]:
    """Return task, label fraction and folder of each view of earlier versions, which only their folders name."""
    parts = [str(row["directory"]).split("/") for row in _plan(directory)]
    order = list(dict.fromkeys(part[1] for part in parts if part[0] == TASKS and len(part) > 1))
    tasks = sorted(path.name for path in (directory / TASKS).iterdir() if path.is_dir())
    views = []
    for name in [*(name for name in order if name in tasks), *(name for name in tasks if name not in order)]:
        folder = directory / TASKS / name
        of_fractions = list(folder.glob(f"{_FRACTION}*"))
        views += [(name, float(each.name.removeprefix(_FRACTION)), each) for each in of_fractions]
        views += [] if of_fractions else [(name, 1.0, folder)]
    return views


def _plan(directory: Path) -> list[dict[str, Any]]:
    path = directory / "plan.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return rows


def _labelled_data(directory: Path) -> dict[str, str]:
    """Return the training data set of each of several tasks in the study file."""
    path = directory / "study.yaml"
    tasks = (yaml.safe_load(path.read_text(encoding="utf-8")).get("tasks") or {}) if path.is_file() else {}
    return {name: str(task["on"]) for name, task in tasks.items() if "on" in task}


def _written_counts(folder: Path, name: str) -> pl.DataFrame | None:
    """Read the counts of a data set from the tables of a report."""
    for path in [
        folder / "tables" / f"{file_stem('counts', name)}.csv",
        *sorted((folder / "tables").glob("counts_*.csv")),
    ]:
        if path.is_file():
            table = pl.read_csv(path)
            if set(_COUNTS) <= set(table.columns) and table["split"].null_count() < len(table):
                return table.select(*_COUNTS)
    return None
