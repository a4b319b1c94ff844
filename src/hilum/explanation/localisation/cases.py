"""Images with drawn boxes of a finding: what heat-maps are scored on."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from hilum.explanation.localisation.scores import Boxes


@dataclass(frozen=True)
class BoxedCase:
    """One finding on one image, with its boxes.

    Attributes:
        image_id: of the image.
        patient_id: whose image it is.
        finding: canonical.
        boxes: (K, 4), K at least 1, as fractions of the stored image.
    """

    image_id: str
    patient_id: str
    finding: str
    boxes: Boxes


def boxed_cases(boxes: pl.DataFrame, patients: dict[str, str], findings: Collection[str]) -> list[BoxedCase]:
    """Gather boxes by image and finding.

    Boxes of several readers all count: their union is where the finding is.

    Args:
        boxes: `image_id`, `finding`, `x`, `y`, `width`, `height` as fractions of the stored image.
        patients: patient by image id; boxes on other images are left out.
        findings: boxes of others are left out.

    Returns:
        Sorted by finding, then image.
    """
    wanted = boxes.filter(pl.col("image_id").is_in(list(patients)) & pl.col("finding").is_in(list(findings)))
    cases = []
    for (finding, image_id), rows in wanted.sort("finding", "image_id", maintain_order=True).group_by(
        "finding", "image_id", maintain_order=True
    ):
        corners = rows.select("x", "y", "width", "height").to_numpy().astype(np.float64)
        cases.append(BoxedCase(str(image_id), patients[str(image_id)], str(finding), corners))
    return cases
