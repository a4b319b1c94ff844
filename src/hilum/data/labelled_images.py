"""Images with targets for training and model selection."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.data.balance import resampled_rows
from hilum.data.resampling import Resampling
from hilum.errors import HilumError

UNCERTAIN_CLASS = 2.0
"""Target of an uncertain label with `uncertain: own_class`; written by `hilum.data.labels.targets`."""


@dataclass(frozen=True)
class LabelledImages:
    """Training or validation images with their targets. Test images are passed as ids only, without labels.

    Attributes:
        image_ids: N ids.
        patient_ids: Patient of each image, (N,).
        targets: (N, findings) float32: 1 positive, 0 negative, NaN masked; `UNCERTAIN_CLASS` only if uncertain labels
            are a class of their own.
        copies: Copy number of each row, (N,) int8: 0 is the image itself, k the copy
            `hilum.data.resampling.COPIES[k - 1]`; None without resampling.
    """

    image_ids: list[str]
    patient_ids: list[str]
    targets: NDArray[np.float32]
    copies: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        lengths = len(self.image_ids), len(self.patient_ids), len(self.targets)
        if len(set(lengths)) > 1 or self.targets.ndim != 2:
            raise HilumError(
                "labelled images",
                expected="an id, a patient and a row of targets for each image",
                found=f"{lengths[0]} ids, {lengths[1]} patients, targets of shape {self.targets.shape}",
                fix="Take all three from the same rows of the manifest.",
            )
        codes = self.targets[~np.isnan(self.targets)]
        if not np.isin(codes, (0.0, 1.0, UNCERTAIN_CLASS)).all():
            wrong = sorted({float(code) for code in codes} - {0.0, 1.0, UNCERTAIN_CLASS})
            raise HilumError(
                "labelled images",
                expected="targets 0, 1, 2 (uncertain) or NaN",
                found=", ".join(f"{value:g}" for value in wrong[:5]),
                fix="Turn codes into targets with hilum.data.labels.targets.",
            )

    def only(self, image_ids: Collection[str]) -> "LabelledImages":
        """Return the rows of these images, in the same order."""
        rows = [row for row, image_id in enumerate(self.image_ids) if image_id in image_ids]
        return LabelledImages(
            image_ids=[self.image_ids[row] for row in rows],
            patient_ids=[self.patient_ids[row] for row in rows],
            targets=self.targets[rows],
            copies=None if self.copies is None else self.copies[rows],
        )

    def resampled(self, rule: Resampling, seed: int) -> "LabelledImages":
        """Return the images with copies of those of rare classes and a subset of those of common ones.

        Args:
            rule: Resampling rule; it uses the class weights of these images.
            seed: Random seed of the choice of images in common classes.

        Raises:
            HilumError: An image of no class or of several.
        """
        rows, copies = resampled_rows(self.image_ids, self.targets == 1, rule, seed)
        return LabelledImages(
            image_ids=[self.image_ids[row] for row in rows],
            patient_ids=[self.patient_ids[row] for row in rows],
            targets=self.targets[rows],
            copies=copies,
        )
