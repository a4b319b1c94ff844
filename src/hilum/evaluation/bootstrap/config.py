"""Settings of a bootstrap, declared once and used by every table of one evaluation."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

IntervalKind: TypeAlias = Literal["expanded", "percentile", "bca"]


@dataclass(frozen=True)
class BootstrapConfig:
    """Settings of a bootstrap over patients (and seeds).

    Attributes:
        n_bootstrap: Number of bootstrap samples of patients (and seeds); 1000 or more for published numbers.
        seed: Random seed of the bootstrap samples; every table of one evaluation uses the same samples.
        interval: Kind of confidence interval: expanded (t-expanded percentiles), percentile, or bca.
        stratified: Draw patients within strata of their rarest finding.

    Example:
        >>> from hilum.evaluation import BootstrapConfig
        >>> BootstrapConfig(n_bootstrap=500).interval
        'expanded'
    """

    n_bootstrap: int = 2000
    seed: int = 0
    interval: IntervalKind = "expanded"
    stratified: bool = False
