"""Images with annotated boxes of a finding, on which heat maps are scored."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from hilum.explanation.localisation.scores import Boxes


@dataclass(frozen=True)
class BoxedCase:
    """Finding on an image with its boxes.

    Attributes:
        image_id: Id of the image.
        patient_id: Id of the patient.
        finding: Canonical name of the finding.
        boxes: Boxes, (K, 4), K at least 1, as fractions of the stored image.
    """

    image_id: str
    patient_id: str
    finding: str
    boxes: Boxes


def boxed_cases(boxes: pl.DataFrame, patients: dict[str, str], findings: Collection[str]) -> list[BoxedCase]:
    """Group boxes by image and finding.

    All boxes of several readers are used: the finding is their union.

    Args:
        boxes: `image_id`, `finding`, `x`, `y`, `width`, `height` as fractions of the stored image.
        patients: Patient by image id; boxes on other images are ignored.
        findings: Findings; boxes of other findings are ignored.

    Returns:
        Cases sorted by finding, then image.
    """
    wanted = boxes.filter(pl.col("image_id").is_in(list(patients)) & pl.col("finding").is_in(list(findings)))
    cases = []
    for (finding, image_id), rows in wanted.sort("finding", "image_id", maintain_order=True).group_by(
        "finding", "image_id", maintain_order=True
    ):
        corners = rows.select("x", "y", "width", "height").to_numpy().astype(np.float64)
        cases.append(BoxedCase(str(image_id), patients[str(image_id)], str(finding), corners))
    return cases
