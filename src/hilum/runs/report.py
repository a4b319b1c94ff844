"""Report from the files in a directory: `hilum.build_report` and `hilum report`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hilum.artifacts import locked
from hilum.errors import HilumError
from hilum.evaluation.bootstrap import BootstrapConfig
from hilum.evaluation.metrics import (
    AUROC,
    AVERAGES,
    MACRO,
    METRICS,
    SENSITIVITY_AT_SPECIFICITY,
    USUAL_SPECIFICITY,
)
from hilum.evaluation.predictions import LABEL, SCORE, Predictions, as_predictions, read_predictions, read_table
from hilum.evaluation.suite import SuiteInput, SuiteSettings, evaluate_suite
from hilum.evaluation.tables import columns_that_divide
from hilum.evaluation.thresholds import Thresholds, choose_thresholds
from hilum.progress import ProgressReport, ShowProgress, quiet, silent
from hilum.renamed import checked_arguments
from hilum.report.content import ReportContent
from hilum.report.from_folder import FolderEvaluation, FolderFiles, find_files, folder_content, recorded_samples
from hilum.report.page import write_report
from hilum.report.verdict.decide import decide
from hilum.runs.results import Result

GROUPS = ("sex", "age", "view", "source")
"""Columns of predictions that define subgroups, if present."""


@dataclass(frozen=True)
class ReportSettings:
    """Settings of the evaluation of a directory; None means as in its study, else the default.

    Attributes:
        n_bootstrap: Number of bootstrap resamples of patients (2000).
        seed: Random seed of the bootstrap (0).
        min_positive_patients: Findings with fewer positive (or negative) patients are excluded from averages (10).
        reference: Arm that all others are compared with; None without a study: all pairs are compared.
        held_out: As in `hilum.evaluation.read_predictions`.
    """

    n_bootstrap: int | None = None
    seed: int | None = None
    min_positive_patients: int | None = None
    reference: str | None = None
    held_out: bool = False


@dataclass(frozen=True, repr=False)
class ReportResult(Result):
    """HTML report.

    Attributes:
        directory: Directory with report.html, tables and figures.
        page: Path of report.html.
        content: Content of the page.
    """

    directory: Path
    page: Path
    content: ReportContent

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`metrics` and `comparisons`."""
        return {"metrics": self.content.metrics, "comparisons": self.content.comparisons}

    @property
    def summary(self) -> list[str]:
        """Headline of the verdict."""
        return [decide(self.content).headline]


@checked_arguments
def build_report(
    directory: str | Path,
    out: str | Path | None = None,
    *,
    question: str | None = None,
    reference: str | None = None,
    held_out: bool = False,
    n_bootstrap: int | None = None,
    seed: int | None = None,
    min_positive_patients: int | None = None,
    progress: ShowProgress = quiet,
) -> ReportResult:
    """Build a self-contained HTML report from predictions and result tables of other runs.

    Args:
        directory: Directory of the files (`hilum.report.from_folder.find`).
        out: Directory to write report.html, tables and figures to; None: `directory`, or `directory`/report if it is a
            study.
        question: Title of the report; None: as in study.yaml, or the directory's name.
        reference, held_out, n_bootstrap, seed, min_positive_patients: See `ReportSettings`.
        progress: Shows the progress of each stage.

    Raises:
        HilumError: No files, or a wrong table of predictions.

    Example:
        >>> import hilum, tempfile
        >>> import polars as pl
        >>> folder = tempfile.mkdtemp()
        >>> images = {"image_id": [str(i) for i in range(40)], "y_Mass": [0, 1] * 20, "p_Mass": [0.2, 0.8] * 20}
        >>> pl.DataFrame(images).write_parquet(f"{folder}/simclr.parquet")
        >>> result = hilum.build_report(folder, held_out=True, n_bootstrap=100)
        >>> result.page.name
        'report.html'
    """
    settings = ReportSettings(n_bootstrap, seed, min_positive_patients, reference, held_out)
    directory = Path(directory)
    with progress("resampling patients") as on_progress:
        content = content_of_folder(directory, settings, question=question, on_progress=on_progress)
    is_study = (directory / "plan.json").is_file()  # its own report shows more, on the data and pretraining
    target = Path(out) if out is not None else directory / "report" if is_study else directory
    with locked(target):
        page = write_report(content, target)
    return ReportResult(target, {"question": content.question}, page, content)


def content_of_folder(
    directory: Path,
    settings: ReportSettings = ReportSettings(),
    *,
    question: str | None = None,
    on_progress: ProgressReport = silent,
) -> ReportContent:
    """Collect the content of a report; all predictions are evaluated on the same bootstrap samples.

    Args:
        directory: See `hilum.report.from_folder.find`.
        settings: Settings of the evaluation.
        question: Title of the report.
        on_progress: Receives the number of finished resamples.

    Raises:
        HilumError: No files, or a wrong table of predictions.
    """
    found = find_files(directory)
    evaluated = _evaluate(found, settings, on_progress) if found.arms else None
    return folder_content(found, evaluated, question=question)


def _evaluate(found: FolderFiles, settings: ReportSettings, on_progress: ProgressReport) -> FolderEvaluation:
    study: Mapping[str, Any] = found.study.get("evaluate") or {}
    reference = settings.reference or _reference(found)
    if reference is not None and reference not in found.arms:
        known = ", ".join(found.arms)
        raise HilumError("--reference", expected=f"one of {known}", found=reference, fix="Name one of the arms.")
    arms = {
        arm: [read_predictions(path, held_out=settings.held_out) for path in paths] for arm, paths in found.arms.items()
    }
    pairs = [(arm, other) for arm, other in found.study.get("compare") or [] if {arm, other} <= set(found.arms)]
    rule = str(study.get("threshold", "youden"))
    thresholds = {arm: _thresholds(paths, arms[arm], rule) for arm, paths in found.arms.items()}
    bootstrap = BootstrapConfig(
        n_bootstrap=_first(settings.n_bootstrap, recorded_samples(study), BootstrapConfig.n_bootstrap),
        seed=_first(settings.seed, study.get("seed"), BootstrapConfig.seed),
    )
    default = SuiteSettings()
    own = bool(found.study)
    specificity = study.get("at_specificity", USUAL_SPECIFICITY if own else None)
    compared = [AUROC, *([] if specificity is None else [f"{SENSITIVITY_AT_SPECIFICITY}{specificity:g}"])]
    given = SuiteInput(
        arms=arms,
        thresholds=thresholds if all(thresholds.values()) else {},
        baselines=_baselines(arms, found.baselines),
        probes={arm: [read_predictions(path) for path in found.probes[arm]] for arm in arms if arm in found.probes},
        groups=_groups(found, arms),
    )
    tables = evaluate_suite(
        given,
        SuiteSettings(
            bootstrap=bootstrap,
            min_positive_patients=_first(
                settings.min_positive_patients, study.get("min_positive_patients"), default.min_positive_patients
            ),
            min_group=_first(study.get("min_group"), default.min_group),
            metrics=[*METRICS, *compared[1:]] if len(compared) > 1 and given.has_thresholds else None,
            compared=compared if own else None,
            compared_averages=(MACRO,) if own else AVERAGES,
            reference=reference,
            pairs=pairs or None,
            margin=study.get("margin"),
            seed_inference=study.get("seed_inference", default.seed_inference),
            multiclass=(found.study.get("task") or {}).get("classes") == "multiclass" if own else None,
        ),
        on_progress,
    ).tables
    return FolderEvaluation(arms, given.thresholds, tables, None if pairs else reference, bootstrap)


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def _reference(found: FolderFiles) -> str | None:
    """Return the arm that a study compares the others with: the given one, or its first."""
    study = found.study.get("evaluate") or {}
    named = study.get("reference") or next(iter(found.study.get("arms") or {}), None)
    return named if named in found.arms else None


def _thresholds(paths: Sequence[Path], evaluated: Sequence[Predictions], rule: str) -> list[Thresholds]:
    """Choose thresholds on the rows val of each seed's table; none if one of them has no such rows."""
    chosen = []
    for path, run in zip(paths, evaluated, strict=True):
        table = read_table(path, what="a table of predictions")
        if run.split == "val" or "split" not in table.columns or "val" not in table["split"].to_list():
            return []
        chosen.append(choose_thresholds(read_predictions(path, split="val"), rule, evaluated=run))
    return chosen


def _baselines(arms: Mapping[str, Sequence[Predictions]], baselines: Mapping[str, Path]) -> dict[str, Predictions]:
    """Read the scores of baselines, and join the labels of the first arm."""
    first = next(iter(arms.values()))[0]
    labels = first.frame.select("image_id", "patient_id", "split", pl.col(f"^{LABEL}.*$"))
    beside = {}
    for name, path in baselines.items():
        scores = read_table(path, what="scores of a baseline").select("image_id", pl.col(f"^{SCORE}.*$"))
        table = labels.join(scores, on="image_id", how="inner", maintain_order="left")
        if len(table) != len(labels):
            there, fix = f"{len(table):,} of {len(labels):,}", "Score all test images of the arms."
            raise HilumError(path, expected="scores of the images of the arms", found=there, fix=fix)
        beside[name] = as_predictions(table, name=str(path), held_out=True)
    return beside


def _groups(found: FolderFiles, arms: Mapping[str, Sequence[Predictions]]) -> dict[str, dict[str, str | None]]:
    """Return subgroups by the columns of the first table."""
    path = next(iter(found.arms.values()))[0]
    table = read_table(path, what="a table of predictions")
    if "image_id" not in table.columns:
        return {}
    there = [name for name in GROUPS if name in table.columns]
    groups, _ = columns_that_divide(table, there, next(iter(arms.values()))[0].image_ids, where=str(path))
    return groups
