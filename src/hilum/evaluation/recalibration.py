"""Recalibration: temperature, Platt or isotonic scaling, fitted on validation images and applied to test images."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from hilum.errors import HilumError
from hilum.evaluation.metrics import split_by_label
from hilum.evaluation.predictions import SCORE, Predictions
from hilum.notes import Code, note
from hilum.wording import counted

Scaling: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_EDGE = 1e-12
"""Distance from 0 and 1 to which probabilities are clipped before the logit."""


@dataclass(frozen=True)
class LogitScaling:
    """Linear scaling of logits: sigmoid(slope · logit(p) + shift)."""

    slope: float
    shift: float = 0.0

    def __call__(self, given: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scale probabilities."""
        return np.asarray(expit(self.slope * _logits(given) + self.shift), dtype=np.float64)


def fit_temperature(labels: NDArray[np.floating], probabilities: NDArray[np.floating]) -> LogitScaling:
    """Fit temperature scaling by maximum likelihood (Guo et al., ICML 2017, §4.2). Preserves the order of images.

    Args:
        labels: (N,), 1, 0 or NaN (excluded), with positives and negatives.
        probabilities: (N,), 0 to 1.
    """
    positive, probability = split_by_label(labels, probabilities)
    x = _logits(probability)
    found = minimize_scalar(
        lambda log_slope: _loss(np.exp(log_slope) * x, positive), bounds=(-6.0, 6.0), method="bounded"
    )
    return LogitScaling(float(np.exp(found.x)))


def fit_platt(labels: NDArray[np.floating], probabilities: NDArray[np.floating]) -> LogitScaling:
    """Fit Platt scaling, slope and shift of the logits, by maximum likelihood.

    Platt, Advances in Large Margin Classifiers, 1999; without his smoothed targets, which are for perfectly separated
    classes. Preserves the order of images where the slope is positive.

    Args:
        labels: (N,), 1, 0 or NaN (excluded), with positives and negatives.
        probabilities: (N,), 0 to 1.
    """
    positive, probability = split_by_label(labels, probabilities)
    x = _logits(probability)

    def loss_and_gradient(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = at[0] * x + at[1]
        off = expit(z) - positive
        return _loss(z, positive), np.array([np.mean(off * x), np.mean(off)])

    start = np.array([1.0, 0.0])
    found = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", bounds=[(-50, 50), (-50, 50)])
    return LogitScaling(float(found.x[0]), float(found.x[1]))


def fit_isotonic(labels: NDArray[np.floating], probabilities: NDArray[np.floating]) -> Scaling:
    """Fit isotonic regression (Zadrozny & Elkan, KDD 2002), by scikit-learn. It makes ties, so it can change AUROC.

    Args:
        labels: (N,), 1, 0 or NaN (excluded), with positives and negatives.
        probabilities: (N,), 0 to 1.
    """
    positive, probability = split_by_label(labels, probabilities)
    steps = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(probability, positive)
    return lambda given: np.asarray(steps.predict(given), dtype=np.float64)


FITS: dict[str, Callable[[NDArray[np.floating], NDArray[np.floating]], Scaling]] = {
    "temperature": fit_temperature,
    "platt": fit_platt,
    "isotonic": fit_isotonic,
}


def recalibrate(
    predictions: Predictions,
    validation: Predictions,
    method: str = "temperature",
    *,
    same_images: bool = False,
) -> Predictions:
    """Recalibrate predictions by a scaling fitted on validation images, each finding separately.

    Args:
        predictions: Predictions to scale.
        validation: Predictions of the same model for other images; a finding without positives or negatives in them is
            not scaled, with a note.
        method: `temperature`, `platt` or `isotonic`.
        same_images: Allow images in both tables; only to choose a threshold on scaled validation images, never to
            evaluate.

    Returns:
        The same images and labels with scaled probabilities, and a note.

    Raises:
        HilumError: An unknown method; images in both tables; findings missing in validation.
    """
    if method not in FITS:
        raise HilumError("method", expected=", ".join(FITS), found=method, fix="Choose one of these.")
    where = f"{predictions.name} and {validation.name}"
    shared = set(predictions.image_ids) & set(validation.image_ids)
    if shared and not same_images and predictions.images_named and validation.images_named:
        found = f"{counted(len(shared))} in both ({min(shared)})"
        raise HilumError(where, expected="other images to fit on", found=found, fix="Fit on validation images.")
    missing = [finding for finding in predictions.findings if finding not in validation.findings]
    if missing:
        fix = "Predict them on validation images as well."
        raise HilumError(validation.name, expected="the same findings", found=f"no {', '.join(missing)}", fix=fix)
    labels, scores, new = validation.labels, validation.scores, predictions.scores
    unfitted, columns = [], []
    for index, finding in enumerate(predictions.findings):
        at = validation.findings.index(finding)
        if {0.0, 1.0} <= set(labels[:, at]):
            columns.append(pl.Series(SCORE + finding, FITS[method](labels[:, at], scores[:, at])(new[:, index])))
        else:
            unfitted.append(finding)
    images = validation.split or validation.name
    scaled = note(Code.RECALIBRATED, method=method, images=images)
    if unfitted:
        scaled = note(Code.RECALIBRATED_IN_PART, method=method, images=images, findings=", ".join(unfitted))
    return replace(predictions, frame=predictions.frame.with_columns(columns), notes=[*predictions.notes, scaled])


def _logits(probability: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(probability, _EDGE, 1 - _EDGE)), dtype=np.float64)


def _loss(z: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Compute the mean negative log-likelihood of labels under logits z."""
    return float(np.mean(np.logaddexp(0, z) - positive * z))
