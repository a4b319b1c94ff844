"""Thresholds chosen on validation images, so that their results on test images are unbiased.

A threshold chosen on the evaluated images is optimistic; it is allowed on request, and marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import HilumError
from hilum.evaluation.metrics import cumulative_calls, split_by_label
from hilum.evaluation.predictions import Predictions
from hilum.notes import Code, note
from hilum.threshold_rule import parse_rule

OPTIMISTIC = note(Code.OPTIMISTIC_THRESHOLD)


@dataclass(frozen=True)
class Thresholds:
    """One threshold a finding.

    Attributes:
        rule: Rule as given.
        chosen_on: Split or name of the table they were chosen on; None for a fixed number.
        values: Thresholds by finding, on the scale of the scores; NaN where undefined.
        optimistic: True where they were chosen on the evaluated images.
    """

    rule: str
    chosen_on: str | None
    values: dict[str, float]
    optimistic: bool = False

    def of(self, findings: Sequence[str]) -> NDArray[np.float64]:
        """Return thresholds in the order of these findings, (F,).

        Raises:
            HilumError: A finding without a threshold.
        """
        missing = [finding for finding in findings if finding not in self.values]
        if missing:
            raise HilumError(
                self.chosen_on or "thresholds",
                expected="the findings that are evaluated",
                found=f"none of {', '.join(missing)}",
                fix="Choose thresholds on predictions of the same findings.",
            )
        return np.array([self.values[finding] for finding in findings])


def choose_threshold(labels: ArrayLike, scores: ArrayLike, rule: str) -> float:
    """Choose a threshold of one finding; scores at or above it are called positive.

    Args:
        labels: (N,), 1, 0 or NaN (excluded).
        scores: (N,).
        rule: `youden`, the largest sensitivity + specificity - 1 (Youden, Cancer 3:32-35, 1950); `f1`, the largest F1;
            `sensitivity=S`, the highest threshold with at least this sensitivity; `specificity=S`, the lowest with at
            least this specificity; or a number, the threshold itself. Ties are resolved to the highest threshold.

    Returns:
        One of the scores; infinity where no score is specific enough; NaN without positives or without negatives.

    Raises:
        HilumError: An unknown rule.
    """
    name, target = parse_rule(rule)
    if name == "fixed":
        return target
    positive, score = split_by_label(labels, scores)
    if positive.all() or not positive.any():
        return float("nan")
    candidates = np.unique(score)[::-1]
    true, false = cumulative_calls(positive, score)
    positives, negatives = int(true[-1]), int(false[-1])
    if name == "youden":  # in whole numbers, so that ties are exact
        return float(candidates[np.argmax(true * negatives - false * positives)])
    if name == "f1":
        return float(candidates[np.argmax(2 * true / (true + false + positives))])
    if name == "sensitivity":
        return float(candidates[np.argmax(true >= target * positives - _ROUNDING)])
    specific = np.flatnonzero(negatives - false >= target * negatives - _ROUNDING)
    return float(candidates[specific[-1]]) if len(specific) else float("inf")


def choose_thresholds(
    validation: Predictions, rule: str = "youden", *, evaluated: Predictions | None = None
) -> Thresholds:
    """Choose a threshold for each finding.

    Args:
        validation: Predictions of images held out from training and test.
        rule: As in `choose_threshold`.
        evaluated: Predictions the thresholds will be used on; with images in both, the thresholds are marked as
            optimistic.

    Raises:
        HilumError: An unknown rule; or predictions of training images.
    """
    fixed = parse_rule(rule)[0] == "fixed"
    if validation.split == "train" and not fixed:
        raise HilumError(
            validation.name,
            expected="predictions of validation images, to choose thresholds on",
            found="the split train, which the model was trained on",
            fix="Give predictions of the validation split.",
        )
    labels, scores = validation.labels, validation.scores
    values = {
        finding: choose_threshold(labels[:, index], scores[:, index], rule)
        for index, finding in enumerate(validation.findings)
    }
    shared = evaluated is not None and _share_images(validation, evaluated)
    chosen_on = None if fixed else validation.split or validation.name
    return Thresholds(rule, chosen_on, values, optimistic=shared and not fixed)


_ROUNDING = 1e-9
"""Tolerance, so that a sensitivity of 0.9 of 10 positives is 9 however 0.9 x 10 rounds."""


def _share_images(one: Predictions, other: Predictions) -> bool:
    if one is other:
        return True
    named = one.images_named and other.images_named
    return named and not set(one.image_ids).isdisjoint(other.image_ids)
