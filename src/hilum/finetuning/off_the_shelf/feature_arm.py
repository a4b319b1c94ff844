"""Arm of external features: fit a head, score images, and write the files of a fine-tuning."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from hilum.artifacts import file_sha256, whole_directory, whole_file
from hilum.data.labelled_images import LabelledImages
from hilum.data.patients import pseudonymised_names
from hilum.data.store import Store
from hilum.encoders.card import Card, write_card
from hilum.encoders.statements import Statement
from hilum.finetuning.monitoring import Learning, write_learning
from hilum.finetuning.off_the_shelf.feature_heads import FeatureHead, score_features
from hilum.finetuning.off_the_shelf.feature_table import FeatureTable
from hilum.finetuning.scores import write_run_scores

FEATURES = "features"
"""Value of a card's encoder and method."""

_CURVES = {"epoch": pl.Int64, "step": pl.Int64} | dict.fromkeys(
    ("train_loss", "val_loss", "lr", "images_per_second", "data_wait_fraction", "seconds"), pl.Float64
)


def no_training(logit_spread: float) -> Learning:
    """Return the training summary of a run without epochs."""
    return Learning(
        best_epoch=0, epochs=0, steps=0, planned_epochs=0, late_fall=0.0, train_loss=0.0, chance_loss=0.0,
        logit_spread=logit_spread, signs=[],
    )  # fmt: skip


def write_no_curves(path: Path) -> None:
    """Write curves without rows, for a run without epochs."""
    with whole_file(path) as beside:
        pl.DataFrame(schema=_CURVES | {"selected": pl.Boolean}).write_parquet(beside)


def score_feature_arm(
    table: FeatureTable,
    store: Store,
    train: LabelledImages,
    val: LabelledImages,
    predict_ids: Sequence[str],
    findings: Sequence[str],
    *,
    head: FeatureHead,
    seed: int,
    directory: Path,
    statements: Sequence[Statement],
    split_title: str = "",
) -> Path:
    """Fit a head to external features, score images, and write the files of a fine-tuning.

    Files: scores.parquet, probe_scores.parquet (logistic regression on the same features), card.json, learning.json and
    curves.parquet without rows. There is no model.safetensors, since the model of the features is external.

    Args:
        table: Features of all images.
        store: Pixels of all images, which identify scores.
        train, val: Images with targets, (N, findings).
        predict_ids: Images to score.
        findings: Columns of the targets.
        head: As in `score_features`.
        seed: Random seed of the head.
        directory: Output directory; complete or absent.
        statements: Statements on the training images of the features' model.
        split_title: Title of the split, for the card.

    Raises:
        HilumError: Images missing in the table.
    """
    scores = score_features(table, train, val, predict_ids, head, seed=seed)
    probed = scores if head == "logistic" else score_features(table, train, val, predict_ids, "logistic", seed=seed)
    with whole_directory(directory) as beside:
        write_run_scores(scores, probed, findings, store, predict_ids, beside)
        write_no_curves(beside / "curves.parquet")
        write_learning(no_training(float(scores.std(axis=0).max()) if len(scores) else 0.0), beside)
        settings: dict[str, Any] = {"head": head, "features": table.path.name, "dimensions": table.values.shape[1]}
        card = Card(
            encoder=FEATURES, method=FEATURES, starts_from=file_sha256(table.path), settings=settings,
            preprocessing=store.recipe.as_data(), image_size=store.recipe.size, mean=0.0, std=1.0, seed=seed,
            split=split_title, training_patients=pseudonymised_names([*train.patient_ids, *val.patient_ids]),
            n_training_images=len(train.image_ids), statements=list(statements), findings=list(findings),
        )  # fmt: skip
        write_card(card, beside)
    return directory
