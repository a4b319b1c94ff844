"""Label efficiency: labelled images that an arm needs to match another arm.

Between two label fractions the curve is interpolated linearly over the logarithm of the labelled images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.evaluation.columns import schema
from hilum.evaluation.estimation import Resampled
from hilum.evaluation.inference import estimate_columns, number_or_null
from hilum.notes import Code, note, note_columns

LABELS_TO_MATCH_SCHEMA = schema(
    "arm reference target target_images images ci_low ci_high reached_in note codes",
    images=pl.Float64,
)


@dataclass(frozen=True)
class LabelCurve:
    """Results of one arm by number of labels, on one test set.

    Attributes:
        images: (K,) labelled images of each label fraction, ascending.
        points: K results, estimate () and resampled (B,), on the same resamples for every arm and fraction.
    """

    images: Sequence[float]
    points: Sequence[Resampled]


def labels_needed(
    images: Sequence[float], curve: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the labelled images at which a curve first reaches a target, interpolated over their logarithm.

    Args:
        images: (K,), ascending.
        curve: (K, B), result at each number of images; higher is better.
        target: (B,).

    Returns:
        (B,): the first of `images` where already reached there (fewer may suffice), infinity where never reached, NaN
        where the curve or the target is undefined.
    """
    needed = np.full(target.shape, np.inf)
    logs = np.log(np.asarray(images, dtype=np.float64))
    for at in range(len(logs) - 1, 0, -1):
        low, high = curve[at - 1], curve[at]
        crosses = (low < target) & (target <= high)
        share = np.divide(target - low, high - low, out=np.zeros_like(target), where=crosses)
        needed = np.where(crosses, np.exp(logs[at - 1] + share * (logs[at] - logs[at - 1])), needed)
    needed = np.where(curve[0] >= target, float(images[0]), needed)
    undefined = ~np.isfinite(target) | ~np.isfinite(curve).all(axis=0)
    return np.where(undefined, np.nan, needed)


def labels_to_match(curves: Mapping[str, LabelCurve]) -> pl.DataFrame:
    """Compute the number of labels each arm needs to match the result of each other arm with all labels.

    Args:
        curves: Label curve of each arm, on the same test set and resamples.

    Returns:
        For each ordered pair: arm, reference, target (result of `reference` with all its labels), target_images, images
        (needed by `arm`; null where the target is not reached), ci_low, ci_high (95 % percentiles over resamples, with
        the target resampled; ci_high is null where more than 2.5 % of resamples do not reach it), reached_in (fraction
        of resamples), note, codes (`fewest_labels_suffice`, where fewer than the smallest fraction may suffice, or
        `target_not_reached`).
    """
    rows = []
    for arm, curve in curves.items():
        for reference, other in curves.items():
            if arm == reference or len(curve.points) < 2:
                continue
            target = other.points[-1]
            estimate = labels_needed(
                curve.images,
                np.array([[float(point.estimate)] for point in curve.points]),
                np.array([float(target.estimate)]),
            )[0]
            resampled = labels_needed(
                curve.images, np.stack([point.resampled for point in curve.points]), target.resampled
            )
            defined = resampled[~np.isnan(resampled)]
            notes = [note(Code.TARGET_NOT_REACHED)] if np.isinf(estimate) else []
            if estimate == curve.images[0]:
                notes = [note(Code.FEWEST_LABELS_SUFFICE)]
            rows.append(
                {
                    "arm": arm,
                    "reference": reference,
                    "target": number_or_null(float(target.estimate)),
                    "target_images": float(other.images[-1]),
                    **estimate_columns(estimate, _percentiles(defined), name="images"),
                    "reached_in": float(np.isfinite(defined).mean()) if len(defined) else None,
                    **note_columns(notes),
                }
            )
    return pl.DataFrame(rows, schema=LABELS_TO_MATCH_SCHEMA)


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % percentiles of possibly infinite values, without interpolation."""
    if not len(values):
        return float("nan"), float("nan")
    ordered = np.sort(values)
    last = len(ordered) - 1
    return float(ordered[int(np.floor(0.025 * last))]), float(ordered[int(np.ceil(0.975 * last))])
