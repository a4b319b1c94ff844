"""MoCo v2: contrastive learning with a momentum (EMA) encoder and a queue of negatives.

He et al., "Momentum contrast for unsupervised visual representation learning", CVPR 2020, with the head and views of
Chen et al., "Improved baselines with momentum contrastive learning", 2020. Shuffling batch norm (He et al. §3.3) is not
needed: batch statistics are those of the whole batch (synchronised batch norm) and do not depend on its order.
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
from hilum.pretext.modules import PROJECTION_WIDTH, ema_copy, ema_update, projection_head
from hilum.pretext.monitoring import MeanMetrics, mean_similarity, positive_similarity
from hilum.training.distributed import all_gather_no_grad


def info_nce(query: Tensor, key: Tensor, queue: Tensor, temperature: float, own: Tensor | None = None) -> Tensor:
    """Compute InfoNCE: cross-entropy of each query's positive key against the keys of the queue (He et al., eq. 1).

    Args:
        query: Queries, (N, D), any norm.
        key: Positive keys, of the other view of the same images, (N, D), any norm.
        queue: Keys of earlier batches as negatives, (K, D), unit norm.
        temperature: Temperature, > 0.
        own: (N, K), True for keys of the query's own image, which are excluded from the negatives.

    Returns:
        Scalar, in float32 also under autocast; log(K + 1) if all similarities are equal.
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
    """MoCo v2: InfoNCE between a query and the key of its image's other view, with a queue of keys as negatives.

    Keys come from an EMA copy of the encoder. An image's own earlier keys are excluded from its negatives: with a few
    thousand images, the queue holds many of them.

    Args:
        encoder: Query encoder f_q; the key encoder f_k starts as a copy.
        settings: Settings of the method; `momentum` is m of eq. 2. The queue may be shorter than a batch.
        run: Parameters of the run; its two global views are those of the query and of the key, its seed also that of
            the head's weights and of the initial queue.
    """

    def __init__(self, encoder: Encoder, settings: MoCoV2Settings, run: PretextRun) -> None:
        super().__init__(run.collapse_monitor)
        self.encoder = encoder
        batch_norm = encoder.has_batch_norm if settings.head_batch_norm is None else settings.head_batch_norm
        self.head = projection_head(encoder.feature_width, seed=run.seed, batch_norm=batch_norm)
        self.momentum_encoder, self.momentum_head = ema_copy(self.encoder), ema_copy(self.head)
        self.views, self.temperature, self.momentum = run.two_crop_views(), settings.temperature, settings.momentum
        self.similarities = MeanMetrics("positive_similarity", "queue_similarity")
        queue = settings.queue_length(run.images, run.batch_size)
        first = torch.randn(queue, PROJECTION_WIDTH, generator=torch.Generator().manual_seed(run.seed))
        self.queue: Tensor
        self.queue_images: Tensor
        self.queue_next: Tensor
        self.register_buffer("queue", F.normalize(first, dim=1))
        self.register_buffer("queue_images", torch.zeros(queue, dtype=torch.int64))  # image keys; 0 for none
        self.register_buffer("queue_next", torch.zeros((), dtype=torch.int64))
        self.pending: tuple[Tensor, Tensor] | None = None

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Compute InfoNCE of the batch with the queue of the previous step."""
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
        """Empty: the negatives are keys of earlier batches."""
        return ""

    @torch.no_grad()
    def after_step(self) -> None:
        """Update the EMA encoder (eq. 2) and enqueue the keys of the step."""
        ema_update(self.momentum_encoder, self.encoder, self.momentum)
        ema_update(self.momentum_head, self.head, self.momentum)
        if self.pending is not None:
            self._enqueue(*(all_gather_no_grad(of_step) for of_step in self.pending))
            self.pending = None

    def _enqueue(self, keys: Tensor, images: Tensor) -> None:
        """Overwrite the oldest entries with the last keys of the batch, at most the queue's length."""
        size = len(self.queue)
        keys, images = keys[-size:], images[-size:]
        places = (self.queue_next + torch.arange(len(keys), device=keys.device)) % size
        self.queue.index_copy_(0, places, keys)
        self.queue_images.index_copy_(0, places, images)
        self.queue_next.copy_((self.queue_next + len(keys)) % size)

    @property
    def chance_loss(self) -> float:
        """Loss if all keys have the same similarity."""
        return math.log(len(self.queue) + 1)

    def epoch_metrics(self) -> dict[str, float]:
        """Compute collapse metrics, and the mean similarity of queries with positive keys and with the queue."""
        return self.collapse_metrics(self.encoder, self.head) | self.similarities.compute()


def advice(settings: MoCoV2Settings) -> str:
    """Return what to change after a collapse."""
    return f"raise `temperature` (now {settings.temperature:g}) or `momentum` (now {settings.momentum:g})"


MOCOV2: Method = Method(
    "MoCo v2", MoCoV2Settings, MoCoV2, augmentation="mocov2", advice=advice, forward_passes=lambda _, __: TRAINED + 1
)
