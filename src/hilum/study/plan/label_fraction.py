"""How many labels a study learns from, counted for every replicate: the share that `label_fraction` leaves of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hilum.study.prepared import Prepared


@dataclass(frozen=True)
class LabelledSubset:
    """What one replicate learns from with labels.

    Attributes:
        seed: of the replicate, which draws the patients.
        percent: of the training patients.
        images, patients: how many.
        positives: images positive for each finding.
    """

    seed: int
    percent: float
    images: int
    patients: int
    positives: dict[str, int]


def labelled_subsets(prepared: Prepared) -> list[LabelledSubset]:
    """One a seed, in the study's order."""
    study = prepared.study
    shares = []
    for seed in study.seeds:
        images = prepared.task.train_of(seed)
        positives = (np.nan_to_num(images.targets) == 1).sum(0).tolist()
        shares.append(
            LabelledSubset(
                seed,
                study.task.labelled_percent,
                len(images.image_ids),
                len(set(images.patient_ids)),
                dict(zip(study.task.findings, positives, strict=True)),
            )
        )
    return shares


def span(numbers: list[int]) -> str:
    """As in "14", or "12 to 17" where replicates differ."""
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def describe_subsets(shares: list[LabelledSubset]) -> str:
    """As in "10 % of the training patients: 14 images of 9 patients, 10 positive"; spans over seeds where they differ.

    With several findings the number of positives is that of the rarest.
    """
    first = shares[0]
    rarest = min(first.positives, key=lambda finding: sum(share.positives[finding] for share in shares))
    of = "" if len(first.positives) == 1 else f" for {rarest}, the rarest finding"
    drawn = f", drawn anew for each of {len(shares)} seeds" if len(shares) > 1 and first.percent < 100 else ""
    return (
        f"{first.percent:g} % of the training patients: {span([share.images for share in shares])} images of "
        f"{span([share.patients for share in shares])} patients, "
        f"{span([share.positives[rarest] for share in shares])} positive{of}{drawn}"
    )


def as_rows(shares: list[LabelledSubset]) -> list[dict[str, Any]]:
    """One row a seed and finding: seed, percent, images, patients, finding, positives."""
    return [
        {
            "seed": share.seed,
            "percent": float(share.percent),
            "images": share.images,
            "patients": share.patients,
            "finding": finding,
            "positives": positives,
        }
        for share in shares
        for finding, positives in share.positives.items()
    ]
