"""Metrics that installed packages add by entry points of `hilum.metrics`; computed where they are requested by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.bootstrap import BLOCK, Columns, Counts, Statistic
from hilum.extensions import METRICS, Registry, wrong_kind


class StatisticMaker(Protocol):
    """Function of columns of labels and scores that returns their statistic in any resamples of patients."""

    def __call__(self, columns: Columns, patients: NDArray[np.int32], *, threads: int | None = None) -> Statistic:
        """Prepare what is the same in all resamples, such as sorting.

        Args:
            columns: K pairs of labels and scores, of N images each.
            patients: (N,), patient of each image, 0 to P - 1.
            threads: Number of threads to use; None for all available ones.

        Returns:
            Function of the count of each patient, (P, 64), that returns (K, 64) values; NaN where undefined.
        """
        ...


@dataclass(frozen=True)
class AddedMetric:
    """A metric of the labels and scores of one finding.

    Attributes:
        title: Name in tables and figures.
        statistic: How it is computed, see `StatisticMaker`; `weighted` makes one from a function of weighted images.
        lower_is_better: True where smaller values are better.
    """

    title: str
    statistic: StatisticMaker
    lower_is_better: bool = False


def weighted(value: Callable[[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]], float]) -> StatisticMaker:
    """Make a statistic of a function of labels, scores and weights; it is called once a finding, arm and resample.

    Args:
        value: Function of labels (n,), scores (n,) and weights (n,), the count of each image (whole numbers above 0),
            that returns the metric; NaN where undefined. Images with unknown labels or a count of 0 are excluded.
    """

    def make(columns: Columns, patients: NDArray[np.int32], *, threads: int | None = None) -> Statistic:  # noqa: ARG001
        known = [~np.isnan(labels) for labels, _ in columns]
        sides = [
            (labels[here] == 1, scores[here].astype(np.float64), patients[here])
            for (labels, scores), here in zip(columns, known, strict=True)
        ]

        def statistic(counts: Counts) -> NDArray[np.float64]:
            out = np.full((len(columns), BLOCK), np.nan)
            for row, (positive, scores, owners) in enumerate(sides):
                for resample in range(BLOCK):
                    weights = counts[owners, resample].astype(np.float64)
                    drawn = weights > 0
                    if drawn.any():
                        out[row, resample] = value(positive[drawn], scores[drawn], weights[drawn])
            return out

        return statistic

    return make


def _metric(name: str, added: object) -> AddedMetric:
    """Check the object of an entry point of `hilum.metrics`."""
    if not isinstance(added, AddedMetric):
        raise wrong_kind(METRICS, name, "a hilum.evaluation.metrics.AddedMetric", added)
    return added


ADDED_METRICS: Registry[AddedMetric] = Registry(METRICS, {}, _metric)
"""By name."""
