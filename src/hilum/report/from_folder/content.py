"""A report from whatever lies in a directory; what is not there is not shown."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

import hilum
from hilum.artifacts import file_sha256
from hilum.errors import HilumError
from hilum.evaluation.metrics import AVERAGES
from hilum.evaluation.tables import COMPARISONS_SCHEMA, METRICS_SCHEMA
from hilum.progress import ProgressReport, silent
from hilum.report.content import ArmSummary, ReportContent
from hilum.report.from_folder.files import Found, find, seed_of
from hilum.report.from_folder.images import cases_in, embeddings_in
from hilum.report.from_folder.tables import Judging, Numbers, judge_found
from hilum.report.render import formats

_CURVES = {"arm": pl.String, "seed": pl.Int64, "stage": pl.String, "epoch": pl.Int64, "train_loss": pl.Float64}


def found_content(
    directory: Path, judging: Judging, *, question: str | None = None, on_progress: ProgressReport = silent
) -> ReportContent:
    """Gather a report.

    Predictions are measured anew, so that all numbers are on the same redraws; without predictions the tables that
    `hilum evaluate` and `hilum compare` left are shown. Other tables are shown as they are.

    Args:
        directory: see `hilum.report.from_folder.files.find`.
        judging: how predictions are judged.
        question: the title; study.yaml's, or the directory's name, where left out.
        on_progress: told the redraws done.

    Raises:
        HilumError: nothing is there, or a table of predictions is wrong.
    """
    found = find(directory)
    if found.study and judging.against is None:
        judging = replace(judging, against=_reference(found))
    if found.arms:
        if judging.against is not None and judging.against not in found.arms:
            arms = ", ".join(found.arms)
            raise HilumError("--against", expected=f"one of {arms}", found=judging.against, fix="Name one of the arms.")
        numbers = judge_found(found.arms, found.baselines, judging, on_progress)
    else:
        numbers = _left_numbers(found)
    parts = {name: pl.read_parquet(path) for name, path in found.parts.items()}
    explained = sorted(
        path.parent for pattern in ("explain.json", "*/explain.json") for path in directory.glob(pattern)
    )
    images = cases_in(explained, found.stores, numbers.predictions)
    names = list(dict.fromkeys([*found.arms, *numbers.metrics["arm"], *numbers.comparisons["arm"]]))
    names += [name for name in dict.fromkeys(numbers.comparisons["against"]) if name not in names]
    first = next(iter(numbers.predictions.values()), None)
    split = f", split {first[0].split}" if first and first[0].split else ""
    redraws = judging.redraws if found.arms else _said(found, "metrics").get("redraws", 0)
    against = judging.against if len(names) > 1 else None
    return ReportContent(
        question=question or found.study.get("question") or f"What lies in {directory.resolve().name}",
        arms=[_arm(name, found) for name in names],
        data=[],
        scored_on=f"{directory.resolve().name}{split}",
        metrics=numbers.metrics,
        comparisons=numbers.comparisons,
        against=against if found.arms else _only(numbers.comparisons["against"]),
        redraws=redraws,
        predictions=numbers.predictions,
        curves=_curves(found),
        left_out=[*_left_out(numbers.metrics), *found.ignored, *images.unseen],
        provenance=_provenance(found, judging, numbers),
        settings_yaml=found.study_text,
        thresholds=numbers.thresholds,
        baseline_metrics=_first(numbers.baseline_metrics, parts.get("baseline_metrics")),
        baseline_comparisons=_first(numbers.baseline_comparisons, parts.get("baseline_comparisons")),
        ranks=_first(numbers.ranks, parts.get("ranks")),
        margins=_named(parts["margins"], found) if "margins" in parts else None,
        subgroups=_first(numbers.subgroups, parts.get("subgroups")),
        classes=_first(numbers.classes, parts.get("classes")),
        external=parts.get("external"),
        noise=parts.get("noise"),
        suspects=parts.get("suspects"),
        agreement=parts.get("agreement"),
        box_scores=parts.get("box_statistics"),
        purity=parts.get("purity"),
        embeddings=embeddings_in(found.parts["embedding"], found.stores) if "embedding" in found.parts else [],
        cases=images.cases,
        cases_about=images.about,
    )


def _reference(found: Found) -> str | None:
    """The arm that a study compares the others with: the one it names, or its first."""
    named = (found.study.get("evaluate") or {}).get("against") or next(iter(found.study.get("arms") or {}), None)
    return named if named in found.arms else None


def _left_numbers(found: Found) -> Numbers:
    """What `hilum evaluate` and `hilum compare` left."""
    metrics = pl.DataFrame(schema={"arm": pl.String, **METRICS_SCHEMA})
    comparisons = pl.DataFrame(schema=COMPARISONS_SCHEMA)
    if "metrics" in found.parts:
        metrics = pl.read_parquet(found.parts["metrics"])
        if "arm" not in metrics.columns:
            metrics = metrics.select(pl.lit(_model_of(found)).alias("arm"), pl.all())
    if "comparisons" in found.parts:
        comparisons = _named(pl.read_parquet(found.parts["comparisons"]), found)
    return Numbers({}, {}, metrics, comparisons, None, None, None, None, None)


def _named(table: pl.DataFrame, found: Found) -> pl.DataFrame:
    """A table of `hilum compare` with the names of the two that were compared."""
    if "arm" in table.columns:
        return table
    paths = [Path(one["path"]).stem for one in _said(found, "comparisons").get("predictions", [])]
    arm, against = paths if len(paths) == 2 and paths[0] != paths[1] else ("A", "B")
    return table.select(pl.lit(arm).alias("arm"), pl.lit(against).alias("against"), pl.all())


def _model_of(found: Found) -> str:
    stems = [Path(one["path"]).stem for one in _said(found, "metrics").get("predictions", [])]
    return formats.listing(stems) or "model"


def _said(found: Found, part: str) -> dict[str, Any]:
    """The JSON file beside a table that a command left."""
    path = found.parts.get(part)
    beside = path.with_suffix(".json") if path is not None else None
    if beside is None or not beside.is_file():
        return {}
    content: dict[str, Any] = json.loads(beside.read_text(encoding="utf-8"))
    return content


def _arm(name: str, found: Found) -> ArmSummary:
    """What study.yaml tells of an arm; otherwise nothing but its name is known."""
    told = (found.study.get("arms") or {}).get(name) or {}
    init = told.get("init", "random" if told else "not known")
    if isinstance(init, dict):
        init = f"{init.get('pretrain')} on {init.get('on')}"
    seeds = [seed_of(path) for path in found.arms.get(name, ())]
    known = [seed for seed in seeds if seed is not None]
    return ArmSummary(name, told.get("encoder", "not known"), str(init), None, None, None, known)


def _curves(found: Found) -> pl.DataFrame:
    """Training curves of a study's arms."""
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
                parts.append(pl.read_parquet(curves).with_columns(*labels))
    return pl.concat(parts, how="diagonal_relaxed") if parts else pl.DataFrame(schema=_CURVES)


def _left_out(metrics: pl.DataFrame) -> list[str]:
    """Findings that are not in the mean, and why."""
    if metrics.is_empty():
        return []
    one = metrics.filter((pl.col("arm") == metrics["arm"][0]) & (pl.col("metric") == metrics["metric"][0]))
    findings = one.filter(~pl.col("finding").is_in(list(AVERAGES))).select("finding", "note").iter_rows()
    reasons = (
        (finding, [said for said in (note or "").split("; ") if "left out" in said]) for finding, note in findings
    )
    return [f"{finding}: {'; '.join(said)}." for finding, said in reasons if said]


def _provenance(found: Found, judging: Judging, numbers: Numbers) -> list[tuple[str, str]]:
    lines = [("Hilum", hilum.__version__)]
    if found.arms:
        lines.append(("Redraws", f"{judging.redraws:,} of patients and seeds, seed {judging.seed}"))
    files: Sequence[Path] = [path for paths in found.arms.values() for path in paths]
    files = [*files, *found.baselines.values(), *found.parts.values()]
    lines += [(str(path.relative_to(found.directory)), f"sha256 {file_sha256(path)}") for path in files]
    notes = dict.fromkeys(note for runs in numbers.predictions.values() for run in runs for note in run.notes)
    return [*lines, *(("Predictions", note) for note in notes)]


def _first(*tables: pl.DataFrame | None) -> pl.DataFrame | None:
    return next((table for table in tables if table is not None), None)


def _only(names: pl.Series) -> str | None:
    """The one name in a column; None where there are several, or none."""
    return str(names[0]) if names.n_unique() == 1 else None
