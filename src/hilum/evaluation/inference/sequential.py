"""Looking several times and paying for it: group-sequential boundaries by alpha-spending.

Seeds (or patients) are added until a difference shows: without payment a 5 % test that is looked at three times claims
11 % false differences. A spending function says how much of the 5 % is used up to each look, and boundaries follow by
numerical integration (Lan & DeMets, Biometrika 70:659-663, 1983; Armitage, McPherson & Rowe, JRSS A 132:235-244,
1969). Estimates of nested samples have the joint distribution that is needed: Cov(look j, look k > j) is the variance
at look k, also where a part of the variance (that of the patients) is the same at every look.
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
SPENDINGS: tuple[Spending, ...] = ("obrien_fleming", "pocock")

_POINTS = 501
_FAR = 8.0
"""Standard normal values beyond this have no weight that counts."""


@dataclass(frozen=True)
class Look:
    """One look of several that were announced.

    Attributes:
        number: 1 to `of`.
        of: looks in all, announced beforehand.
        spending: of the 5 %.
    """

    number: int = 1
    of: int = 1
    spending: Spending = "obrien_fleming"

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            fix = "Announce more looks before the first one, or stop looking."
            raise HilumError("looks", expected=f"look 1 to {self.of}", found=f"look {self.number}", fix=fix)

    def significance(self, of_all: float = 0.05) -> float:
        """Two-sided level of the test at this look, so that all looks together claim `of_all` false differences."""
        if self.of == 1:
            return of_all
        fractions = [look / self.of for look in range(1, self.of + 1)]
        return float(2 * norm.sf(boundaries(fractions[: self.number], of_all, self.spending)[-1]))

    def stretched(self, p: NDArray[np.float64], of_all: float = 0.05) -> NDArray[np.float64]:
        """P-values multiplied, 1 at most, so that below `of_all` means below the level of this look."""
        return np.minimum(p * (of_all / self.significance(of_all)), 1.0)

    @property
    def note(self) -> str:
        """As in ", look 2 of 3 (level 0.012)"; empty for the only look."""
        return f", look {self.number} of {self.of} (level {self.significance():.2g})" if self.of > 1 else ""


def spent(fraction: float, significance: float, spending: Spending) -> float:
    """How much of the two-sided level is spent up to a fraction of the information, 0 to 1.

    `obrien_fleming`: on each side 2 - 2 Phi(z(significance / 4) / sqrt(fraction)), little at first. `pocock`:
    significance x ln(1 + (e - 1) fraction), nearly alike at all looks.
    """
    if spending == "obrien_fleming":
        return float(4 * norm.sf(norm.isf(significance / 4) / np.sqrt(fraction)))
    return float(significance * np.log(1 + (np.e - 1) * fraction))


def boundaries(
    fractions: Sequence[float], significance: float = 0.05, spending: Spending = "obrien_fleming"
) -> NDArray[np.float64]:
    """Two-sided boundaries of the standardised difference at each look.

    Args:
        fractions: of the information at each look, ascending, above 0, 1 at most.
        significance: of all looks together, two-sided.
        spending: how it is spread over the looks.

    Raises:
        HilumError: fractions that do not ascend within 0 and 1.
    """
    steps = np.diff([0.0, *fractions])
    if not len(fractions) or steps.min() <= 0 or fractions[-1] > 1:
        fix = "Name how much of the information there is at each look, such as 1/3, 2/3 and 1."
        raise HilumError(
            "fractions", expected="numbers that rise from above 0 to 1", found=str(list(fractions)), fix=fix
        )
    found: list[float] = []
    before, done = _Walk.start(), 0.0
    for fraction, step in zip(fractions, steps, strict=True):
        total = spent(fraction, significance, spending)
        bound = _bound(before, float(np.sqrt(step)), float(np.sqrt(fraction)), total - done)
        found.append(bound)
        before, done = before.after(float(np.sqrt(step)), bound * float(np.sqrt(fraction))), total
    return np.array(found)


def crossing(bounds: Sequence[float], fractions: Sequence[float], drift: float = 0.0) -> float:
    """Chance that the standardised difference is beyond its boundary at one of the looks.

    Args:
        bounds: of each look, two-sided.
        fractions: of the information at each look, ascending, 1 at the last.
        drift: expectation of the standardised difference at full information; 0: the chance of a false claim.
    """
    before, total, last = _Walk.start(), 0.0, 0.0
    for bound, fraction in zip(bounds, fractions, strict=True):
        step = float(np.sqrt(fraction - last))
        shift = drift * (fraction - last)
        edge = bound * float(np.sqrt(fraction))
        total += before.beyond(step, edge, shift)
        before, last = before.after(step, edge, shift), fraction
    return total


@dataclass(frozen=True)
class _Walk:
    """Where a random walk is that no boundary has stopped: points, and the density there times their weight."""

    points: NDArray[np.float64]
    masses: NDArray[np.float64]

    @classmethod
    def start(cls) -> "_Walk":
        return cls(np.zeros(1), np.ones(1))

    def beyond(self, step: float, edge: float, shift: float = 0.0) -> float:
        """Chance that the next step ends beyond either edge."""
        up = norm.sf((edge - self.points - shift) / step)
        down = norm.cdf((-edge - self.points - shift) / step)
        return float(self.masses @ (up + down))

    def after(self, step: float, edge: float, shift: float = 0.0) -> "_Walk":
        """The walk after the next step, as far as it stays within the edges (Simpson's rule)."""
        edge = min(edge, _FAR)
        points = np.linspace(-edge, edge, _POINTS)
        weights = np.ones(_POINTS)
        weights[1:-1:2], weights[2:-1:2] = 4, 2
        weights *= (points[1] - points[0]) / 3
        density = norm.pdf((points[:, None] - self.points - shift) / step) @ self.masses / step
        return _Walk(points, density * weights)


def _bound(before: _Walk, step: float, scale: float, to_spend: float) -> float:
    return float(brentq(lambda bound: before.beyond(step, bound * scale) - to_spend, 0.0, 2 * _FAR, xtol=1e-10))
