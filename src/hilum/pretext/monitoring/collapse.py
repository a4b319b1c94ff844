"""Detection of representation collapse: feature variance and effective rank (RankMe)."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hilum.errors import TrainingFailedError
from hilum.pretext.monitoring.features import eval_features

LEAST_SPREAD = 0.01
"""Lower limit of `feature_spread`. Random ResNets start at 0.13 to 0.17 on chest images."""
LEAST_PROJECTION_SPREAD = 0.02
"""Lower limit of `projection_spread`. Random heads start at 0.09 to 0.12 on chest images and rise; MoCo without
momentum falls to 0.013 and its loss rises to chance level, while its features do not show it."""
LEAST_RANK = 1.5
"""Lower limit of `effective_rank`. Random ResNets start at 9 or more on 64 images; features along a single curve of the
same spread have 1.5."""
MOST_IMAGES = 512
IMAGES_A_CHUNK = 64
RANK_EPSILON = 1e-7  # Garrido et al., eq. 1


def feature_spread(features: Tensor) -> Tensor:
    """Compute the standard deviation of L2-normalised features over images, mean over dimensions, times √D.

    Chen & He, "SimSiam", CVPR 2021, §4.1.

    Args:
        features: Features, (N, D).

    Returns:
        Scalar: 0 if all features have the same direction, 1 if directions are uniform on the sphere. Features after a
        ReLU share a direction, so that healthy encoders are well below 1.
    """
    return F.normalize(features.float(), dim=1).std(dim=0, correction=0).mean() * math.sqrt(features.shape[1])


def effective_rank(features: Tensor) -> Tensor:
    """Compute RankMe: exp of the entropy of the normalised singular values (Garrido et al., ICML 2023, eq. 1).

    Features are centred: after a ReLU all features share a direction, whose singular value dominates. In one run the
    rank of uncentred features was 32 to 33 in every epoch, that of centred ones 184 to 194.

    It detects collapse only; it does not rank encoders that have not collapsed.

    Args:
        features: Features, (N, D).

    Returns:
        Scalar from 1 (all features on one line or in one point) to min(N - 1, D).
    """
    values: Tensor = torch.linalg.svdvals(features.float() - features.float().mean(dim=0))
    if not values.sum() > 0:
        return values.new_ones(())
    shares = values / values.sum() + RANK_EPSILON
    return torch.exp(-(shares * shares.log()).sum())


@dataclass(frozen=True)
class CollapseMonitor:
    """Collapse metrics on a fixed set of images without augmentation.

    Args:
        images: Images, (N, 1, S, S), uint8, N at least 2.
        size: Side in px to which images are resized: that of the training views.
        advice: What to change in the settings after a collapse.
    """

    images: Tensor
    size: int
    advice: str

    @torch.no_grad()
    def compute(self, encoder: nn.Module, head: nn.Module, epoch: int) -> dict[str, float]:
        """Compute spread and effective rank of features, and spread of projections, in evaluation mode and float32.

        Args:
            encoder: Encoder; its training mode is restored.
            head: Projection head; projections can collapse while features still differ.
            epoch: Finished epoch, from 0. The first is not checked: batch-norm statistics have not converged.

        Raises:
            HilumError: From the second epoch on, features or projections have collapsed.
        """
        chunks = (self.images[first : first + IMAGES_A_CHUNK] for first in range(0, len(self.images), IMAGES_A_CHUNK))
        features = eval_features(encoder, chunks, self.size)
        with torch.autocast(features.device.type, enabled=False):
            projections = head(features)
        signs = {
            "feature_spread": float(feature_spread(features)),
            # the SVD needs finite values
            "effective_rank": float(effective_rank(features)) if features.isfinite().all() else math.nan,
            "projection_spread": float(feature_spread(projections)),
        }
        limits = {
            "feature_spread": LEAST_SPREAD,
            "effective_rank": LEAST_RANK,
            "projection_spread": LEAST_PROJECTION_SPREAD,
        }
        for sign, least in limits.items():
            if epoch >= 1 and not signs[sign] >= least:  # NaN is a collapse as well
                raise TrainingFailedError(
                    "collapsed",
                    f"pretraining, epoch {epoch + 1}",
                    expected=f"an encoder that distinguishes images ({sign} at least {least})",
                    found=f"a collapse ({sign} {signs[sign]:.2g})",
                    fix=self.advice,
                )
        return signs


def monitored_images(images: int) -> list[int]:
    """Return evenly spaced indices of the images to monitor: 1/16 of all (a few percent of the cost), 64 to 512."""
    count = min(images, max(64, min(images // 16, MOST_IMAGES)))
    return [place * images // count for place in range(count)]
