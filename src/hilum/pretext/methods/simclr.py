"""SimCLR: contrastive learning with in-batch negatives.

Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020.
"""

import math

import torch
from torch import Tensor

from hilum.data.batches import Batch
from hilum.encoders.zoo import Encoder
from hilum.pretext.losses.nt_xent import nt_xent
from hilum.pretext.methods.base import TRAINED, Method, Pretext, PretextRun
from hilum.pretext.methods.settings import SimCLRSettings
from hilum.pretext.modules import TwoCrop, projection_head
from hilum.pretext.monitoring import CollapseMonitor, MeanMetrics, negative_similarity, positive_similarity
from hilum.training.distributed import all_gather


class SimCLR(Pretext):
    """SimCLR: NT-Xent between two views of each image, with all other views of the batch as negatives (algorithm 1).

    Args:
        encoder: Encoder f.
        views: Two views, t and t'.
        temperature: Temperature of NT-Xent.
        seed: Random seed of the projection head's weights.
        batch_size: Images per step, for `chance_loss`; None: not known.
        collapse_monitor: Computes collapse metrics at the end of each epoch; None: no such metrics.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        views: TwoCrop,
        temperature: float,
        seed: int,
        batch_size: int | None = None,
        collapse_monitor: CollapseMonitor | None = None,
    ) -> None:
        super().__init__(collapse_monitor)
        self.encoder = encoder
        self.head = projection_head(encoder.feature_width, seed=seed)
        self.views = views
        self.temperature = temperature
        self.batch_size = batch_size
        self.similarities = MeanMetrics("positive_similarity", "negative_similarity")

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Compute NT-Xent of the batch; both views form one batch for batch norm."""
        self.set_count("epoch", epoch)
        first, second = self.head(self.encoder(torch.cat(self.views.of(batch, epoch)))).chunk(2)
        first, second = all_gather(first.float()), all_gather(second.float())
        self.similarities.update(positive_similarity(first, second), negative_similarity(first, second))
        return nt_xent(first, second, self.temperature)

    @property
    def needs_whole_batch(self) -> str:
        """Reason: in-batch negatives."""
        return "every view is compared with all others of the batch"

    @property
    def chance_loss(self) -> float | None:
        """Loss if all similarities are equal."""
        return math.log(2 * self.batch_size - 1) if self.batch_size else None

    def epoch_metrics(self) -> dict[str, float]:
        """Compute collapse metrics, and the mean similarity of positive and of negative pairs."""
        return self.collapse_metrics(self.encoder, self.head) | self.similarities.compute()


def create(encoder: Encoder, settings: SimCLRSettings, run: PretextRun) -> SimCLR:
    """Create SimCLR for a run."""
    views = run.two_crop_views()
    return SimCLR(
        encoder,
        views=views,
        temperature=settings.temperature,
        seed=run.seed,
        batch_size=run.batch_size,
        collapse_monitor=run.collapse_monitor,
    )


def advice(settings: SimCLRSettings) -> str:
    """Return what to change after a collapse."""
    return f"raise `temperature` (now {settings.temperature:g})"


SIMCLR: Method = Method(
    "SimCLR", SimCLRSettings, create, augmentation="simclr", advice=advice, forward_passes=lambda _, __: 2 * TRAINED
)
