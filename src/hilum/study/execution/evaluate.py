"""Evaluation of a task: predictions, thresholds and all tables.

Thresholds are chosen on validation images for each arm and seed, and fixed for the test images.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from hilum.artifacts import whole_directory
from hilum.data.store import open_store
from hilum.evaluation import (
    METRICS,
    BootstrapConfig,
    Predictions,
    SuiteInput,
    SuiteSettings,
    Thresholds,
    age_bands,
    choose_thresholds,
    evaluate_suite,
    read_predictions,
)
from hilum.evaluation.inference import Look
from hilum.evaluation.metrics import AUROC, SENSITIVITY_AT_SPECIFICITY, overall_finding
from hilum.evaluation.predictions import study_names
from hilum.finetuning.monitoring import LearningSign, read_learning
from hilum.finetuning.scores import PROBE_SCORES, SCORES, read_scores
from hilum.progress import ProgressReport
from hilum.study.data import split_pooled_id
from hilum.study.execution.external import external_table
from hilum.study.execution.looks import look_of, record_look
from hilum.study.file import Study
from hilum.study.plan import BASELINES, EVALUATION, finetuning_directory, view_directory, write_predictions
from hilum.study.plan.predictions import predictions_file
from hilum.study.plan.steps import baseline_names
from hilum.study.prepared import Prepared


def evaluate_task(prepared: Prepared, out: Path, on_progress: ProgressReport) -> None:
    """Write the predictions of all arms, seeds and shortcut baselines, and all tables.

    `evaluation` then contains predictions/ARM/seed-N.parquet, baselines/NAME.parquet, and as Parquet: metrics,
    comparisons (with the reference arm), baseline_metrics, baseline_comparisons (arm minus baseline), probe_metrics,
    probe_comparisons (arm minus a linear probe of its initial weights), learning (signs of unfinished training),
    subgroups; ranks with several arms; margins with `evaluate.margin`; classes for multiclass tasks; external with
    `task.test_on`. The directory is complete or absent.
    """
    study = prepared.study
    with whole_directory(out / view_directory(study, EVALUATION)) as directory:
        on_progress(0, study.evaluate.n_bootstrap, "joining scores with labels")
        _write_all_predictions(prepared, out, directory)
        settings = suite_settings(study, look_of(study, out))
        tables = evaluate_suite(_suite_input(prepared, directory), settings, on_progress).tables
        if "probe_comparisons" in tables:
            tables["learning"] = _learning(study, out, tables["probe_comparisons"])
        if prepared.external:
            tables["external"] = external_table(prepared, out, directory)
        for name, table in tables.items():
            table.write_parquet(directory / f"{name}.parquet")
    record_look(out, study.seeds)


_SEEDS_FOR_FACTORIAL = 5
"""Minimum seeds for a factorial design; with fewer, it costs more degrees of freedom than it gains."""


def _suite_input(prepared: Prepared, directory: Path) -> SuiteInput:
    study = prepared.study
    return SuiteInput(
        arms={arm: read_arm(directory, arm, study.seeds) for arm in study.arms},
        thresholds={arm: read_thresholds(directory, study, arm) for arm in study.arms},
        baselines={name: read_predictions(_baseline_file(directory, name)) for name in baseline_names(study)},
        probes={
            arm: [read_predictions(_probe_file(directory, arm, seed)) for seed in study.seeds] for arm in study.arms
        },
        groups=groups_of(prepared),
    )


def suite_settings(study: Study, look: Look) -> SuiteSettings:
    """Return the settings of the evaluation suite for a task.

    If each seed draws its own labelled subset, used by all arms, the seeds are a factor of a factorial design.

    Args:
        study: Study of one task.
        look: Number of this look among the planned ones.
    """
    settings = study.evaluate
    drawn = study.task.labelled_percent < 100 and len(study.seeds) >= _SEEDS_FOR_FACTORIAL
    at_specificity = (
        [] if settings.at_specificity is None else [f"{SENSITIVITY_AT_SPECIFICITY}{settings.at_specificity:g}"]
    )
    return SuiteSettings(
        bootstrap=BootstrapConfig(n_bootstrap=settings.n_bootstrap, seed=settings.seed),
        min_positive_patients=settings.min_positive_patients,
        min_group=settings.min_group,
        metrics=[*METRICS, *at_specificity, *settings.metrics],
        compared=[AUROC, *at_specificity],
        reference=study.reference_arm,
        pairs=list(study.compare) or None,
        margin=settings.margin,
        multiclass=study.task.classes == "multiclass",
        seed_inference=settings.seed_inference,
        seed_design="factorial" if drawn else "nested",
        look=look,
    )


def read_arm(evaluation: Path, arm: str, seeds: Sequence[int]) -> list[Predictions]:
    """Read the test predictions of one arm, one table per seed."""
    return [read_predictions(predictions_file(evaluation, arm, seed)) for seed in seeds]


def read_validation(evaluation: Path, arm: str, seeds: Sequence[int]) -> list[Predictions]:
    """Read the validation predictions of one arm, one table per seed."""
    return [read_predictions(predictions_file(evaluation, arm, seed), split="val") for seed in seeds]


def read_thresholds(evaluation: Path, study: Study, arm: str) -> list[Thresholds]:
    """Choose the thresholds of one arm for each seed on its validation images."""
    validation = read_validation(evaluation, arm, study.seeds)
    return [choose_thresholds(predictions, study.evaluate.threshold) for predictions in validation]


def groups_of(prepared: Prepared) -> dict[str, dict[str, str | None]]:
    """Return sex, age band, view and (for pools) data set of the test images, if they take more than one value."""
    test = pl.Series(prepared.task.test_ids, dtype=pl.String).implode()
    rows = prepared.labelled.manifest.filter(pl.col("image_id").is_in(test))
    if prepared.study.task.unit == "study":
        return _groups_of_studies(prepared, rows)
    values_of = {"sex": rows["sex"].to_list(), "age": age_bands(rows["age"].to_list()), "view": rows["view"].to_list()}
    groups: dict[str, dict[str, str | None]] = {
        name: dict(zip(rows["image_id"], values, strict=True)) for name, values in values_of.items()
    }
    if prepared.labelled.parts:
        groups["data set"] = {image_id: split_pooled_id(image_id)[0] for image_id in prepared.task.test_ids}
    return {name: of_image for name, of_image in groups.items() if len({*of_image.values()} - {None}) > 1}


def _groups_of_studies(prepared: Prepared, rows: pl.DataFrame) -> dict[str, dict[str, str | None]]:
    """Return sex, age band and data set of studies, each by its first image; views may differ within a study."""
    table = rows.select("image_id", "patient_id", "sex", "age")
    people = prepared.task.split.assignment.select("image_id", pl.col("patient_id").alias("person"))
    table = table.join(people, on="image_id", maintain_order="left").with_columns(pl.col("person").alias("patient_id"))
    studies = dict(rows.select("image_id", "study_id").iter_rows())
    of_study = dict(zip(table["image_id"], study_names(table, studies), strict=True))
    values_of = {"sex": table["sex"].to_list(), "age": age_bands(table["age"].to_list())}
    if prepared.labelled.parts:
        values_of["data set"] = [split_pooled_id(image_id)[0] for image_id in table["image_id"]]
    groups: dict[str, dict[str, str | None]] = {name: {} for name in values_of}
    for name, values in values_of.items():
        for image_id, value in zip(table["image_id"], values, strict=True):
            groups[name].setdefault(of_study[image_id], value)
    return {name: of_unit for name, of_unit in groups.items() if len({*of_unit.values()} - {None}) > 1}


def _write_all_predictions(prepared: Prepared, out: Path, directory: Path) -> None:
    store = open_store(out / "stores" / prepared.study.labelled_data)
    scored = [*prepared.task.val.image_ids, *prepared.task.test_ids]
    for arm in prepared.study.arms:
        for seed in prepared.study.seeds:
            trained = out / finetuning_directory(prepared.study, arm, seed)
            scores = read_scores(trained / SCORES, store, scored)
            write_predictions(prepared, scores, predictions_file(directory, arm, seed))
            probed = read_scores(trained / PROBE_SCORES, store, scored)
            write_predictions(prepared, probed, _probe_file(directory, arm, seed))
    for name in baseline_names(prepared.study):
        scores = pl.read_parquet(out / view_directory(prepared.study, BASELINES) / f"{name}.parquet")
        write_predictions(prepared, scores, _baseline_file(directory, name))


def _learning(study: Study, out: Path, probe_comparisons: pl.DataFrame) -> pl.DataFrame:
    """Return signs of unfinished training: arm, sign (`LearningSign`), seeds with it, number of seeds."""
    overall = probe_comparisons.filter(
        pl.col("finding") == overall_finding(probe_comparisons["finding"].to_list()), pl.col("ci_high") < 0
    )
    behind = set(overall["arm"])
    rows = []
    for arm in study.arms:
        runs = [read_learning(out / finetuning_directory(study, arm, seed)) for seed in study.seeds]
        for sign in LearningSign:
            shown = sum(sign in run.signs for run in runs)
            if sign is LearningSign.WORSE_THAN_LINEAR_PROBE and arm in behind:
                shown = len(runs)
            if shown:
                rows.append({"arm": arm, "sign": str(sign), "seeds": shown, "of_seeds": len(runs)})
    return pl.DataFrame(rows, schema={"arm": pl.String, "sign": pl.String, "seeds": pl.Int64, "of_seeds": pl.Int64})


def _probe_file(directory: Path, arm: str, seed: int) -> Path:
    return directory / "probes" / arm / f"seed-{seed}.parquet"


def _baseline_file(directory: Path, name: str) -> Path:
    return directory / "baselines" / f"{name}.parquet"
