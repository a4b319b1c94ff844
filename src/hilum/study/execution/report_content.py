"""Content of a study's report, gathered from its directory."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import polars as pl
import torch

import hilum
from hilum.data.counts import count_images
from hilum.data.manifest import is_labelled
from hilum.data.store import Store
from hilum.data.tables import read_result_table
from hilum.encoders.card import Card, read_card
from hilum.finetuning.off_the_shelf.feature_arm import FEATURES
from hilum.report.content import ArmSummary, DataSummary, ReportContent, UnknownExposure
from hilum.report.from_folder import cases_in, embeddings_in, left_out_findings
from hilum.runs.pools.copies import Copy
from hilum.study.data import pooled_id
from hilum.study.execution.evaluate import read_arm, read_thresholds
from hilum.study.execution.external import store_of
from hilum.study.execution.looks import look_taken
from hilum.study.execution.sweep import sweep_summaries
from hilum.study.features import describe_missing
from hilum.study.file import Study, as_yaml
from hilum.study.file.protocol import as_flow
from hilum.study.plan import (
    EVALUATION,
    EXPLANATION,
    FailedArm,
    Step,
    as_rows,
    contamination_of,
    describe_subsets,
    differences_of_start,
    finetuning_directory,
    labelled_subsets,
    parameter_counts,
    pretraining_directories,
    pretraining_directory,
    read_record,
    shares_its_start,
    view_directory,
    view_name,
)
from hilum.study.plan.leakage import copies_trained, doubts_of, warnings_of
from hilum.study.plan.record import CURVES
from hilum.study.plan.step_types import DataStep, FinetuneStep, StartStep
from hilum.study.plan.sweep import selected_sample, with_settings
from hilum.study.pool import findings_of
from hilum.study.prepared import Prepared


def report_content(prepared: Prepared, out: Path, steps: list[Step], failed: Sequence[FailedArm] = ()) -> ReportContent:
    """Gather the content of the report of one task from the files of a finished study."""
    study, split = prepared.study, prepared.task.split
    evaluation = out / view_directory(study, EVALUATION)
    metrics = read_result_table(evaluation / "metrics.parquet")
    stores = {each: store_of(out, each) for each in prepared.data} if study.evaluate.contaminated == "mark" else None
    trained = copies_trained(prepared, stores)
    content = ReportContent(
        question=f"{study.question} – {view_name(study)}" if study.place else study.question,
        arms=[_arm_summary(prepared, out, arm, stores, trained) for arm in study.arms],
        data=[_data_summary(prepared, out, name) for name in study.data],
        scored_on=f"{study.labelled_data}, test of {split.title}{_unit_description(study)}",
        metrics=metrics,
        comparisons=comparisons_of(study, out),
        reference=study.reference_arm if len(study.arms) > 1 and not study.compare else None,
        n_bootstrap=study.evaluate.n_bootstrap,
        predictions={arm: read_arm(evaluation, arm, study.seeds) for arm in study.arms},
        curves=_curves(prepared, out),
        left_out=[*(arm.sentence for arm in failed), *_left_out(prepared, out, metrics)],
        failed=[arm.sentence for arm in failed],
        provenance=_provenance(prepared, out, steps),
        settings_yaml=as_yaml(study.whole),
        thresholds={arm: read_thresholds(evaluation, study, arm) for arm in study.arms},
        baseline_metrics=table_in(evaluation, "baseline_metrics"),
        baseline_comparisons=table_in(evaluation, "baseline_comparisons"),
        joint=table_in(evaluation, "joint"),
        ranks=table_in(evaluation, "ranks"),
        margins=table_in(evaluation, "margins"),
        subgroups=table_in(evaluation, "subgroups"),
        classes=table_in(evaluation, "classes"),
        external=_external(evaluation),
        pairs=study.compare,
        probe_metrics=table_in(evaluation, "probe_metrics"),
        probe_comparisons=table_in(evaluation, "probe_comparisons"),
        learning=table_in(evaluation, "learning"),
        look=look_taken(study, out),
        warnings=[(each.data, each.note.without_examples()) for each in warnings_of(prepared)],
        labelled=pl.DataFrame(as_rows(labelled_subsets(prepared))),
        labelled_description=describe_subsets(labelled_subsets(prepared)),
        sweeps=sweep_summaries(prepared, out),
    )
    if not study.explained_arms:
        return content
    return _with_explanation(content, out / view_directory(study, EXPLANATION), out / "stores" / study.labelled_data)


def _with_explanation(content: ReportContent, explained: Path, store: Path) -> ReportContent:
    """Add heat maps and embeddings."""
    images = cases_in([explained], [store], content.predictions)
    points = explained / "embedding.parquet"
    return replace(
        content,
        box_scores=table_in(explained, "box_statistics"),
        purity=table_in(explained, "purity"),
        embeddings=embeddings_in(points, [store]) if points.is_file() else [],
        cases=images.cases,
        cases_about=images.about,
    )


def comparisons_of(study: Study, out: Path) -> pl.DataFrame:
    """Read the comparisons of one task; p-values are adjusted over all tasks if they are the study's family."""
    own = read_result_table(out / view_directory(study, EVALUATION) / "comparisons.parquet")
    if not study.place or study.evaluate.family == "task":
        return own
    every = read_result_table(out / EVALUATION / "comparisons.parquet").filter(pl.col("place") == study.place)
    keys = ["arm", "reference", "finding", "metric"]
    adjusted = every.select(*keys, "p_adjusted", "family")
    joined = own.drop("p_adjusted", "family").join(adjusted, on=keys, how="left", maintain_order="left")
    return joined.select(own.columns)


def _external(evaluation: Path) -> pl.DataFrame | None:
    """Read the external validation; without the column `arm` if there is only one."""
    table = table_in(evaluation, "external")
    if table is None:
        return None
    return table.drop("arm") if table["arm"].n_unique() == 1 else table


def table_in(directory: Path, name: str) -> pl.DataFrame | None:
    """Read a table of results; None if it does not exist."""
    path = directory / f"{name}.parquet"
    return read_result_table(path) if path.is_file() else None


def _arm_summary(
    prepared: Prepared, out: Path, arm: str, stores: Mapping[str, Store] | None, trained: Sequence[Copy]
) -> ArmSummary:
    study = prepared.study
    cards = [read_card(out / finetuning_directory(study, arm, seed)) for seed in study.seeds]
    chosen = with_settings(study, arm, selected_sample(study, out, arm))
    trainable, total = parameter_counts(chosen, arm)
    test_patients = prepared.labelled.patients(prepared.task.test_ids)
    exposures = [card.ledger.exposure_of(test_patients) for card in cards]
    before = contamination_of(prepared, arm, stores, trained).certainty
    trained_on = before == "yes" or any(exposure.trained_on.any() for exposure in exposures)
    unclear = before in ("may", "unknown") or any(exposure.not_known.any() for exposure in exposures)
    doubts = [UnknownExposure(each.code, each.message) for each in doubts_of(prepared, arm, stores)]
    doubts += [UnknownExposure("ledger", why) for why in dict.fromkeys(each.why_not_known for each in exposures) if why]
    return ArmSummary(
        name=arm,
        encoder=chosen.arms[arm].encoder or FEATURES,
        starts_from=study.starts_from(arm),
        trainable_parameters=trainable,
        total_parameters=total,
        trained_on_test_patients=None if unclear and not trained_on else trained_on,
        unknown_exposures=doubts if unclear and not trained_on else [],
        seeds=study.seeds,
        start_differences=differences_of_start(study, arm),
        shared_start=shares_its_start(study, arm),
        finetuned=study.finetuning_of(arm).train,
        seconds=sum(_seconds(out / directory) for directory in _training_directories(prepared, arm)),
    )


def _training_directories(prepared: Prepared, arm: str) -> list[str]:
    study = prepared.study
    starts = {each for seed in study.seeds for each in pretraining_directories(study, arm, seed)}
    return [*sorted(starts), *(finetuning_directory(study, arm, seed) for seed in study.seeds)]


def _data_summary(prepared: Prepared, out: Path, name: str) -> DataSummary:
    data, store = prepared.data[name], store_of(out, name)
    part_of_pool = name in prepared.labelled.parts
    is_labelled = name == prepared.study.labelled_data or part_of_pool
    split, rows = prepared.task.split, prepared.task.manifest
    if part_of_pool:
        rows = rows.filter(pl.col("image_id").str.starts_with(pooled_id(name, ""))).select(
            *_own_columns(prepared, name)
        )
    counts = count_images(rows, split.assignment) if is_labelled else count_images(data.manifest)
    if is_labelled:
        counts = counts.filter(pl.col("finding").is_in(prepared.study.task.findings))
    generated = prepared.study.data[name].generate is not None
    return DataSummary(
        name=name,
        collection=data.dataset.name + (" (generated images)" if generated else ""),
        images=data.manifest.height,
        patients=data.manifest["patient_id"].n_unique(),
        split_title=split.title if is_labelled else "",
        counts=counts.select("split", "finding", "images", "patients", "positives"),
        rejected=store.rejected,
        generated=generated,
    )


def _unit_description(study: Study) -> str:
    """Describe the score of studies; empty if images are evaluated."""
    if study.task.unit == "image":
        return ""
    return f"; each study by the {'mean' if study.task.study_score == 'mean' else 'highest'} score of its images"


def _own_columns(prepared: Prepared, name: str) -> list[str]:
    """Return the columns of the task's images, without findings that a part of the pool does not label."""
    lacking = set(prepared.study.task.findings) - set(findings_of(prepared.study, prepared.data[name]))
    return [column for column in prepared.task.manifest.columns if column not in lacking]


def _curves(prepared: Prepared, out: Path) -> pl.DataFrame:
    study, parts = prepared.study, []
    for arm in study.arms:
        for seed in study.seeds:
            stages = {
                "pretrain": pretraining_directory(study, arm, seed),
                "finetune": finetuning_directory(study, arm, seed),
            }
            for stage, directory in stages.items():
                if directory is not None:
                    curves = read_result_table(out / directory / CURVES)
                    labels = pl.lit(arm).alias("arm"), pl.lit(seed).alias("seed"), pl.lit(stage).alias("stage")
                    parts.append(curves.with_columns(*labels))
    return pl.concat(parts, how="diagonal_relaxed")


def _left_out(prepared: Prepared, out: Path, metrics: pl.DataFrame) -> list[str]:
    sentences = left_out_findings(metrics)
    for name, data in prepared.data.items():
        rejected = store_of(out, name).rejected.height
        if rejected:
            sentences.append(f"{name}: {rejected} images could not be read and were excluded (rejected.parquet).")
        dropped = data.dataset.manifest.height - data.manifest.height
        if dropped:
            only = prepared.study.data[name].only
            why = f"positive for none of {', '.join(only)}" if only else "outside the selected views and lists"
            sentences.append(f"{name}: {dropped:,} images {why} were excluded.")
    if prepared.task.without_features:
        counts = describe_missing(prepared.task.without_features)
        sentences.append(f"Images without features were excluded for all arms: {counts}.")
    return sentences


def _provenance(prepared: Prepared, out: Path, steps: list[Step]) -> list[tuple[str, str]]:
    study = prepared.study
    lines = [
        ("Hilum", hilum.__version__),
        (
            "Libraries",
            ", ".join(f"{name} {version(name)}" for name in ("torch", "lightning", "timm", "numpy", "polars")),
        ),
        ("Python", platform.python_version()),
        ("Machine", _machine()),
        ("Seeds", ", ".join(map(str, study.seeds))),
        ("Split", prepared.task.split.title),
        *_protocol(study),
    ]
    for name, data in prepared.data.items():
        lines += [(f"{name}, as read", str(each.without_examples())) for each in data.dataset.notes]
        lines += [(f"{name}, to pretrain on", _pool_description(prepared, name))]
        lines += [(f"{name}: {table}", f"sha256 {sha256}") for table, sha256 in sorted(data.dataset.sources.items())]
    for step in steps:
        if not isinstance(step, DataStep | StartStep) and step.view != study.place:
            continue
        record = read_record(out / step.directory)
        if record is not None:
            lines.append((step.title, f"{record.seconds:,.1f} s{_rate(out / step.directory)}"))
            has_card = isinstance(step, StartStep | FinetuneStep) and step.seed == study.seeds[0]
            if has_card and record.outcome == "done":
                lines.append((f"{step.title}: settings", _settings(read_card(out / step.directory))))
    return lines


def _protocol(study: Study) -> list[tuple[str, str]]:
    """State whether a reproduced paper's settings or Hilum's were used."""
    if not study.published:
        return []
    rules = ", ".join(f"{key} {as_flow(value)}" for key, value in study.published.items())
    if study.protocol == "published":
        return [("Protocol", f"published: {rules}, as in the paper, in place of Hilum's")]
    return [("Protocol", f"Hilum's; the paper's would be {rules} (--protocol published)")]


def _pool_description(prepared: Prepared, name: str) -> str:
    data, pool = prepared.data[name], prepared.pretraining_ids(name)
    rows = data.manifest.filter(pl.col("image_id").is_in(pl.Series(pool, dtype=pl.String).implode()))
    unlabelled = int((~is_labelled(rows)).sum())
    return (
        f"{len(pool):,} of {len(data.manifest):,} images, {unlabelled:,} of them unlabelled, of "
        f"{len(set(data.patients(pool))):,} patients outside validation and test"
    )


def _settings(card: Card) -> str:
    """List all settings of a run, defaults and presets included."""
    run = {name: value for name, value in card.settings.items() if name != "options"}
    options = {**run, **card.settings.get("options", {})}
    return ", ".join(f"{name} {value}" for name, value in options.items() if value is not None)


def _machine() -> str:
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{gpu}"


def _seconds(directory: Path) -> float:
    """Return the training time over all resumed parts."""
    return float(read_result_table(directory / CURVES)["seconds"].sum())


def _rate(directory: Path) -> str:
    path = directory / CURVES
    if not path.exists():
        return ""
    curves = read_result_table(path)
    if curves.is_empty():
        return ""
    rate, wait = (float(curves[column].to_numpy().mean()) for column in ("images_per_second", "data_wait_fraction"))
    return f", {rate:,.0f} images/s, data-wait {100 * wait:.1f} %"
