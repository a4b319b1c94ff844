"""Report content from the files of a directory."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

import hilum
from hilum.artifacts import file_sha256
from hilum.data.tables import read_result_table
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.metrics import AVERAGES
from hilum.evaluation.predictions import Predictions
from hilum.evaluation.tables import COMPARISONS_SCHEMA, METRICS_SCHEMA
from hilum.evaluation.thresholds import Thresholds
from hilum.notes import EXCLUDING_CODES, texts_of
from hilum.report.content import ArmSummary, ReportContent
from hilum.report.from_folder.files import FolderFiles, recorded_samples, seed_of
from hilum.report.from_folder.images import cases_in, embeddings_in
from hilum.report.render import formats
from hilum.wording import counted

_CURVES = {"arm": pl.String, "seed": pl.Int64, "stage": pl.String, "epoch": pl.Int64, "train_loss": pl.Float64}


@dataclass(frozen=True)
class FolderEvaluation:
    """Evaluation of the predictions of a directory.

    Attributes:
        predictions: Predictions of each arm, one per seed.
        thresholds: Thresholds of each arm, one per seed; empty for none.
        tables: Tables by the names of `hilum.evaluation.suite.TABLES`.
        reference: Reference arm of the comparisons; None: all pairs.
        bootstrap: Bootstrap settings of all tables.
    """

    predictions: Mapping[str, Sequence[Predictions]]
    thresholds: Mapping[str, Sequence[Thresholds]]
    tables: Mapping[str, pl.DataFrame]
    reference: str | None
    bootstrap: BootstrapConfig


def folder_content(
    found: FolderFiles, evaluated: FolderEvaluation | None, *, question: str | None = None
) -> ReportContent:
    """Collect the content of a report from files and their evaluation; nothing is computed here.

    Without predictions the tables of `hilum evaluate` and `hilum compare` are shown. Other tables are shown as they
    are.

    Args:
        found: Files of the directory.
        evaluated: Evaluation of the predictions; None without predictions.
        question: Title; default: the question of study.yaml, or the directory's name.
    """
    directory = found.directory
    tables = evaluated.tables if evaluated else _written_tables(found)
    predictions = evaluated.predictions if evaluated else {}
    metrics, comparisons = tables["metrics"], tables["comparisons"]
    parts = {name: read_result_table(path) for name, path in found.parts.items()}
    explained = sorted(
        path.parent for pattern in ("explain.json", "*/explain.json") for path in directory.glob(pattern)
    )
    images = cases_in(explained, found.stores, predictions)
    names = list(dict.fromkeys([*found.arms, *metrics["arm"], *comparisons["arm"]]))
    names += [name for name in dict.fromkeys(comparisons["reference"]) if name not in names]
    first = next(iter(predictions.values()), None)
    split = f", split {first[0].split}" if first and first[0].split else ""

    def table(name: str) -> pl.DataFrame | None:
        """Return a table as computed, or as read."""
        return tables.get(name, parts.get(name))

    return ReportContent(
        question=question or found.study.get("question") or f"Results in {directory.resolve().name}",
        arms=[_arm(name, found) for name in names],
        data=[],
        scored_on=f"{directory.resolve().name}{split}",
        metrics=metrics,
        comparisons=comparisons,
        reference=(evaluated.reference if len(names) > 1 else None) if evaluated else _only(comparisons["reference"]),
        n_bootstrap=evaluated.bootstrap.n_bootstrap
        if evaluated
        else recorded_samples(_recorded(found, "metrics")) or 0,
        predictions=predictions,
        curves=_curves(found),
        left_out=[*left_out_findings(metrics), *found.ignored, *images.missing],
        provenance=_provenance(found, evaluated),
        settings_yaml=found.study_text,
        thresholds=evaluated.thresholds if evaluated else {},
        baseline_metrics=table("baseline_metrics"),
        baseline_comparisons=table("baseline_comparisons"),
        joint=table("joint"),
        ranks=table("ranks"),
        margins=tables["margins"] if "margins" in tables else _named_part("margins", parts, found),
        subgroups=table("subgroups"),
        classes=table("classes"),
        probe_metrics=table("probe_metrics"),
        probe_comparisons=table("probe_comparisons"),
        learning=parts.get("learning"),
        external=parts.get("external"),
        noise=parts.get("noise"),
        issues=parts.get("label_issues"),
        agreement=parts.get("agreement"),
        box_scores=parts.get("box_statistics"),
        purity=parts.get("purity"),
        embeddings=embeddings_in(found.parts["embedding"], found.stores) if "embedding" in found.parts else [],
        cases=images.cases,
        cases_about=images.about,
    )


def left_out_findings(metrics: pl.DataFrame) -> list[str]:
    """List the findings excluded from the mean with the reason, one sentence each.

    Args:
        metrics: `arm`, and the columns of `hilum.evaluation.evaluate_predictions`.
    """
    if metrics.is_empty():
        return []
    one = metrics.filter((pl.col("arm") == metrics["arm"][0]) & (pl.col("metric") == metrics["metric"][0]))
    if "codes" not in one.columns:  # written before there were codes
        return []
    rows = one.filter(~pl.col("finding").is_in(list(AVERAGES))).select("finding", "note", "codes").iter_rows()
    reasons = (
        (finding, [text for code, text in texts_of(note, codes) if code in EXCLUDING_CODES])
        for finding, note, codes in rows
    )
    return [f"{finding}: {'; '.join(texts)}." for finding, texts in reasons if texts]


def _written_tables(found: FolderFiles) -> dict[str, pl.DataFrame]:
    """Read the tables of `hilum evaluate` and `hilum compare`."""
    metrics = pl.DataFrame(schema={"arm": pl.String, **METRICS_SCHEMA})
    comparisons = pl.DataFrame(schema=COMPARISONS_SCHEMA)
    if "metrics" in found.parts:
        metrics = read_result_table(found.parts["metrics"])
        if "arm" not in metrics.columns:
            metrics = metrics.select(pl.lit(_model_of(found)).alias("arm"), pl.all())
    if "comparisons" in found.parts:
        comparisons = _named(read_result_table(found.parts["comparisons"]), found)
    return {"metrics": metrics, "comparisons": comparisons}


def _named_part(name: str, parts: Mapping[str, pl.DataFrame], found: FolderFiles) -> pl.DataFrame | None:
    return _named(parts[name], found) if name in parts else None


def _named(table: pl.DataFrame, found: FolderFiles) -> pl.DataFrame:
    """Add the names of the two compared models to a table of `hilum compare`."""
    if "arm" in table.columns:
        return table
    paths = [Path(one["path"]).stem for one in _recorded(found, "comparisons").get("predictions", [])]
    arm, reference = paths if len(paths) == 2 and paths[0] != paths[1] else ("A", "B")
    return table.select(pl.lit(arm).alias("arm"), pl.lit(reference).alias("reference"), pl.all())


def _model_of(found: FolderFiles) -> str:
    stems = [Path(one["path"]).stem for one in _recorded(found, "metrics").get("predictions", [])]
    return formats.listing(stems) or "model"


def _recorded(found: FolderFiles, part: str) -> dict[str, Any]:
    """Read the JSON file beside a table of a command; empty for none."""
    path = found.parts.get(part)
    beside = path.with_suffix(".json") if path is not None else None
    if beside is None or not beside.is_file():
        return {}
    content: dict[str, Any] = json.loads(beside.read_text(encoding="utf-8"))
    return content


def _arm(name: str, found: FolderFiles) -> ArmSummary:
    """Describe an arm by study.yaml; without it only the name is known."""
    arm_settings = (found.study.get("arms") or {}).get(name) or {}
    init = arm_settings.get("init", "random" if arm_settings else "not known")
    if isinstance(init, dict):
        init = f"{init.get('pretrain')} on {init.get('on')}"
    seeds = [seed_of(path) for path in found.arms.get(name, ())]
    known = [seed for seed in seeds if seed is not None]
    return ArmSummary(name, arm_settings.get("encoder", "not known"), str(init), None, None, None, known)


def _curves(found: FolderFiles) -> pl.DataFrame:
    """Read the training curves of a study's arms."""
    parts = []
    for arm, paths in found.arms.items():
        for path in paths:
            curves = found.directory / "arms" / arm / path.stem / "curves.parquet"
            if curves.is_file():
                labels = (
                    pl.lit(arm).alias("arm"),
                    pl.lit(seed_of(path)).alias("seed"),
                    pl.lit("finetune").alias("stage"),
                )
                parts.append(read_result_table(curves).with_columns(*labels))
    return pl.concat(parts, how="diagonal_relaxed") if parts else pl.DataFrame(schema=_CURVES)


def _provenance(found: FolderFiles, evaluated: FolderEvaluation | None) -> list[tuple[str, str]]:
    lines = [("Hilum", hilum.__version__)]
    if evaluated:
        bootstrap = evaluated.bootstrap
        samples = f"{counted(bootstrap.n_bootstrap, 'resample')} of patients and seeds, seed {bootstrap.seed}"
        lines.append(("Bootstrap", samples))
    files: Sequence[Path] = [path for paths in found.arms.values() for path in paths]
    files = [*files, *found.baselines.values(), *found.parts.values()]
    lines += [(str(path.relative_to(found.directory)), f"sha256 {file_sha256(path)}") for path in files]
    predictions = evaluated.predictions if evaluated else {}
    notes = dict.fromkeys(note for runs in predictions.values() for run in runs for note in run.notes)
    return [*lines, *(("Predictions", str(note)) for note in notes)]


def _only(names: pl.Series) -> str | None:
    """Return the only name of a column; None if there are several, or none."""
    return str(names[0]) if names.n_unique() == 1 else None
