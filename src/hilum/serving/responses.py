"""JSON responses, without DICOM tags, file names or patient data, except for membership in the training data."""

import base64
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.explanation.localisation import coloured
from hilum.prediction.loading import PackagedClassifier
from hilum.prediction.reading import ReadImage
from hilum.prediction.reasons import Reason, Refusal
from hilum.serving.scoring import ImageScores

NOTICE = "Research tool, not a medical device: not for diagnosis."
_OF_THE_PATIENT = frozenset({Reason.AGE_OUTSIDE_TRAINING})
"""Reasons whose details are patient data, and are not sent."""


def scored_item(
    model: PackagedClassifier, index: int, read: ReadImage, scores: ImageScores, in_training: bool | None
) -> dict[str, Any]:
    """Build the record of a scored image.

    Args:
        model: Model that scored the image.
        index: Index of the image in its request, from 0.
        read: The image.
        scores: Its scores.
        in_training: True if the model was trained on its patient; None if unknown.
    """
    row = scores.probabilities
    calibrated = model.description.calibrated(row[None])[0]
    item: dict[str, Any] = {
        "index": index,
        "findings": [
            {
                "finding": described.name,
                "probability": float(p),
                "calibrated": _or_null(float(c)),
                "threshold": described.threshold,
                "call": None if described.threshold is None else int(float(p) >= described.threshold),
            }
            for described, p, c in zip(model.description.findings, row, calibrated, strict=True)
        ],
        "in_training": in_training,
        "remarks": [remark.value for remark in read.remarks],
    }
    if scores.maps is not None and read.pixels is not None:
        item["image"] = _data_uri(read.pixels)
        item["maps"] = {
            finding: _data_uri(coloured(heat)) for finding, heat in zip(model.findings, scores.maps, strict=True)
        }
    return item


def refused_item(index: int, refusal: Refusal, read: ReadImage | None = None) -> dict[str, Any]:
    """Build the record of a refused image.

    Args:
        index: Index of the image in its request, from 0.
        refusal: Reason for refusal.
        read: The image, as far as it was read.
    """
    reason = refusal.reason
    error = {"code": reason.value, "message": reason.description}
    if refusal.detail and reason not in _OF_THE_PATIENT:
        error["detail"] = refusal.detail
    remarks = [] if read is None else [remark.value for remark in read.remarks]
    return {"index": index, "error": error, "remarks": remarks}


def card_of(model: PackagedClassifier) -> dict[str, Any]:
    """Build the model card: model, training data and metrics, without patients."""
    described, card = model.description, model.cards[0]
    return {
        "name": described.name,
        "question": described.question,
        "encoder": card.encoder,
        "members": len(model.cards),
        "image_size": model.image_size,
        "preprocessing": card.preprocessing,
        "findings": [finding.model_dump(mode="json") for finding in described.findings],
        "threshold_rule": described.threshold_rule,
        "thresholds_chosen_on": described.thresholds_chosen_on,
        "calibration_method": described.calibration_method,
        "calibrated_on": described.calibrated_on,
        "trained_on": described.trained_on,
        "n_training_images": described.n_training_images,
        "training_range": described.training_range.model_dump(mode="json", exclude={"typical"}),
        "measured_on": described.measured_on,
        "n_bootstrap": described.n_bootstrap,
        "measured": [
            measured.model_dump(mode="json") | {key: _or_null(getattr(measured, key)) for key in _NUMBERS}
            for measured in described.measured
        ],
        "sha256": [each.sha256 for each in model.cards],
        "notice": NOTICE,
    }


_NUMBERS = ("estimate", "ci_low", "ci_high")


def _or_null(value: float | None) -> float | None:
    """Replace NaN, which JSON does not support, by None."""
    return value if value is not None and math.isfinite(value) else None


def _data_uri(image: NDArray[np.uint8]) -> str:
    written, content = cv2.imencode(".png", image)
    assert written
    return "data:image/png;base64," + base64.b64encode(content.tobytes()).decode("ascii")
