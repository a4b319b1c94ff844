"""Signs that an encoder has come to say the same of every image."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hilum.errors import TrainingFailedError
from hilum.pretext.monitoring.features import eval_features

LEAST_SPREAD = 0.01
"""Of features. Random ResNets start at 0.13 to 0.17 on chest images."""
LEAST_PROJECTION_SPREAD = 0.02
"""Random heads start at 0.09 to 0.12 on chest images and rise; MoCo without momentum falls to 0.013, its loss rises to
what projections that say nothing cost, and its features show nothing of it."""
LEAST_RANK = 1.5
"""Random ResNets start at 9 and more on 64 images; at their spread, features along a single curve have 1.5."""
MOST_IMAGES = 512
IMAGES_A_CHUNK = 64
RANK_EPSILON = 1e-7  # Garrido et al., eq. 1


def feature_spread(features: Tensor) -> Tensor:
    """Standard deviation of L2-normalised features over images, mean over dimensions, times the root of their number.

    Args:
        features: (N, D).

    Returns:
        Scalar: 0 where all features point the same way, 1 where directions are uniform on the sphere. Features after a
        ReLU share a direction, so that healthy encoders lie well below 1. Chen & He, "SimSiam", CVPR 2021, §4.1.
    """
    return F.normalize(features.float(), dim=1).std(dim=0, correction=0).mean() * math.sqrt(features.shape[1])


def effective_rank(features: Tensor) -> Tensor:
    """RankMe: exp of the entropy of the singular values as shares of their sum (Garrido et al., ICML 2023, eq. 1).

    Of centred features: behind a ReLU all features share a direction, whose singular value hides the others. Of one run
    the rank of features as they are read 32 to 33 in every epoch, of centred ones 184 to 194.

    It shows collapse only: among encoders that have not collapsed it says nothing about their use.

    Args:
        features: (N, D).

    Returns:
        Scalar from 1 (all features on one line, or in one point) to min(N - 1, D).
    """
    values: Tensor = torch.linalg.svdvals(features.float() - features.float().mean(dim=0))
    if not values.sum() > 0:
        return values.new_ones(())
    shares = values / values.sum() + RANK_EPSILON
    return torch.exp(-(shares * shares.log()).sum())


@dataclass(frozen=True)
class CollapseMonitor:
    """Looks at what an encoder says of a fixed set of images, unchanged by random views.

    Args:
        images: (N, 1, S, S), uint8, N at least 2.
        size: pixels a side of the views that the encoder trains on.
        advice: what to change in the settings when it collapses.
    """

    images: Tensor
    size: int
    advice: str

    @torch.no_grad()
    def compute(self, encoder: nn.Module, head: nn.Module, epoch: int) -> dict[str, float]:
        """Spread and effective rank of the features, and spread of the projections: evaluation mode, float32.

        Args:
            encoder: its mode is left as it was.
            head: from features to the projections of the loss; they can collapse while the features still differ.
            epoch: just finished, from 0. The first is not judged: batch-norm statistics are still settling.

        Raises:
            HilumError: from the second epoch on, the features have collapsed.
        """
        chunks = (self.images[first : first + IMAGES_A_CHUNK] for first in range(0, len(self.images), IMAGES_A_CHUNK))
        features = eval_features(encoder, chunks, self.size)
        with torch.autocast(features.device.type, enabled=False):
            projections = head(features)
        signs = {
            "feature_spread": float(feature_spread(features)),
            # the singular values of what is not finite do not exist
            "effective_rank": float(effective_rank(features)) if features.isfinite().all() else math.nan,
            "projection_spread": float(feature_spread(projections)),
        }
        limits = {
            "feature_spread": LEAST_SPREAD,
            "effective_rank": LEAST_RANK,
            "projection_spread": LEAST_PROJECTION_SPREAD,
        }
        for sign, least in limits.items():
            if epoch >= 1 and not signs[sign] >= least:  # so that NaN is a collapse, too
                raise TrainingFailedError(
                    "collapsed",
                    f"pretraining, epoch {epoch + 1}",
                    expected=f"an encoder that distinguishes images ({sign} at least {least})",
                    found=f"a collapse ({sign} {signs[sign]:.2g})",
                    fix=self.advice,
                )
        return signs


def monitored_images(images: int) -> list[int]:
    """Evenly spaced places in a list of images: a sixteenth, so as to cost a few percent, within 64 to 512."""
    count = min(images, max(64, min(images // 16, MOST_IMAGES)))
    return [place * images // count for place in range(count)]
