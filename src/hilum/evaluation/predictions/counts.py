"""How many positives and negatives there are, in images and in patients: what a finding's number can rest on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_PATIENTS = 2
"""On each side of a number: with one patient there is no spread between patients to compute."""


@dataclass(frozen=True)
class Cases:
    """Counts of each finding, (F,) each, over images whose label is known.

    Attributes:
        images, positives, negatives: images.
        patients: patients with a known label.
        positive_patients, negative_patients: patients with at least one positive, negative image.
    """

    images: NDArray[np.int64]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    patients: NDArray[np.int64]
    positive_patients: NDArray[np.int64]
    negative_patients: NDArray[np.int64]

    def enough(self, min_patients: int) -> NDArray[np.bool_]:
        """Findings with at least so many positive and so many negative patients, never fewer than two, (F,)."""
        return np.minimum(self.positive_patients, self.negative_patients) >= max(min_patients, LEAST_PATIENTS)


def count_cases(labels: NDArray[np.floating], patients: NDArray[np.int32]) -> Cases:
    """Count.

    Args:
        labels: (N, F), 1, 0 or NaN (unknown).
        patients: (N,), whose image it is.
    """
    masks = ~np.isnan(labels), labels == 1, labels == 0
    images, positives, negatives = (mask.sum(axis=0) for mask in masks)
    owners = [np.array([len(np.unique(patients[column])) for column in mask.T], dtype=np.int64) for mask in masks]
    return Cases(images, positives, negatives, *owners)
