"""Images whose labels training and selection may see."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.data.balance import resampled_rows
from hilum.data.resampling import Resampling
from hilum.errors import HilumError

UNCERTAIN_CLASS = 2.0
"""Target of an uncertain label where uncertain is a class of its own; as `hilum.data.labels.targets` writes it."""


@dataclass(frozen=True)
class LabelledImages:
    """Training or validation images with their targets; images to be scored come as ids alone, without any label.

    Attributes:
        image_ids: N ids.
        patient_ids: whose images they are, (N).
        targets: (N, findings) float32: 1 positive, 0 negative, NaN masked; `UNCERTAIN_CLASS` only where uncertain is a
            class of its own.
        copies: number of each row's copy of its image, (N) int8: 0 the image itself, then
            `hilum.data.resampling.COPIES[number - 1]`; None where every image stands once, as it is.
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
        """Those of these images, in the same order; what is not among them was set aside."""
        rows = [row for row, image_id in enumerate(self.image_ids) if image_id in image_ids]
        return LabelledImages(
            image_ids=[self.image_ids[row] for row in rows],
            patient_ids=[self.patient_ids[row] for row in rows],
            targets=self.targets[rows],
            copies=None if self.copies is None else self.copies[rows],
        )

    def resampled(self, rule: Resampling, seed: int) -> "LabelledImages":
        """These images with more of rare classes, in copies, and fewer of common ones.

        Args:
            rule: who gets more and who fewer, by the class weights of these images.
            seed: of the draw of the images kept in common classes.

        Raises:
            HilumError: an image of no class or of several.
        """
        rows, copies = resampled_rows(self.image_ids, self.targets == 1, rule, seed)
        return LabelledImages(
            image_ids=[self.image_ids[row] for row in rows],
            patient_ids=[self.patient_ids[row] for row in rows],
            targets=self.targets[rows],
            copies=copies,
        )
