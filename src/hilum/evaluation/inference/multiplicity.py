"""Many comparisons: p-values adjusted over the family that was tested."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values that bound the false discovery rate.

    Benjamini & Hochberg, Journal of the Royal Statistical Society B 57:289-300 (1995): the k-th smallest of m becomes
    min over j >= k of p(j) m / j.

    Args:
        p: (m,) or any shape; all of it is one family. NaN is not tested: it stays NaN and does not count in m.

    Returns:
        Same shape; each at least its p, at most 1.
    """
    raw = np.asarray(p, dtype=np.float64)
    adjusted = np.full(raw.shape, np.nan)
    tested = np.isfinite(raw)
    family = raw[tested]
    falling = np.argsort(family)[::-1]
    ranks = np.arange(len(family), 0, -1)
    stepped = np.empty_like(family)
    stepped[falling] = np.minimum(np.minimum.accumulate(family[falling] * len(family) / ranks), 1.0)
    adjusted[tested] = stepped
    return adjusted


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values that bound the chance of any false claim in the family.

    Holm, Scandinavian Journal of Statistics 6:65-70 (1979): the k-th smallest of m becomes max over j <= k of
    p(j) (m - j + 1).

    Args:
        p: (m,) or any shape; all of it is one family. NaN is not tested: it stays NaN and does not count in m.

    Returns:
        Same shape; each at least its p, at most 1.
    """
    raw = np.asarray(p, dtype=np.float64)
    adjusted = np.full(raw.shape, np.nan)
    tested = np.isfinite(raw)
    family = raw[tested]
    rising = np.argsort(family)
    stepped = np.empty_like(family)
    stepped[rising] = np.minimum(np.maximum.accumulate(family[rising] * np.arange(len(family), 0, -1)), 1.0)
    adjusted[tested] = stepped
    return adjusted


Adjustment: TypeAlias = Literal["Benjamini-Hochberg", "Holm"]

ADJUSTMENTS: dict[str, Callable[[ArrayLike], NDArray[np.float64]]] = {
    "Benjamini-Hochberg": benjamini_hochberg,
    "Holm": holm,
}
"""By the name that tables and families use."""
