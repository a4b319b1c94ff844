"""Settings of `hilum explain`."""

from dataclasses import dataclass

from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.explanation.methods import THRESHOLD, HeatMapMethod


@dataclass(frozen=True)
class ExplainConfig:
    """Settings of heat maps and their evaluation.

    Attributes:
        method: Heat map method.
        findings: Canonical findings; every model scores them.
        images: Number of images to show per rule and finding.
        threshold: Threshold of boxes from maps, as a fraction of the map's maximum.
        n_bootstrap, seed: Number of bootstrap resamples, and random seed of these, of image selection and of random
            weights.
    """

    method: HeatMapMethod
    findings: tuple[str, ...]
    images: int = 1
    threshold: float = THRESHOLD
    n_bootstrap: int = BootstrapConfig.n_bootstrap
    seed: int = 0
