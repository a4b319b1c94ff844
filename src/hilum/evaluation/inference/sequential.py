"""Group-sequential testing: boundaries of several looks by alpha spending.

Adding seeds (or patients) until a difference shows inflates the type I error: a 5 % test with three looks has 11 %. A
spending function gives the part of the 5 % that is used up to each look; boundaries follow by numerical integration
(Lan & DeMets, Biometrika 70:659-663, 1983; Armitage, McPherson & Rowe, JRSS A 132:235-244, 1969). Estimates of nested
samples have the required joint distribution: Cov(look j, look k > j) is the variance at look k, also where a part of
the variance (that of the patients) is equal at all looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from hilum.errors import HilumError

Spending: TypeAlias = Literal["obrien_fleming", "pocock"]

_POINTS = 501
_FAR = 8.0
"""Standard normal values beyond this have negligible weight."""


@dataclass(frozen=True)
class Look:
    """One of several planned looks.

    Attributes:
        number: Number of the look, 1 to `of`.
        of: Total number of looks, fixed beforehand.
        spending: Alpha-spending function.
    """

    number: int = 1
    of: int = 1
    spending: Spending = "obrien_fleming"

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            fix = "Plan more looks before the first one, or do not look again."
            raise HilumError("looks", expected=f"look 1 to {self.of}", found=f"look {self.number}", fix=fix)

    def significance(self, of_all: float = 0.05) -> float:
        """Compute the two-sided significance level at this look; all looks together have type I error `of_all`."""
        if self.of == 1:
            return of_all
        fractions = [look / self.of for look in range(1, self.of + 1)]
        return float(2 * norm.sf(boundaries(fractions[: self.number], of_all, self.spending)[-1]))

    def stretched(self, p: NDArray[np.float64], of_all: float = 0.05) -> NDArray[np.float64]:
        """Scale p-values, at most to 1, so that below `of_all` means below the level of this look."""
        return np.minimum(p * (of_all / self.significance(of_all)), 1.0)

    @property
    def note(self) -> str:
        """Text such as ", look 2 of 3 (level 0.012)"; empty for a single look."""
        return f", look {self.number} of {self.of} (level {self.significance():.2g})" if self.of > 1 else ""


def spent(fraction: float, significance: float, spending: Spending) -> float:
    """Compute the part of the two-sided level that is spent up to a fraction of the information, 0 to 1.

    `obrien_fleming`: on each side 2 - 2 Phi(z(significance / 4) / sqrt(fraction)), little at first. `pocock`:
    significance x ln(1 + (e - 1) fraction), nearly equal at all looks.
    """
    if spending == "obrien_fleming":
        return float(4 * norm.sf(norm.isf(significance / 4) / np.sqrt(fraction)))
    return float(significance * np.log(1 + (np.e - 1) * fraction))


def boundaries(
    fractions: Sequence[float], significance: float = 0.05, spending: Spending = "obrien_fleming"
) -> NDArray[np.float64]:
    """Compute two-sided boundaries of the standardised difference at each look.

    Args:
        fractions: Fractions of the information at each look, ascending, above 0, at most 1.
        significance: Two-sided level of all looks together.
        spending: Alpha-spending function.

    Raises:
        HilumError: Fractions are not ascending within 0 and 1.
    """
    steps = np.diff([0.0, *fractions])
    if not len(fractions) or steps.min() <= 0 or fractions[-1] > 1:
        fix = "Give the fraction of the information at each look, such as 1/3, 2/3 and 1."
        raise HilumError(
            "fractions", expected="ascending numbers from above 0 to 1", found=str(list(fractions)), fix=fix
        )
    found: list[float] = []
    before, done = _Walk.start(), 0.0
    for fraction, step in zip(fractions, steps, strict=True):
        total = spent(fraction, significance, spending)
        bound = _bound(before, float(np.sqrt(step)), float(np.sqrt(fraction)), total - done)
        found.append(bound)
        before, done = before.after(float(np.sqrt(step)), bound * float(np.sqrt(fraction))), total
    return np.array(found)


@dataclass(frozen=True)
class _Walk:
    """Distribution of a random walk that has not crossed a boundary: points, and density times quadrature weight."""

    points: NDArray[np.float64]
    masses: NDArray[np.float64]

    @classmethod
    def start(cls) -> "_Walk":
        return cls(np.zeros(1), np.ones(1))

    def beyond(self, step: float, edge: float, shift: float = 0.0) -> float:
        """Compute the probability that the next step ends beyond either edge."""
        up = norm.sf((edge - self.points - shift) / step)
        down = norm.cdf((-edge - self.points - shift) / step)
        return float(self.masses @ (up + down))

    def after(self, step: float, edge: float, shift: float = 0.0) -> "_Walk":
        """Return the walk after the next step, within the edges (Simpson's rule)."""
        edge = min(edge, _FAR)
        points = np.linspace(-edge, edge, _POINTS)
        weights = np.ones(_POINTS)
        weights[1:-1:2], weights[2:-1:2] = 4, 2
        weights *= (points[1] - points[0]) / 3
        density = norm.pdf((points[:, None] - self.points - shift) / step) @ self.masses / step
        return _Walk(points, density * weights)


def _bound(before: _Walk, step: float, scale: float, to_spend: float) -> float:
    return float(brentq(lambda bound: before.beyond(step, bound * scale) - to_spend, 0.0, 2 * _FAR, xtol=1e-10))
