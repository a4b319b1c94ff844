"""The evaluation of a study: scores meet test labels here, and nowhere before.

Thresholds are chosen on validation images, for each arm and seed by itself, and stay fixed on the test images.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from hilum.artifacts import whole_directory
from hilum.data.store import open_store
from hilum.evaluation import (
    AVERAGES,
    METRICS,
    MeasuredArms,
    Predictions,
    Thresholds,
    age_bands,
    choose_thresholds,
    comparisons_table,
    evaluate_single_label,
    evaluate_subgroups,
    margins_table,
    measure_arms,
    metrics_table,
    ranks_table,
    read_predictions,
)
from hilum.evaluation.inference import Look, SeedDesign
from hilum.evaluation.metrics import AUROC, overall_finding
from hilum.evaluation.tables import UNDERDIAGNOSIS
from hilum.finetuning.monitoring import LearningSign, read_learning
from hilum.finetuning.scores import PROBE_SCORES, SCORES, read_scores
from hilum.progress import ProgressReport
from hilum.study.execution.external import external_table
from hilum.study.execution.looks import look_of, record_look
from hilum.study.file import Study
from hilum.study.plan import BASELINES, EVALUATION, finetuning_directory, in_view, write_predictions
from hilum.study.plan.steps import baseline_names
from hilum.study.prepared import Prepared

_PROBE = " linear probe"
"""Beside one arm at a time; no arm begins with a blank."""


def judge(prepared: Prepared, out: Path, on_progress: ProgressReport) -> None:
    """Write predictions of every arm and seed, and of the shortcut baselines, and every table over them.

    `evaluation` then holds predictions/ARM/seed-N.parquet, baselines/NAME.parquet, and as Parquet: metrics, comparisons
    (AUROC, against the reference arm), baseline_metrics, baseline_comparisons (arm minus baseline), probe_metrics and
    probe_comparisons (of the linear probe of what each arm starts from; arm minus its own probe), learning (signs that
    an arm had not finished learning), subgroups; ranks where there are several arms; margins where the study names one;
    classes where they exclude each other; external where the task is tested on other data sets. Complete or absent.
    """
    study = prepared.study
    jobs = ["joining scores with labels", "metrics", "baselines", "linear probes", "subgroups"]
    with whole_directory(out / in_view(study, EVALUATION)) as directory:
        on_progress(0, len(jobs), jobs[0])
        _write_all_predictions(prepared, out, directory)
        arms = {arm: read_arm(directory, arm, study.seeds) for arm in study.arms}
        thresholds = {arm: read_thresholds(directory, study, arm) for arm in study.arms}
        on_progress(1, len(jobs), f"{study.evaluate.n_bootstrap:,} redraws of patients")
        tables = _tables_of_arms(study, arms, thresholds, look_of(study, out))
        on_progress(2, len(jobs), jobs[2])
        tables |= _tables_of_baselines(study, arms, directory)
        on_progress(3, len(jobs), jobs[3])
        tables |= _tables_of_probes(study, arms, directory)
        tables["learning"] = _learning(study, out, tables["probe_comparisons"])
        on_progress(4, len(jobs), jobs[4])
        if study.task.classes == "exclusive":
            tables["classes"] = _classes(study, arms)
        if prepared.external:
            tables["external"] = external_table(prepared, out, directory)
        if groups := groups_of(prepared):
            tables["subgroups"] = _subgroups(study, arms, thresholds, groups)
        for name, table in tables.items():
            table.write_parquet(directory / f"{name}.parquet")
        on_progress(len(jobs), len(jobs), "")
    record_look(out, study.seeds)


def read_arm(evaluation: Path, arm: str, seeds: Sequence[int]) -> list[Predictions]:
    """Predictions of one arm on the test images, one table a seed."""
    return [read_predictions(_predictions_file(evaluation, arm, seed)) for seed in seeds]


def read_validation(evaluation: Path, arm: str, seeds: Sequence[int]) -> list[Predictions]:
    """Predictions of one arm on the validation images, one table a seed."""
    return [read_predictions(_predictions_file(evaluation, arm, seed), split="val") for seed in seeds]


def read_thresholds(evaluation: Path, study: Study, arm: str) -> list[Thresholds]:
    """Thresholds of one arm, one a seed, chosen on its validation images."""
    validation = read_validation(evaluation, arm, study.seeds)
    return [choose_thresholds(predictions, study.evaluate.threshold) for predictions in validation]


def groups_of(prepared: Prepared) -> dict[str, dict[str, str | None]]:
    """Sex, age band and view of the test images, as far as the tables tell more than one."""
    test = pl.Series(prepared.task.test_ids, dtype=pl.String).implode()
    rows = prepared.labelled.manifest.filter(pl.col("image_id").is_in(test))
    told = {"sex": rows["sex"].to_list(), "age": age_bands(rows["age"].to_list()), "view": rows["view"].to_list()}
    groups = {name: dict(zip(rows["image_id"], values, strict=True)) for name, values in told.items()}
    return {name: of_image for name, of_image in groups.items() if len({*of_image.values()} - {None}) > 1}


def _write_all_predictions(prepared: Prepared, out: Path, directory: Path) -> None:
    store = open_store(out / "stores" / prepared.study.labelled_data)
    scored = [*prepared.task.val.image_ids, *prepared.task.test_ids]
    for arm in prepared.study.arms:
        for seed in prepared.study.seeds:
            trained = out / finetuning_directory(prepared.study, arm, seed)
            scores = read_scores(trained / SCORES, store, scored)
            write_predictions(prepared, scores, _predictions_file(directory, arm, seed))
            probed = read_scores(trained / PROBE_SCORES, store, scored)
            write_predictions(prepared, probed, _probe_file(directory, arm, seed))
    for name in baseline_names(prepared.study):
        scores = pl.read_parquet(out / in_view(prepared.study, BASELINES) / f"{name}.parquet")
        write_predictions(prepared, scores, _baseline_file(directory, name))


def _tables_of_arms(
    study: Study,
    arms: Mapping[str, Sequence[Predictions]],
    thresholds: Mapping[str, Sequence[Thresholds]],
    look: Look,
) -> dict[str, pl.DataFrame]:
    settings, against = study.evaluate, study.reference_arm if len(study.arms) > 1 else None
    pairs = list(study.compare) if study.compare else None
    main = _measure(study, arms)
    others = measure_arms(
        arms,
        metrics=METRICS,
        averages=AVERAGES,
        thresholds=thresholds,
        redraws=settings.n_bootstrap,
        seed=settings.seed,
        min_positives=settings.min_positive_patients,
    )
    tables = {
        "metrics": _metrics_of(others, list(arms)),
        "comparisons": comparisons_table(main, against=against, pairs=pairs, look=look),
    }
    if len(arms) > 1 and main.included.any():
        if len(main.findings) > 1:  # of one finding the estimates rank the arms
            tables["ranks"] = ranks_table([main])
        if settings.margin is not None:
            tables["margins"] = margins_table(main, settings.margin, against=against, pairs=pairs)
    return tables


def _tables_of_baselines(
    study: Study, arms: Mapping[str, Sequence[Predictions]], directory: Path
) -> dict[str, pl.DataFrame]:
    metrics, comparisons = [], []
    for name in baseline_names(study):
        once = read_predictions(_baseline_file(directory, name))
        measured = _measure(study, {name: [once] * len(study.seeds), **arms})
        metrics.append(_metrics_of(measured, [name]))
        against = comparisons_table(measured, against=name)
        comparisons.append(against.filter(pl.col("finding") == overall_finding(against["finding"].to_list())))
    return {"baseline_metrics": pl.concat(metrics), "baseline_comparisons": pl.concat(comparisons)}


def _tables_of_probes(
    study: Study, arms: Mapping[str, Sequence[Predictions]], directory: Path
) -> dict[str, pl.DataFrame]:
    """Of the linear probe of what each arm starts from, under the arm's name; and the arm minus it."""
    metrics, comparisons = [], []
    for arm, tuned in arms.items():
        probes = [read_predictions(_probe_file(directory, arm, seed)) for seed in study.seeds]
        measured = _measure(study, {_PROBE: probes, arm: tuned}, "factorial")  # each beside what it started from
        metrics.append(metrics_table(measured, _PROBE).select(pl.lit(arm).alias("arm"), pl.all()))
        against = comparisons_table(measured, against=_PROBE)
        comparisons.append(against.with_columns(against=pl.col("against").str.strip_chars()))
    return {"probe_metrics": pl.concat(metrics), "probe_comparisons": pl.concat(comparisons)}


def _learning(study: Study, out: Path, probe_comparisons: pl.DataFrame) -> pl.DataFrame:
    """Signs that arms had not finished learning: arm, sign (`LearningSign`), seeds that show it, of how many."""
    overall = probe_comparisons.filter(
        pl.col("finding") == overall_finding(probe_comparisons["finding"].to_list()), pl.col("high") < 0
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


def _classes(study: Study, arms: Mapping[str, Sequence[Predictions]]) -> pl.DataFrame:
    settings = study.evaluate
    tables = [
        evaluate_single_label(predictions, redraws=settings.n_bootstrap, seed=settings.seed).select(
            pl.lit(arm).alias("arm"), pl.all()
        )
        for arm, predictions in arms.items()
    ]
    return pl.concat(tables)


def _subgroups(
    study: Study,
    arms: Mapping[str, Sequence[Predictions]],
    thresholds: Mapping[str, Sequence[Thresholds]],
    groups: Mapping[str, Mapping[str, str | None]],
) -> pl.DataFrame:
    settings = study.evaluate
    tables = [
        evaluate_subgroups(
            predictions,
            groups,
            metrics=(AUROC, UNDERDIAGNOSIS),
            thresholds=thresholds[arm],
            min_patients=settings.min_group,
            redraws=settings.n_bootstrap,
            seed=settings.seed,
        ).select(pl.lit(arm).alias("arm"), pl.all())
        for arm, predictions in arms.items()
    ]
    return pl.concat(tables)


_SEEDS_FOR_FACTORIAL = 5
"""With fewer, what a factorial design takes out is worth less than the degrees of freedom it costs."""


def _measure(study: Study, arms: Mapping[str, Sequence[Predictions]], design: SeedDesign | None = None) -> MeasuredArms:
    """Where each seed draws the labels that all arms learn from, arms share what is lucky about a seed."""
    settings = study.evaluate
    drawn = study.task.labelled_percent < 100 and len(study.seeds) >= _SEEDS_FOR_FACTORIAL
    return measure_arms(
        arms,
        redraws=settings.n_bootstrap,
        seed=settings.seed,
        min_positives=settings.min_positive_patients,
        seed_design=design or ("factorial" if drawn else "nested"),
    )


def _metrics_of(measured: MeasuredArms, arms: Sequence[str]) -> pl.DataFrame:
    return pl.concat([metrics_table(measured, arm).select(pl.lit(arm).alias("arm"), pl.all()) for arm in arms])


def _predictions_file(directory: Path, arm: str, seed: int) -> Path:
    return directory / "predictions" / arm / f"seed-{seed}.parquet"


def _probe_file(directory: Path, arm: str, seed: int) -> Path:
    return directory / "probes" / arm / f"seed-{seed}.parquet"


def _baseline_file(directory: Path, name: str) -> Path:
    return directory / "baselines" / f"{name}.parquet"
