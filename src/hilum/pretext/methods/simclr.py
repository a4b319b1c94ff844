"""SimCLR: Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020."""

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
    """Two views of an image must be near each other and far from all other views of the batch.

    Args:
        encoder: f; what is kept.
        views: t and t'.
        temperature: of NT-Xent.
        seed: of the head's weights.
        batch_size: images a step; None where the loss of an encoder that says nothing need not be known.
        collapse_monitor: looks at the features at the end of every epoch; None does not.
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
        super().__init__()
        self.encoder = encoder
        self.head = projection_head(encoder.feature_width, seed=seed)
        self.views = views
        self.temperature = temperature
        self.batch_size, self.collapse_monitor = batch_size, collapse_monitor
        self.similarities = MeanMetrics("positive_similarity", "other_similarity")
        self.epoch: Tensor
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))  # the one under way, for a resumed run too

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """NT-Xent of the batch; both views pass the encoder together, so batch norm sees them as one."""
        self.set_count("epoch", epoch)
        first, second = self.head(self.encoder(torch.cat(self.views.of(batch, epoch)))).chunk(2)
        first, second = all_gather(first.float()), all_gather(second.float())
        self.similarities.update(positive_similarity(first, second), negative_similarity(first, second))
        return nt_xent(first, second, self.temperature)

    @property
    def needs_whole_batch(self) -> str:
        """For its negatives."""
        return "every view is compared with all others of the batch"

    @property
    def chance_loss(self) -> float | None:
        """Every other view of the batch is as near."""
        return math.log(2 * self.batch_size - 1) if self.batch_size else None

    def epoch_metrics(self) -> dict[str, float]:
        """Signs of collapse, and how near views of one image and of others were to each other."""
        features = (
            self.collapse_monitor.compute(self.encoder, self.head, self.count_of("epoch"))
            if self.collapse_monitor
            else {}
        )
        return features | self.similarities.compute()


def create(encoder: Encoder, settings: SimCLRSettings, run: PretextRun) -> SimCLR:
    """SimCLR for a run."""
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
    """What to change when it collapses."""
    return f"raise `temperature` (now {settings.temperature:g})"


SIMCLR: Method = Method(
    "SimCLR", SimCLRSettings, create, augmentation="simclr", advice=advice, forward_passes=lambda _, __: 2 * TRAINED
)
