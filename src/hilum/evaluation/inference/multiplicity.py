"""Multiple comparisons: p-values adjusted over a family of tests."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values to control the false discovery rate.

    Benjamini & Hochberg, Journal of the Royal Statistical Society B 57:289-300 (1995): the k-th smallest of m becomes
    min over j >= k of p(j) m / j.

    Args:
        p: (m,) or any shape; one family of tests. NaN (not tested) is ignored and returned.

    Returns:
        Same shape; each at least its p, at most 1.
    """

    def stepped(ascending: NDArray[np.float64]) -> NDArray[np.float64]:
        ranks = np.arange(len(ascending), 0, -1)
        return np.minimum.accumulate(ascending[::-1] * len(ascending) / ranks)[::-1]

    return _adjusted(p, stepped)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values to control the family-wise error rate.

    Holm, Scandinavian Journal of Statistics 6:65-70 (1979): the k-th smallest of m becomes max over j <= k of
    p(j) (m - j + 1). Arguments and result as `benjamini_hochberg`.
    """
    return _adjusted(p, lambda ascending: np.maximum.accumulate(ascending * np.arange(len(ascending), 0, -1)))


def _adjusted(p: ArrayLike, stepped: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Adjust the tested p-values in ascending order."""
    raw = np.asarray(p, dtype=np.float64)
    adjusted = np.full(raw.shape, np.nan)
    tested = np.isfinite(raw)
    family = raw[tested]
    order = np.argsort(family)
    new = np.empty_like(family)
    new[order] = np.minimum(stepped(family[order]), 1.0)
    adjusted[tested] = new
    return adjusted


Adjustment: TypeAlias = Literal["Benjamini-Hochberg", "Holm"]

ADJUSTMENTS: dict[str, Callable[[ArrayLike], NDArray[np.float64]]] = {
    "Benjamini-Hochberg": benjamini_hochberg,
    "Holm": holm,
}
"""By the name in tables."""
