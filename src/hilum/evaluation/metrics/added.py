"""Metrics that installed packages add by entry points of `hilum.metrics`; measured where they are asked for by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.bootstrap import BLOCK, Counts, Statistic
from hilum.extensions import METRICS, Registry, wrong_kind

Columns: TypeAlias = Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]]
"""K pairs of labels (1, 0, NaN unknown) and scores, of N images each."""


class StatisticMaker(Protocol):
    """From columns of labels and scores to their values in any resamples of patients."""

    def __call__(self, columns: Columns, patients: NDArray[np.int32], *, threads: int | None = None) -> Statistic:
        """Prepare what can be prepared once, such as sorting.

        Args:
            columns: K pairs of labels and scores, of N images each.
            patients: (N,), whose image it is, 0 to P - 1.
            threads: that it may use; None for as many as this process may use.

        Returns:
            From how often each patient counts, (P, 64), to (K, 64) values; NaN where there is none.
        """
        ...


@dataclass(frozen=True)
class AddedMetric:
    """A metric of labels and scores of one finding.

    Attributes:
        title: for people.
        statistic: how it is computed, see `StatisticMaker`; `weighted` makes one of a function of weighted images.
        lower_is_better: whether the smaller value is the better one.
    """

    title: str
    statistic: StatisticMaker
    lower_is_better: bool = False


def weighted(value: Callable[[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]], float]) -> StatisticMaker:
    """A statistic of a function of labels, scores and weights: called once a finding, arm and resample.

    Args:
        value: from labels (n,), scores (n,) and weights (n,), how often each image counts (whole numbers, at least one
            above 0), to the metric; images with unknown labels, and those that do not count, are left out. NaN where
            it is not defined.
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
    """What an entry point of `hilum.metrics` gives."""
    if not isinstance(added, AddedMetric):
        raise wrong_kind(METRICS, name, "a hilum.evaluation.metrics.AddedMetric", added)
    return added


ADDED_METRICS: Registry[AddedMetric] = Registry(METRICS, {}, _metric)
"""By name."""
