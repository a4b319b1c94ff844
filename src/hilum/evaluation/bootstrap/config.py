"""Settings of a bootstrap, declared once and used by every table of one evaluation."""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from hilum.declared import Bounds, Seed, raise_problems, range_problems

IntervalKind: TypeAlias = Literal["expanded", "percentile", "bca"]
NBootstrap = Annotated[int, Bounds(ge=40, le=1_000_000)]
"""With fewer than 40, a 95 % interval has no percentiles."""


@dataclass(frozen=True)
class BootstrapConfig:
    """Settings of a bootstrap over patients (and seeds).

    Attributes:
        n_bootstrap: Number of bootstrap samples of patients (and seeds); 1000 or more for published numbers.
        seed: Random seed of the bootstrap samples; every table of one evaluation uses the same samples.
        interval: Kind of confidence interval: expanded (t-expanded percentiles), percentile, or bca.
        stratified: Draw patients within strata of their rarest finding.

    Raises:
        HilumError: Values out of range.

    Example:
        >>> from hilum.evaluation import BootstrapConfig
        >>> BootstrapConfig(n_bootstrap=500).interval
        'expanded'
    """

    n_bootstrap: NBootstrap = 2000
    seed: Seed = 0
    interval: IntervalKind = "expanded"
    stratified: bool = False

    def __post_init__(self) -> None:
        raise_problems(range_problems(type(self), vars(self)), "settings of the bootstrap")
