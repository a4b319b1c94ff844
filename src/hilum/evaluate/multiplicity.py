"""Many comparisons: p-values adjusted over the family that was tested."""

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
