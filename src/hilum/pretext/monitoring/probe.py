"""Online probe: linear and k-nearest-neighbour classification of findings on frozen features, every few epochs.

Neither the loss nor collapse metrics such as `effective_rank` show which epoch is best for findings. The mean of both
probes, which depend on directions and on distances, has less variance than either. The probe monitors the run; whether
it also selects the exported epoch is a setting, since selection has cost more than it gained (docs/how-to/pretrain.md).
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
"""Columns of the curves: macro AUROC of each probe, and their mean."""
ERROR = "probe_error"
"""Column of the curves: standard error of the mean over patients."""
ERROR_GROUPS = 10
"""Patient groups of the jackknife."""
PENALTY = 1e-2
"""C of scikit-learn, the middle of `hilum.encoders.probe.PENALTIES`; not tuned, since the validation images are
scored."""
PROBES_A_RUN = 10
_CHUNK = 64


@dataclass(frozen=True)
class OnlineProbe:
    """Frozen-feature probes of an encoder in training.

    Args:
        store: Image store.
        images: Images to fit and to score.
        keep: Rule for the exported epoch if enough patients have findings; otherwise the last epoch.
    """

    store: Images
    images: ProbedImages
    keep: KeepProbed = "last"

    @property
    def chooses(self) -> bool:
        """True if the probe selects the exported epoch."""
        return self.images.decides and self.keep != "last"

    def compute(self, encoder: nn.Module, size: int) -> dict[str, float]:
        """Compute the macro AUROC of a linear and a nearest-neighbour probe, their mean, and its standard error.

        Args:
            encoder: Encoder, not changed.
            size: Side in px to which images are resized.
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
        """Return the callback of the training loop, every `every` epochs on images of `size` px."""
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
    """Compute the standard error of the mean macro AUROC of several models by a delete-a-group jackknife.

    Ten groups of whole patients (Kott, Journal of Official Statistics 17:521-526, 2001); conditional on the models.

    Args:
        scores: Scores of each model, (N, F).
        targets: Labels, (N, F), 1, 0 or NaN.
        patient_ids: Patient of each image, (N,).

    Returns:
        Standard error, 0 or more; NaN with one patient.
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
    """Return the epochs between probes: `probe_every`, or the value that gives about ten probes per run."""
    return max(1, round(epochs / PROBES_A_RUN)) if probe_every is None else probe_every
