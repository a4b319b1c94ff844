"""A finished study made of random scores: every number on the page is computed from them by hilum.evaluate."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from hilum.evaluate import Predictions, as_predictions, evaluate_arms
from hilum.findings import CHESTXRAY14
from hilum.report.content import ArmSummary, DataSummary, ReportContent

MakeStudy = Callable[..., ReportContent]


def scored_films(
    signal: float, findings: list[str], films: int, seed: int, prevalence: np.ndarray, name: str
) -> Predictions:
    labels_of = np.random.default_rng(7)  # the same films and labels for every arm and seed
    labels = labels_of.random((films, len(findings))) < prevalence
    shown = labels_of.standard_normal(labels.shape)
    own = np.random.default_rng(seed)
    logits = signal * labels + shown + 0.4 * own.standard_normal(labels.shape)
    ids = {"image_id": [f"film{i:05d}" for i in range(films)], "patient_id": [f"patient{i // 2}" for i in range(films)]}
    columns = {f"y_{finding}": labels[:, i].astype(float) for i, finding in enumerate(findings)}
    columns |= {f"p_{finding}": 1 / (1 + np.exp(1 - logits[:, i])) for i, finding in enumerate(findings)}
    return as_predictions(pl.DataFrame({**ids, "split": ["test"] * films, **columns}), name=name)


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
    films: int = 300,
    seeds: int = 2,
    against: str | None = "scratch",
    redraws: int = 400,
) -> ReportContent:
    arms = {"scratch": 0.8, "simclr": 1.3, "mocov2": 0.8} if arms is None else arms
    names = list(CHESTXRAY14[:findings])
    prevalence = np.geomspace(0.25, 0.04, findings)
    if findings > 3:
        prevalence[-1] = 4 / films
    predictions = {
        arm: [scored_films(signal, names, films, 100 * i + s, prevalence, f"{arm} seed {s}") for s in range(seeds)]
        for i, (arm, signal) in enumerate(arms.items())
    }
    metrics, comparisons = evaluate_arms(predictions, against=against, redraws=redraws, seed=0)
    counts = pl.DataFrame(
        [
            (split, name, films * k, films * k // 2, max(1, int(films * k * p)), 0)
            for split, k in (("train", 7), ("val", 1), ("test", 2))
            for name, p in zip(names, prevalence, strict=True)
        ],
        schema=["split", "finding", "films", "patients", "positives", "uncertain"],
        orient="row",
    )
    rejected = pl.DataFrame({"image_id": ["film90001", "film90002"], "reason": ["not an image", "empty file"]})
    split = "patients-70-10-20-s0 (3f9a1c)"
    return ReportContent(
        question="Does pretraining on our own films beat training from scratch when labels are few?",
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
        data=[DataSummary("ours", "folder", 10 * films + 2, 5 * films, split, counts, rejected)],
        scored_on=f"ours, test of {split}",
        metrics=metrics,
        comparisons=comparisons,
        against=against,
        redraws=redraws,
        predictions=predictions,
        curves=training_curves(arms, seeds),
        left_out=["Hernia: fewer than 10 positive patients in the test split, left out of macro."],
        provenance=[("Hilum", "0.1.0"), ("Hardware", "2 CPU cores"), ("Time a step, simclr", "0.31 s")],
        settings_yaml="question: Does pretraining help?\narms:\n  scratch: {encoder: resnet18}\n",
    )


@pytest.fixture(scope="session")
def make_study() -> MakeStudy:
    return finished_study


@pytest.fixture(scope="session")
def study() -> ReportContent:
    return finished_study()


@pytest.fixture
def contaminated(study: ReportContent) -> ReportContent:
    return replace(study, arms=[replace(arm, has_seen_test_patients=arm.name == "simclr") for arm in study.arms])
