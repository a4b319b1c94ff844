"""Counts of the labelled training images of each seed under `label_fraction`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hilum.study.prepared import Prepared


@dataclass(frozen=True)
class LabelledSubset:
    """Labelled training images of one seed.

    Attributes:
        seed: Random seed of the draw of patients.
        percent: Percentage of the training patients.
        images, patients: Numbers of images and patients.
        positives: Number of positive images of each finding.
    """

    seed: int
    percent: float
    images: int
    patients: int
    positives: dict[str, int]


def labelled_subsets(prepared: Prepared) -> list[LabelledSubset]:
    """Count the labelled training images of each seed."""
    study = prepared.study
    subsets = []
    for seed in study.seeds:
        images = prepared.task.train_of(seed)
        positives = (np.nan_to_num(images.targets) == 1).sum(0).tolist()
        subsets.append(
            LabelledSubset(
                seed,
                study.task.labelled_percent,
                len(images.image_ids),
                len(set(images.patient_ids)),
                dict(zip(study.task.findings, positives, strict=True)),
            )
        )
    return subsets


def span(numbers: list[int]) -> str:
    """Return "14", or "12 to 17" if seeds differ."""
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def describe_subsets(subsets: list[LabelledSubset]) -> str:
    """Describe subsets: "10 % of the training patients: 14 images of 9 patients, 10 positive", with ranges over seeds.

    With several findings the positives are those of the rarest.
    """
    first = subsets[0]
    rarest = min(first.positives, key=lambda finding: sum(subset.positives[finding] for subset in subsets))
    of = "" if len(first.positives) == 1 else f" for {rarest}, the rarest finding"
    drawn = f", drawn separately for each of {len(subsets)} seeds" if len(subsets) > 1 and first.percent < 100 else ""
    return (
        f"{first.percent:g} % of the training patients: {span([subset.images for subset in subsets])} images of "
        f"{span([subset.patients for subset in subsets])} patients, "
        f"{span([subset.positives[rarest] for subset in subsets])} positive{of}{drawn}"
    )


def as_rows(subsets: list[LabelledSubset]) -> list[dict[str, Any]]:
    """Return one row per seed and finding: seed, percent, images, patients, finding, positives."""
    return [
        {
            "seed": subset.seed,
            "percent": float(subset.percent),
            "images": subset.images,
            "patients": subset.patients,
            "finding": finding,
            "positives": positives,
        }
        for subset in subsets
        for finding, positives in subset.positives.items()
    ]
