"""Numbers of positive and negative images and patients of each finding."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_PATIENTS = 2
"""Minimum number of positive (and negative) patients: with one there is no variance between patients."""


@dataclass(frozen=True)
class Cases:
    """Counts of each finding, (F,) each, over images with a known label.

    Attributes:
        images, positives, negatives: Numbers of images.
        patients: Patients with a known label.
        positive_patients, negative_patients: Patients with at least one positive (negative) image.
    """

    images: NDArray[np.int64]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    patients: NDArray[np.int64]
    positive_patients: NDArray[np.int64]
    negative_patients: NDArray[np.int64]

    def enough(self, min_patients: int) -> NDArray[np.bool_]:
        """Return findings with at least this number (and two) of positive and of negative patients, (F,) bool."""
        return np.minimum(self.positive_patients, self.negative_patients) >= max(min_patients, LEAST_PATIENTS)


def count_cases(labels: NDArray[np.floating], patients: NDArray[np.int32]) -> Cases:
    """Count images and patients by finding and label.

    Args:
        labels: (N, F), 1, 0 or NaN (unknown).
        patients: (N,), patient of each image.
    """
    masks = ~np.isnan(labels), labels == 1, labels == 0
    images, positives, negatives = (mask.sum(axis=0) for mask in masks)
    owners = [np.array([len(np.unique(patients[column])) for column in mask.T], dtype=np.int64) for mask in masks]
    return Cases(images, positives, negatives, *owners)
