"""What is asked of `hilum explain`."""

from dataclasses import dataclass

from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.explanation.methods import THRESHOLD, HeatMapMethod


@dataclass(frozen=True)
class ExplainConfig:
    """What to explain, and how.

    Attributes:
        method: of the maps.
        findings: canonical; every model scores them.
        images: images of each rule and finding to look at.
        threshold: of boxes out of maps, as a share of the map's highest value.
        n_bootstrap, seed: of the intervals; the seed also draws images and random weights.
    """

    method: HeatMapMethod
    findings: tuple[str, ...]
    images: int = 1
    threshold: float = THRESHOLD
    n_bootstrap: int = BootstrapConfig.n_bootstrap
    seed: int = 0
