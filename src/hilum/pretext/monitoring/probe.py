"""What the features of a run tell of findings, asked every few epochs while it trains.

Neither the loss nor the signs of collapse say which epoch is best for findings (`effective_rank`; Caron et al. and all
maintainers of such methods answer: probe). Both probes are asked: one reads directions, the other distances, and the
mean of two readings of the same images is less a matter of luck than either. It is an alarm; whether it also chooses
the epoch that is kept is a setting, for choosing by it has cost more than it gained (docs/how-to/pretrain.md).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from hilum.data.batches import Images
from hilum.encoders.probe import mean_auroc, neighbour_probe, regression_scores
from hilum.pretext.monitoring.features import eval_features
from hilum.pretext.monitoring.probe_data import ProbedImages
from hilum.training.callbacks import Probing
from hilum.training.settings import KeepProbed

LINEAR, NEIGHBOURS, QUALITY = "probe_linear", "probe_neighbours", "probe_auroc"
"""Columns of the curves: macro AUROC of either probe, and their mean."""
ERROR = "probe_error"
"""Column of the curves: standard error of that mean, over patients."""
ERROR_GROUPS = 10
"""Of patients, each left out once."""
PENALTY = 1e-2
"""C of scikit-learn, the middle of `hilum.encoders.probe.PENALTIES`: a choice by validation images would be made on the
images that are scored."""
PROBES_A_RUN = 10
_CHUNK = 64


@dataclass(frozen=True)
class OnlineProbe:
    """Frozen-feature probes of an encoder in training.

    Args:
        store: holds the images.
        images: to fit and to score.
        keep: which epoch's weights are kept, where enough patients have findings to choose by; else the last one's.
    """

    store: Images
    images: ProbedImages
    keep: KeepProbed = "last"

    @property
    def chooses(self) -> bool:
        """Whether the epoch that is kept depends on the images."""
        return self.images.decides and self.keep != "last"

    def compute(self, encoder: nn.Module, size: int) -> dict[str, float]:
        """Macro AUROC of a linear and a nearest-neighbour probe, their mean, and its standard error.

        Args:
            encoder: left as it is.
            size: of the views in px.
        """
        train, val = self.images.train, self.images.val
        fitted, scored = (self._features(encoder, part.image_ids, size) for part in (train, val))
        if not (np.isfinite(fitted).all() and np.isfinite(scored).all()):
            return dict.fromkeys((LINEAR, NEIGHBOURS, QUALITY, ERROR), float("nan"))
        scaler = StandardScaler().fit(fitted)
        linear = regression_scores(scaler.transform(fitted), train.targets, scaler.transform(scored), PENALTY)
        near = neighbour_probe((fitted, train.targets), scored)
        both = mean_auroc(linear, val.targets), mean_auroc(near, val.targets)
        error = error_over_patients((linear, near), val.targets, val.patient_ids)
        return {LINEAR: both[0], NEIGHBOURS: both[1], QUALITY: sum(both) / 2, ERROR: error}

    def probing(self, size: int, every: int) -> Probing:
        """For the training loop: every so many epochs, at this size."""
        return Probing(
            evaluate=lambda encoder: self.compute(encoder, size),
            names=(LINEAR, NEIGHBOURS, QUALITY, ERROR),
            quality=QUALITY,
            every=every,
            keep=self.keep if self.chooses else "last",
            error=ERROR,
        )

    def _features(
        self, encoder: nn.Module, image_ids: Sequence[str], size: int
    ) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        features: np.ndarray[tuple[int, int], np.dtype[np.float32]] = (
            eval_features(encoder, self._chunks(image_ids), size).cpu().numpy()
        )
        return features

    def _chunks(self, image_ids: Sequence[str]) -> Iterator[Tensor]:
        rows = self.store.rows(list(image_ids))
        for first in range(0, len(rows), _CHUNK):
            yield torch.from_numpy(self.store.gather(rows[first : first + _CHUNK]))[:, None]


def error_over_patients(
    scores: Sequence[NDArray[np.floating]], targets: NDArray[np.float32], patient_ids: Sequence[str]
) -> float:
    """Standard error of the mean macro AUROC of several scores of the same images, by a delete-a-group jackknife.

    Ten groups of whole patients (Kott, Journal of Official Statistics 17:521-526, 2001); the probes that gave the
    scores are taken as given.

    Args:
        scores: of each model (N, F).
        targets: (N, F), 1, 0 or NaN.
        patient_ids: (N).

    Returns:
        At least 0; NaN with one patient.
    """
    owners = np.unique(patient_ids, return_inverse=True)[1]
    groups = min(ERROR_GROUPS, int(owners.max()) + 1)
    if groups < 2:
        return float("nan")
    without = []
    for group in range(groups):
        selected = owners % groups != group
        without.append(np.mean([mean_auroc(each[selected], targets[selected]) for each in scores]))
    return float(np.sqrt((groups - 1) * np.var(without)))


def epochs_between(probe_every: int | None, epochs: int) -> int:
    """Epochs from one probe to the next: as given, 0 for none; or such that a run has about ten of them."""
    return max(1, round(epochs / PROBES_A_RUN)) if probe_every is None else probe_every
