"""MoCo v2: He et al., "Momentum contrast for unsupervised visual representation learning", CVPR 2020, with the head
and views of Chen et al., "Improved baselines with momentum contrastive learning", 2020.

Shuffling batch norm (He et al. §3.3) is left out: it moves images between the batch statistics of several GPUs, and
here these are of the whole batch, whose order does not change them.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hilum.data.batches import Batch
from hilum.data.transfer import to_device
from hilum.encoders.zoo import Encoder
from hilum.pretext.methods.base import TRAINED, Method, Pretext, PretextRun
from hilum.pretext.methods.settings import MoCoV2Settings
from hilum.pretext.modules import PROJECTION_WIDTH, TwoCrop, ema_copy, ema_update, projection_head
from hilum.pretext.monitoring import CollapseMonitor, MeanMetrics, mean_similarity, positive_similarity
from hilum.training.distributed import all_gather_no_grad


def info_nce(query: Tensor, key: Tensor, queue: Tensor, temperature: float, own: Tensor | None = None) -> Tensor:
    """Average cross-entropy of finding each query's key among that key and the queue (He et al., eq. 1).

    Args:
        query: (N, D), any norm.
        key: of the other view of the same images, (N, D), any norm.
        queue: earlier keys, (K, D), of norm one.
        temperature: > 0.
        own: (N, K), True where an entry of the queue is of the query's own image: not a candidate.

    Returns:
        Scalar. log(K + 1) where projections say nothing. In float32 also under autocast.
    """
    with torch.autocast(query.device.type, enabled=False):
        query, key = F.normalize(query.float(), dim=1), F.normalize(key.float(), dim=1)
        positive = (query * key).sum(dim=1, keepdim=True)
        negative = query @ queue.T
        if own is not None:
            negative = negative.masked_fill(own, -torch.inf)
        logits = torch.cat([positive, negative], dim=1) / temperature
        return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device))


class MoCoV2(Pretext):
    """A view must be nearer to the key of its image's other view than to a queue of other images' keys.

    Keys come from a slowly moving copy of the encoder. Every key is kept with its image, and an image's own earlier
    keys are not counted against it: on a few thousand images a queue would hold many of them.

    Args:
        encoder: f_q; what is kept. Its copy f_k starts with the same weights.
        views: of the query and of the key.
        temperature: of InfoNCE.
        queue: keys that are kept, K; any number, also fewer than a batch.
        momentum: m of eq. 2, in [0, 1).
        head_batch_norm: batch norm in the head (see `MoCoV2Settings`).
        seed: of the head's weights and of the queue's first, random entries.
        collapse_monitor: looks at the features at the end of every epoch; None does not.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        views: TwoCrop,
        temperature: float,
        queue: int,
        momentum: float,
        head_batch_norm: bool,
        seed: int,
        collapse_monitor: CollapseMonitor | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = projection_head(encoder.feature_width, seed=seed, batch_norm=head_batch_norm)
        self.momentum_encoder, self.momentum_head = ema_copy(self.encoder), ema_copy(self.head)
        self.views = views
        self.temperature = temperature
        self.momentum = momentum
        self.collapse_monitor = collapse_monitor
        self.similarities = MeanMetrics("positive_similarity", "queue_similarity")
        self.epoch: Tensor
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))  # the one under way, for a resumed run too
        first = torch.randn(queue, PROJECTION_WIDTH, generator=torch.Generator().manual_seed(seed))
        self.queue: Tensor
        self.queue_images: Tensor
        self.queue_next: Tensor
        self.register_buffer("queue", F.normalize(first, dim=1))
        self.register_buffer("queue_images", torch.zeros(queue, dtype=torch.int64))  # keys of images; 0 for none
        self.register_buffer("queue_next", torch.zeros((), dtype=torch.int64))
        self.pending: tuple[Tensor, Tensor] | None = None

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """InfoNCE of the batch against the queue as the last step left it."""
        self.set_count("epoch", epoch)
        first, second = self.views.of(batch, epoch)
        images = to_device(batch.keys.view(np.int64), first.device)
        query = self.head(self.encoder(first))
        with torch.no_grad():
            key = self.momentum_head(self.momentum_encoder(second))
        pending = F.normalize(key.float(), dim=1), images
        self.pending = (
            pending
            if self.pending is None
            else (torch.cat([self.pending[0], pending[0]]), torch.cat([self.pending[1], images]))
        )
        self.similarities.update(positive_similarity(query, key), mean_similarity(query, self.queue))
        own = images[:, None] == self.queue_images[None, :]
        return info_nce(query, key, self.queue, self.temperature, own)

    @property
    def needs_whole_batch(self) -> str:
        """Its negatives are of earlier batches."""
        return ""

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the copy towards the encoder (eq. 2) and put the step's keys into the queue."""
        ema_update(self.momentum_encoder, self.encoder, self.momentum)
        ema_update(self.momentum_head, self.head, self.momentum)
        if self.pending is not None:
            self._enqueue(*(all_gather_no_grad(of_step) for of_step in self.pending))
            self.pending = None

    def _enqueue(self, keys: Tensor, images: Tensor) -> None:
        """Overwrite the oldest entries; what a batch has beyond the queue's length would be overwritten at once."""
        size = len(self.queue)
        keys, images = keys[-size:], images[-size:]
        places = (self.queue_next + torch.arange(len(keys), device=keys.device)) % size
        self.queue.index_copy_(0, places, keys)
        self.queue_images.index_copy_(0, places, images)
        self.queue_next.copy_((self.queue_next + len(keys)) % size)

    @property
    def chance_loss(self) -> float:
        """Every key of the queue is as near."""
        return math.log(len(self.queue) + 1)

    def epoch_metrics(self) -> dict[str, float]:
        """Signs of collapse, and how near queries were to the keys of their images and to those of the queue."""
        features = (
            self.collapse_monitor.compute(self.encoder, self.head, self.count_of("epoch"))
            if self.collapse_monitor
            else {}
        )
        return features | self.similarities.compute()


def create(encoder: Encoder, settings: MoCoV2Settings, run: PretextRun) -> MoCoV2:
    """MoCo v2 for a run."""
    return MoCoV2(
        encoder,
        views=run.two_crop_views(),
        temperature=settings.temperature,
        queue=settings.queue_length(run.images, run.batch_size),
        momentum=settings.momentum,
        head_batch_norm=encoder.has_batch_norm if settings.head_batch_norm is None else settings.head_batch_norm,
        seed=run.seed,
        collapse_monitor=run.collapse_monitor,
    )


def advice(settings: MoCoV2Settings) -> str:
    """What to change when it collapses."""
    return f"raise `temperature` (now {settings.temperature:g}) or `momentum` (now {settings.momentum:g})"


MOCOV2: Method = Method(
    "MoCo v2", MoCoV2Settings, create, augmentation="mocov2", advice=advice, forward_passes=lambda _, __: TRAINED + 1
)
