"""The evaluation of a study: scores meet test labels here, and nowhere before."""

from pathlib import Path

from hilum.artifacts import whole_directory
from hilum.evaluate import Predictions, evaluate_arms, read_predictions
from hilum.progress import ProgressReport
from hilum.study.plan import finetuning_directory
from hilum.study.prepare import Prepared
from hilum.study.scored_labels import write_predictions

EVALUATION = "evaluation"


def judge(prepared: Prepared, out: Path, on_progress: ProgressReport) -> None:
    """Write predictions of every arm and seed, and `metrics.parquet` and `comparisons.parquet` over all of them."""
    study, settings = prepared.study, prepared.study.evaluate
    on_progress(0, 2, "joining scores with labels")
    with whole_directory(out / EVALUATION) as directory:
        for arm in study.arms:
            for seed in study.seeds:
                scores = out / finetuning_directory(arm, seed) / "scores.parquet"
                write_predictions(prepared, scores, _predictions_file(directory, arm, seed))
        on_progress(1, 2, f"{settings.redraws:,} redraws of patients")
        arms = {
            arm: [read_predictions(_predictions_file(directory, arm, seed)) for seed in study.seeds]
            for arm in study.arms
        }
        metrics, comparisons = evaluate_arms(
            arms,
            against=study.reference_arm if len(study.arms) > 1 else None,
            redraws=settings.redraws,
            seed=settings.seed,
            min_positives=settings.min_positives,
        )
        metrics.write_parquet(directory / "metrics.parquet")
        comparisons.write_parquet(directory / "comparisons.parquet")
        on_progress(2, 2, "")


def read_arm(out: Path, arm: str, seeds: list[int]) -> list[Predictions]:
    """Predictions of one arm on the test films, one table a seed."""
    return [read_predictions(_predictions_file(out / EVALUATION, arm, seed)) for seed in seeds]


def _predictions_file(directory: Path, arm: str, seed: int) -> Path:
    return directory / "predictions" / arm / f"seed-{seed}.parquet"
