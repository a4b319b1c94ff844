"""SwAV: swapped prediction of online cluster assignments, with multi-crop.

Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments", NeurIPS 2020.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hilum.data.batches import Batch
from hilum.encoders.zoo import Encoder
from hilum.pretext.losses import koleo_of_views, sinkhorn_assignments
from hilum.pretext.losses.swapped_prediction import swapped_prediction
from hilum.pretext.methods.base import TRAINED, Method, Pretext, PretextRun
from hilum.pretext.methods.settings import SwAVSettings
from hilum.pretext.modules import MOST_ASSIGNMENT_ENTROPY, PROJECTION_WIDTH, TeacherMonitor
from hilum.training.distributed import all_gather_no_grad, own_shard


class SwAV(Pretext):
    """SwAV: predict the cluster assignment of one view from the other views of the image (eq. 1, 2 and 6).

    Assignments are balanced over prototypes (Sinkhorn-Knopp), which needs a few images per prototype. For smaller
    batches a queue of earlier projections per global view is added, once it is full and `queue_start_epoch` is reached
    (§4.1).

    Args:
        encoder: Encoder f.
        settings: Settings of the method: temperature τ, epsilon ε, number of prototypes K, ….
        run: Parameters of the run, with multi-crop views; its seed is also that of head and prototypes.
    """

    def __init__(self, encoder: Encoder, settings: SwAVSettings, run: PretextRun) -> None:
        super().__init__(run.collapse_monitor)
        self.encoder, self.settings = encoder, settings
        self.views = run.multi_crop_views(settings.local_crops)
        prototypes, queue = settings.prototypes_and_queue(run.images, run.batch_size)
        width = encoder.feature_width
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(run.seed)
            # §C.1: two layers with batch norm and ReLU; hidden width of the features instead of the paper's 2,048.
            self.head = nn.Sequential(
                nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, PROJECTION_WIDTH)
            )
            self.prototypes = nn.Parameter(F.normalize(torch.randn(prototypes, PROJECTION_WIDTH), dim=1))
        self.assignment_monitor = TeacherMonitor(prototypes, "assignment", MOST_ASSIGNMENT_ENTROPY)
        self.queue: Tensor
        self.queue_filled: Tensor
        self.register_buffer("queue", torch.zeros(2, queue, PROJECTION_WIDTH))
        self.register_buffer("queue_filled", torch.zeros((), dtype=torch.int64))
        self.pending: Tensor | None = None

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Compute the swapped-prediction loss over all crops, plus KoLeo; crops of one size form one batch."""
        self.set_count("epoch", epoch)
        large, small = self.views.of(batch, epoch)
        sizes = [views for views in (large, small) if views]
        features = [self.encoder(torch.cat(views)) for views in sizes]
        directions = [
            direction
            for of_size, views in zip(features, sizes, strict=True)
            for direction in self._directions(of_size, len(views))
        ]
        prototypes = F.normalize(
            self.prototypes if epoch >= self.settings.freeze_prototypes_epochs else self.prototypes.detach(), dim=1
        )
        scores = [F.linear(direction, prototypes) for direction in directions]
        self.pending = torch.stack([direction.detach() for direction in directions[:2]])
        assignments = [self._assign(view, scores[view].detach(), prototypes.detach()) for view in range(2)]
        loss = swapped_prediction(scores, assignments, self.settings.temperature)
        soft = F.softmax(torch.cat(scores[:2]).detach().float() / self.settings.temperature, dim=1)
        self.assignment_monitor.update(torch.cat(assignments), loss.detach(), soft=soft)
        if not self.settings.koleo_weight:
            return loss
        return loss + self.settings.koleo_weight * koleo_of_views(features[0].chunk(2))

    @property
    def needs_whole_batch(self) -> str:
        """Reason: balanced assignments."""
        return "prototypes are assigned to the whole batch alike"

    @torch.no_grad()
    def after_step(self) -> None:
        """Enqueue the projections of the step, in front of the older ones."""
        if self.pending is not None and self.queue.shape[1]:
            new = torch.stack([all_gather_no_grad(view) for view in self.pending])
            self.queue.copy_(torch.cat([new, self.queue], dim=1)[:, : self.queue.shape[1]])
            self.set_count("queue_filled", min(self.count_of("queue_filled") + new.shape[1], self.queue.shape[1]))
        self.pending = None

    @property
    def chance_loss(self) -> float | None:
        """Loss if all prototypes are equally likely; not known with KoLeo, which depends on distances of features."""
        return None if self.settings.koleo_weight else math.log(len(self.prototypes))

    def epoch_metrics(self) -> dict[str, float]:
        """Compute collapse metrics of features and assignments, and the mean similarity within the queue."""
        features = self.collapse_metrics(self.encoder, self.head)
        assignments = self.assignment_monitor.compute(self.count_of("epoch"), self.collapse_advice)
        filled = self.queue[:, : self.count_of("queue_filled")]
        near = {"queue_similarity": float(filled.mean(1).square().sum(1).mean())} if self.queue.shape[1] else {}
        return features | assignments | near

    def _directions(self, features: Tensor, views: int) -> list[Tensor]:
        """Compute unit-norm projections in float32, one tensor per view."""
        projections = self.head(features)
        with torch.autocast(projections.device.type, enabled=False):
            return list(F.normalize(projections.float(), dim=1).chunk(views))

    def _assign(self, view: int, scores: Tensor, prototypes: Tensor) -> Tensor:
        """Compute the assignments of the batch, together with the queue if it is full and in use.

        All processes hold the same queue; each uses its own shard, so that every key counts once.
        """
        full = self.count_of("queue_filled") == self.queue.shape[1]
        if not self.queue.shape[1] or not full or self.count_of("epoch") < self.settings.queue_start_epoch:
            return sinkhorn_assignments(scores, self.settings.epsilon)
        together = torch.cat([scores, F.linear(own_shard(self.queue[view]), prototypes)])
        return sinkhorn_assignments(together, self.settings.epsilon)[: len(scores)]


def advice(settings: SwAVSettings) -> str:
    """Return what to change after a collapse."""
    return f"lower `epsilon` (now {settings.epsilon:g}), or use fewer `prototypes` or a longer `queue`"


def forward_passes(settings: SwAVSettings, local_share: float) -> float:
    """Return the forward passes per image and epoch."""
    return TRAINED * (2 + settings.local_crops * local_share)


SWAV: Method = Method(
    "SwAV",
    SwAVSettings,
    SwAV,
    augmentation="simclr",
    advice=advice,
    forward_passes=forward_passes,
    local_augmentation="local",
)
