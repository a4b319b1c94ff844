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
from hilum.pretext.modules import projection_head
from hilum.pretext.monitoring import MeanMetrics, negative_similarity, positive_similarity
from hilum.training.distributed import all_gather


class SimCLR(Pretext):
    """SimCLR: NT-Xent between two views of each image, with all other views of the batch as negatives (algorithm 1).

    Args:
        encoder: Encoder f.
        settings: Settings of the method.
        run: Parameters of the run; its two global views are t and t', its seed also that of the projection head.
    """

    def __init__(self, encoder: Encoder, settings: SimCLRSettings, run: PretextRun) -> None:
        super().__init__(run.collapse_monitor)
        self.encoder = encoder
        self.head = projection_head(encoder.feature_width, seed=run.seed)
        self.views, self.temperature, self.batch_size = run.two_crop_views(), settings.temperature, run.batch_size
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
    def chance_loss(self) -> float:
        """Loss if all similarities are equal."""
        return math.log(2 * self.batch_size - 1)

    def epoch_metrics(self) -> dict[str, float]:
        """Compute collapse metrics, and the mean similarity of positive and of negative pairs."""
        return self.collapse_metrics(self.encoder, self.head) | self.similarities.compute()


def advice(settings: SimCLRSettings) -> str:
    """Return what to change after a collapse."""
    return f"raise `temperature` (now {settings.temperature:g})"


SIMCLR: Method = Method(
    "SimCLR", SimCLRSettings, SimCLR, augmentation="simclr", advice=advice, forward_passes=lambda _, __: 2 * TRAINED
)
