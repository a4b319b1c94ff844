"""A finished study made of random scores: every number on the page is computed from them by hilum.evaluation."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from hilum.evaluation import (
    AVERAGES,
    METRICS,
    Predictions,
    as_predictions,
    choose_thresholds,
    comparisons_table,
    equivalence_table,
    evaluate_arms,
    evaluate_subgroups,
    external_validation,
    measure_arms,
    metrics_table,
    ranks_table,
)
from hilum.findings import CHESTXRAY14
from hilum.report.content import ArmSummary, Box, Case, DataSummary, Embedding, ReportContent
from hilum.report.page import write_report

MakeStudy = Callable[..., ReportContent]


def scored_images(
    signal: float, findings: list[str], images: int, seed: int, prevalence: np.ndarray, name: str
) -> Predictions:
    labels_of = np.random.default_rng(7)  # the same images and labels for every arm and seed
    labels = labels_of.random((images, len(findings))) < prevalence
    shown = labels_of.standard_normal(labels.shape)
    own = np.random.default_rng(seed)
    logits = signal * labels + shown + 0.4 * own.standard_normal(labels.shape)
    ids = {
        "image_id": [f"film{i:05d}" for i in range(images)],
        "patient_id": [f"patient{i // 2}" for i in range(images)],
    }
    columns = {f"y_{finding}": labels[:, i].astype(float) for i, finding in enumerate(findings)}
    columns |= {f"p_{finding}": 1 / (1 + np.exp(1 - logits[:, i])) for i, finding in enumerate(findings)}
    return as_predictions(pl.DataFrame({**ids, "split": ["test"] * images, **columns}), name=name)


def training_curves(arms: dict[str, float], seeds: int, epochs: int = 12) -> pl.DataFrame:
    rows = []
    for arm, signal in arms.items():
        for seed in range(seeds):
            draw = np.random.default_rng(seed)
            for epoch in range(epochs):
                noise = 0.01 * draw.standard_normal()
                train = 0.25 + 0.4 * np.exp(-epoch / (4 - signal)) + noise
                val = 0.3 + 0.3 * np.exp(-epoch / 3) + 0.004 * epoch + noise - 0.03 * signal
                rows.append((arm, seed, "finetune", epoch, train, val, None, None))
            if arm != "scratch":
                for epoch in range(3 * epochs):
                    loss = 3 + 2 * np.exp(-epoch / 9) + 0.05 * draw.standard_normal() + signal
                    rows.append((arm, seed, "pretrain", epoch, loss, None, 0.03 + 0.0003 * epoch, 100.0 + 2 * epoch))
    columns = ["arm", "seed", "stage", "epoch", "train_loss", "val_loss", "feature_spread", "effective_rank"]
    return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)


def finished_study(
    arms: dict[str, float] | None = None,
    *,
    findings: int = 4,
    images: int = 300,
    seeds: int = 2,
    reference: str | None = "scratch",
    n_bootstrap: int = 400,
) -> ReportContent:
    arms = {"scratch": 0.8, "simclr": 1.3, "mocov2": 0.8} if arms is None else arms
    names = list(CHESTXRAY14[:findings])
    prevalence = np.geomspace(0.25, 0.04, findings)
    if findings > 3:
        prevalence[-1] = 4 / images
    predictions = {
        arm: [scored_images(signal, names, images, 100 * i + s, prevalence, f"{arm} seed {s}") for s in range(seeds)]
        for i, (arm, signal) in enumerate(arms.items())
    }
    metrics, comparisons = evaluate_arms(predictions, reference=reference, n_bootstrap=n_bootstrap, seed=0)
    counts = pl.DataFrame(
        [
            (split, name, images * k, images * k // 2, max(1, int(images * k * p)), 0)
            for split, k in (("train", 7), ("val", 1), ("test", 2))
            for name, p in zip(names, prevalence, strict=True)
        ],
        schema=["split", "finding", "images", "patients", "positives", "uncertain"],
        orient="row",
    )
    rejected = pl.DataFrame({"image_id": ["film90001", "film90002"], "reason": ["not an image", "empty file"]})
    split = "patients-70-10-20-s0 (3f9a1c)"
    return ReportContent(
        question="Does pretraining on our own images beat training from scratch when labels are few?",
        arms=[
            ArmSummary(
                arm,
                "resnet18",
                "random" if arm == "scratch" else f"{arm} on ours/train",
                11_172_810,
                11_172_810,
                False,
                list(range(seeds)),
                412.0 * (i + 1),
            )
            for i, arm in enumerate(arms)
        ],
        data=[DataSummary("ours", "folder", 10 * images + 2, 5 * images, split, counts, rejected)],
        scored_on=f"ours, test of {split}",
        metrics=metrics,
        comparisons=comparisons,
        reference=reference,
        n_bootstrap=n_bootstrap,
        predictions=predictions,
        curves=training_curves(arms, seeds),
        left_out=["Hernia: fewer than 10 positive patients in the test split, left out of macro."],
        provenance=[("Hilum", "0.1.0"), ("Hardware", "2 CPU cores"), ("Time a step, simclr", "0.31 s")],
        settings_yaml="question: Does pretraining help?\narms:\n  scratch: {encoder: resnet18}\n",
    )


def image(seed: int, side: int = 96) -> np.ndarray:
    """Two dark lungs beside a bright heart, and some noise."""
    y, x = np.mgrid[0:side, 0:side] / side
    draw = np.random.default_rng(seed)
    tone = 170 - 110 * sum(np.exp(-(((x - at) / 0.16) ** 2) - ((y - 0.45) / 0.3) ** 2) for at in (0.28, 0.72))
    tone += 50 * np.exp(-(((x - 0.55) / 0.12) ** 2) - ((y - 0.62) / 0.16) ** 2) + 8 * draw.standard_normal((side, side))
    return np.clip(tone, 0, 255).astype(np.uint8)


def heat(at: tuple[float, float], rows: int = 7) -> np.ndarray:
    y, x = (np.mgrid[0:rows, 0:rows] + 0.5) / rows
    return np.exp(-(((x - at[0]) / 0.15) ** 2) - ((y - at[1]) / 0.15) ** 2)


def images_by_likeness(images: int, *, thumbnails: bool = True) -> Embedding:
    draw = np.random.default_rng(0)
    label = draw.integers(0, 3, images)
    at = np.array([[0, 0], [4, 1], [1, 5]])[label] + draw.standard_normal((images, 2))
    shown = [cv2.imencode(".png", image(i % 20, 48))[1].tobytes() if thumbnails else None for i in range(images)]
    points = pl.DataFrame(
        {
            "image_id": [f"film{i:05d}" for i in range(images)],
            "x": at[:, 0],
            "y": at[:, 1],
            "label": [("No Finding", "Effusion <&>", "several")[k] for k in label],
            "thumbnail": pl.Series(shown, dtype=pl.Binary),
        }
    )
    return Embedding("t-SNE", ["Features of simclr, seed 0", "Silhouette 0.31"], points)


def cases_of(study: ReportContent, images: int, *, side: int = 96) -> list[Case]:
    findings = next(iter(study.predictions.values()))[0].findings
    arms = [arm.name for arm in study.arms][:2]
    return [
        Case(
            f"film{i:05d}",
            image(i, side),
            {(arm, f): heat((0.3 + 0.3 * (k % 2), 0.4 + 0.1 * k)) for k, f in enumerate(findings) for arm in arms},
            [Box(findings[0], 0.2, 0.3, 0.25, 0.3)] if i % 2 == 0 else [],
            f"view {'PA' if i % 3 else 'AP'}",
            {findings[i % 2]: "true positive" if i < 3 else "hardest positive"},
        )
        for i in range(images)
    ]


def baseline_tables(study: ReportContent, n_bootstrap: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two baselines whose scores are those of an arm with most of the signal drowned."""
    draw = np.random.default_rng(3)
    first = next(iter(study.predictions.values()))[0]
    baselines = {}
    for name, share in (("age, sex and view", 0.1), ("8x8 thumbnail", 0.4), ("random resnet18", 0.3)):
        scores = {
            f"p_{finding}": share * first.scores[:, k] + (1 - share) * draw.random(len(first.frame))
            for k, finding in enumerate(first.findings)
        }
        baselines[name] = [as_predictions(first.frame.with_columns(**scores), name=name)]
    measured = measure_arms({**baselines, **study.predictions}, n_bootstrap=n_bootstrap)
    metrics = pl.concat(
        [metrics_table(measured, name).select(pl.lit(name).alias("arm"), pl.all()) for name in baselines]
    )
    pairs = [comparisons_table(measured, reference=name) for name in baselines]
    compared = pl.concat(pairs).filter(pl.col("arm").is_in(list(study.predictions)))
    return metrics, compared


def audited(study: ReportContent) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """What `hilum label-issues` leaves, in its columns."""
    noise = pl.DataFrame(
        {
            "finding": ["Atelectasis", "Hernia"], "n": [300, 300], "positives": [70, 1],
            "flagged_positives": [12, None], "flagged_negatives": [9, None], "noise_rate_positives": [0.14, None],
            "noise_rate_negatives": [0.04, None], "auroc_ceiling": [0.91, None],
            "note": ["", "fewer than two positives or negatives: excluded"],
        }
    )  # fmt: skip
    issues = pl.DataFrame(
        {
            "image_id": [f"film{i:05d}" for i in range(8)], "patient_id": ["p"] * 8, "finding": ["Atelectasis"] * 8,
            "label": [1, 0] * 4, "probability": np.linspace(0.05, 0.4, 8), "label_quality": np.linspace(0.05, 0.4, 8),
            "is_label_issue": [True] * 7 + [False], "rank": list(range(1, 9)),
        }
    )  # fmt: skip
    numbers = {
        f"{name}{end}": [0.5 + shift]
        for name in ("kappa", "sensitivity", "specificity")
        for end, shift in (("", 0.0), ("_ci_low", -0.1), ("_ci_high", 0.1))
    }
    agreement = pl.DataFrame(
        {
            "finding": ["Airspace opacity"], "nlp_label": ["Atelectasis or Pneumonia"], "n": [1962], "patients": [800],
            "adjudicated_positives": [900], "nlp_positives": [700], "discordant": [420],
            "discordant_positives": [110], "discordant_negatives": [310], **numbers, "auroc_ceiling": [0.79],
        }
    )  # fmt: skip
    return noise, issues, agreement


def scored_boxes() -> pl.DataFrame:
    """What `hilum explain` leaves as box_statistics.parquet, in its columns."""
    rows = [
        (
            finding,
            metric,
            arm,
            reference,
            0.6,
            0.5,
            0.7,
            0.01 if reference else None,
            0.02 if reference else None,
            40,
            38,
            44,
            "",
        )
        for arm, reference in (("simclr", None), ("centre prior", None), ("simclr", "centre prior"))
        for metric in ("pointing", "energy", "overlap", "iou", "iou25", "iou50", "ap25", "ap50")
        for finding in ("macro", "Atelectasis", "Effusion")
    ]
    names = [
        "finding",
        "metric",
        "arm",
        "reference",
        "estimate",
        "ci_low",
        "ci_high",
        "p",
        "p_adjusted",
        "images",
        "patients",
        "boxes",
        "note",
    ]
    return pl.DataFrame(rows, schema=names, orient="row")


def full_study(
    images: int = 300, findings: int = 4, cases: int = 6, points: int = 80, n_bootstrap: int = 200
) -> ReportContent:
    """Every part that a page may have."""
    study = finished_study(images=images, findings=findings, n_bootstrap=n_bootstrap)
    other = {arm: [scored_images(1.0, runs[0].findings, images, 50 + s, np.full(findings, 0.2), f"{arm} val {s}") for s in range(len(runs))] for arm, runs in study.predictions.items()}  # fmt: skip
    renamed = {arm: [as_predictions(run.frame.with_columns(pl.lit("val").alias("split"), pl.format("val {}", "image_id").alias("image_id")), name=run.name) for run in runs] for arm, runs in other.items()}  # fmt: skip
    thresholds = {
        arm: [choose_thresholds(val, "youden", evaluated=run) for val, run in zip(renamed[arm], runs, strict=True)]
        for arm, runs in study.predictions.items()
    }
    measured = measure_arms(
        study.predictions, metrics=METRICS, averages=AVERAGES, thresholds=thresholds, n_bootstrap=n_bootstrap
    )
    each = [metrics_table(measured, arm).select(pl.lit(arm).alias("arm"), pl.all()) for arm in study.predictions]
    baseline_metrics, baseline_comparisons = baseline_tables(study, n_bootstrap)
    sexes = {f"film{i:05d}": "FM"[i // 2 % 2] for i in range(images)}
    bands = {f"film{i:05d}": ("0-39", "40-79", "80+")[min(2, i * 5 // (2 * images))] for i in range(images)}
    groups = [
        evaluate_subgroups(
            study.predictions[arm],
            {"sex": sexes, "age": bands},
            metrics=("auroc", "underdiagnosis"),
            thresholds=thresholds[arm],
            n_bootstrap=n_bootstrap,
            min_patients=5,
        ).select(pl.lit(arm).alias("arm"), pl.all())
        for arm in ("scratch", "simclr")
    ]
    away = scored_images(0.6, study.predictions["simclr"][0].findings, images, 9, np.full(findings, 0.2), "away")
    cells = {
        ("ours", "ours"): study.predictions["simclr"][:1],
        ("ours", "theirs"): [away],
        ("theirs", "theirs"): [away],
    }
    noise, issues, agreement = audited(study)
    return replace(
        study,
        metrics=pl.concat(each),
        comparisons=comparisons_table(measured, reference="scratch"),
        thresholds=thresholds,
        baseline_metrics=baseline_metrics,
        baseline_comparisons=baseline_comparisons,
        ranks=ranks_table([measured]),
        margins=equivalence_table(measured, 0.02, reference="scratch"),
        subgroups=pl.concat(groups),
        external=external_validation(cells, n_bootstrap=n_bootstrap),
        noise=noise,
        issues=issues,
        agreement=agreement,
        box_scores=scored_boxes(),
        embeddings=[images_by_likeness(points)],
        cases=cases_of(study, cases),
    )


@pytest.fixture(scope="session")
def full() -> ReportContent:
    return full_study()


@pytest.fixture(scope="session")
def full_page(full: ReportContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that has every part, written; not to be changed."""
    return write_report(full, tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="session")
def make_full() -> MakeStudy:
    return full_study


@pytest.fixture(scope="session")
def make_study() -> MakeStudy:
    return finished_study


@pytest.fixture(scope="session")
def study() -> ReportContent:
    return finished_study()


@pytest.fixture
def contaminated(study: ReportContent) -> ReportContent:
    return replace(study, arms=[replace(arm, trained_on_test_patients=arm.name == "simclr") for arm in study.arms])
