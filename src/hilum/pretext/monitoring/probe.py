"""What the features of a run tell of findings, asked every few epochs while it trains.

Neither the loss nor the signs of collapse say which epoch is best for findings (`effective_rank`; Caron et al. and all
maintainers of such methods answer: probe). Both probes are asked, and the run goes by the mean of the two: one reads
directions, the other distances, and the mean of two readings of the same images is less a matter of luck than either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from hilum.data.batches import Images
from hilum.encoders.probe import mean_auroc, neighbour_probe, regression_scores
from hilum.pretext.monitoring.features import plain_features
from hilum.pretext.monitoring.probe_data import ProbedImages
from hilum.training.callbacks import Probing

LINEAR, NEIGHBOURS, QUALITY = "probe_linear", "probe_neighbours", "probe_auroc"
"""Columns of the curves: macro AUROC of either probe, and their mean."""
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
    """

    store: Images
    images: ProbedImages

    def look(self, encoder: nn.Module, size: int) -> dict[str, float]:
        """Macro AUROC of a linear and a nearest-neighbour probe, and their mean.

        Args:
            encoder: left as it is.
            size: of the views in px.
        """
        train, val = self.images.train, self.images.val
        fitted, scored = (self._features(encoder, part.image_ids, size) for part in (train, val))
        if not (np.isfinite(fitted).all() and np.isfinite(scored).all()):
            return dict.fromkeys((LINEAR, NEIGHBOURS, QUALITY), float("nan"))
        scaler = StandardScaler().fit(fitted)
        linear = regression_scores(scaler.transform(fitted), train.targets, scaler.transform(scored), PENALTY)
        near = neighbour_probe((fitted, train.targets), scored)
        both = mean_auroc(linear, val.targets), mean_auroc(near, val.targets)
        return {LINEAR: both[0], NEIGHBOURS: both[1], QUALITY: sum(both) / 2}

    def probing(self, size: int, every: int) -> Probing:
        """For the training loop: every so many epochs, at this size."""
        return Probing(
            look=lambda encoder: self.look(encoder, size),
            names=(LINEAR, NEIGHBOURS, QUALITY),
            quality=QUALITY,
            every=every,
            keeps_best=self.images.decides,
        )

    def _features(
        self, encoder: nn.Module, image_ids: Sequence[str], size: int
    ) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        features: np.ndarray[tuple[int, int], np.dtype[np.float32]] = (
            plain_features(encoder, self._chunks(image_ids), size).cpu().numpy()
        )
        return features

    def _chunks(self, image_ids: Sequence[str]) -> Iterator[Tensor]:
        rows = self.store.rows(list(image_ids))
        for first in range(0, len(rows), _CHUNK):
            yield torch.from_numpy(self.store.gather(rows[first : first + _CHUNK]))[:, None]


def epochs_between(probe_every: int | None, epochs: int) -> int:
    """Epochs from one probe to the next: as given, 0 for none; or such that a run has about ten of them."""
    return max(1, round(epochs / PROBES_A_RUN)) if probe_every is None else probe_every
