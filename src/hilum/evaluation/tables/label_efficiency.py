"""How much a label is worth: what an arm reaches with how many labelled images, and how many it needs to match another.

Between two label fractions the curve is a straight line over the logarithm of the labelled images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.evaluation.estimation import Resampled
from hilum.evaluation.inference import number_or_null

LABELS_TO_MATCH_SCHEMA = {
    "arm": pl.String,
    "reference": pl.String,
    "target": pl.Float64,
    "target_images": pl.Float64,
    "images": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "reached_in": pl.Float64,
    "note": pl.String,
}

FEWER, NOT_REACHED = "reached with the fewest labels of this study", "not reached"


@dataclass(frozen=True)
class LabelCurve:
    """What one arm reaches with how many labels, on one test set.

    Attributes:
        images: (K,) labelled images, ascending, of each label fraction.
        points: K numbers of the arm, estimate () and resampled (B,), on the same resamples for every arm and fraction.
    """

    images: Sequence[float]
    points: Sequence[Resampled]


def labels_needed(
    images: Sequence[float], curve: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Labelled images at which a curve first reaches a target, interpolated over their logarithm.

    Args:
        images: (K,) ascending.
        curve: (K, B), the number at each of them; higher is better.
        target: (B,).

    Returns:
        (B,): the first of `images` where it is reached there already (it may need fewer), infinity where it is never
        reached, NaN where the curve or the target is undefined.
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
    """How many labels each arm needs to match what each other arm reaches with most of them.

    Args:
        curves: of each arm, on the same test set and resamples.

    Returns:
        For each ordered pair: arm, against, target (what `reference` reaches with all of its labels), target_images,
        images (that `arm` needs; null where the target is not reached), ci_low, ci_high (95 % percentiles over
        resamples, in which the target is resampled, too; ci_high is null where the target is not reached in more than
        2.5 % of resamples), reached_in (share of resamples), note (`FEWER` where the smallest fraction suffices
        already: the true number may be lower; `NOT_REACHED`).
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
            low, high = _percentiles(defined)
            note = NOT_REACHED if np.isinf(estimate) else FEWER if estimate == curve.images[0] else ""
            rows.append(
                {
                    "arm": arm,
                    "reference": reference,
                    "target": number_or_null(float(target.estimate)),
                    "target_images": float(other.images[-1]),
                    "images": number_or_null(float(estimate)),
                    "ci_low": number_or_null(low),
                    "ci_high": number_or_null(high),
                    "reached_in": float(np.isfinite(defined).mean()) if len(defined) else None,
                    "note": note,
                }
            )
    return pl.DataFrame(rows, schema=LABELS_TO_MATCH_SCHEMA)


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    """2.5 % and 97.5 % of values that may be infinite; one of them, never a mean of two."""
    if not len(values):
        return float("nan"), float("nan")
    ordered = np.sort(values)
    last = len(ordered) - 1
    return float(ordered[int(np.floor(0.025 * last))]), float(ordered[int(np.ceil(0.975 * last))])
