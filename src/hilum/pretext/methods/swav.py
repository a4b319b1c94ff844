"""SwAV: Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments", NeurIPS 2020."""

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
from hilum.pretext.modules import MOST_ASSIGNMENT_ENTROPY, PROJECTION_WIDTH, MultiCrop, TeacherMonitor
from hilum.pretext.monitoring import CollapseMonitor
from hilum.training.distributed import all_gather_no_grad, own_shard


class SwAV(Pretext):
    """The prototype that one view of an image is assigned to must be predicted from its other views.

    Assignments use all prototypes alike (Sinkhorn-Knopp). A batch smaller than a few times the number of prototypes
    cannot do that; the last projections then stand beside it while assignments are made, in a queue for each global
    view, once it is full and the encoder has left its first epochs behind, in which projections age too fast (§4.1).

    Args:
        encoder: f; what is kept.
        views: two global ones, and local ones.
        temperature: of the predictions, τ; 0.1 in the paper.
        epsilon: of the assignments, ε; 0.05 in the paper.
        prototypes: K; 3,000 for a million images.
        queue: projections kept for each global view; 0 for none.
        queue_start_epoch: epochs in which the queue has no part; 15 in the paper's code.
        koleo_weight: of KoLeo on the features of the global views; the paper has none.
        freeze_prototypes_epochs: epochs in which the prototypes stay as they were drawn; 1 in the paper's code.
        seed: of the head's and the prototypes' weights.
        collapse_monitor: looks at the features at the end of every epoch; None does not.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        views: MultiCrop,
        temperature: float,
        epsilon: float,
        prototypes: int,
        queue: int,
        queue_start_epoch: int,
        koleo_weight: float,
        freeze_prototypes_epochs: int,
        seed: int,
        collapse_monitor: CollapseMonitor | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.feature_width
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            # §C.1: two layers, batch norm and ReLU between; as wide as the features, where the paper has 2,048 for all.
            self.head = nn.Sequential(
                nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, PROJECTION_WIDTH)
            )
            self.prototypes = nn.Parameter(F.normalize(torch.randn(prototypes, PROJECTION_WIDTH), dim=1))
        self.views, self.temperature, self.epsilon, self.koleo_weight = views, temperature, epsilon, koleo_weight
        self.queue_start_epoch, self.freeze_prototypes_epochs, self.collapse_monitor = (
            queue_start_epoch,
            freeze_prototypes_epochs,
            collapse_monitor,
        )
        self.assignment_monitor = TeacherMonitor(prototypes, "assignment", MOST_ASSIGNMENT_ENTROPY)
        self.epoch: Tensor
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))  # the one under way, for a resumed run too
        self.queue: Tensor
        self.queue_filled: Tensor
        self.register_buffer("queue", torch.zeros(2, queue, PROJECTION_WIDTH))
        self.register_buffer("queue_filled", torch.zeros((), dtype=torch.int64))
        self.pending: Tensor | None = None

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Swapped prediction over all views; views of one size pass the encoder together."""
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
            self.prototypes if epoch >= self.freeze_prototypes_epochs else self.prototypes.detach(), dim=1
        )
        scores = [F.linear(direction, prototypes) for direction in directions]
        self.pending = torch.stack([direction.detach() for direction in directions[:2]])
        assignments = [self._assign(view, scores[view].detach(), prototypes.detach()) for view in range(2)]
        loss = swapped_prediction(scores, assignments, self.temperature)
        soft = F.softmax(torch.cat(scores[:2]).detach().float() / self.temperature, dim=1)
        self.assignment_monitor.update(torch.cat(assignments), loss.detach(), soft=soft)
        if not self.koleo_weight:
            return loss
        return loss + self.koleo_weight * koleo_of_views(features[0].chunk(2))

    @property
    def needs_whole_batch(self) -> str:
        """For its assignments."""
        return "prototypes are assigned to the whole batch alike"

    @torch.no_grad()
    def after_step(self) -> None:
        """Put the step's projections into the queue, in front of the older ones."""
        if self.pending is not None and self.queue.shape[1]:
            new = torch.stack([all_gather_no_grad(view) for view in self.pending])
            self.queue.copy_(torch.cat([new, self.queue], dim=1)[:, : self.queue.shape[1]])
            self.set_count("queue_filled", min(self.count_of("queue_filled") + new.shape[1], self.queue.shape[1]))
        self.pending = None

    @property
    def chance_loss(self) -> float | None:
        """Every prototype is as likely. With KoLeo distances between features count, too: not known beforehand."""
        return None if self.koleo_weight else math.log(len(self.prototypes))

    def epoch_metrics(self) -> dict[str, float]:
        """Signs of collapse, in the features and in the assignments, and how near the queue's projections are."""
        features = (
            self.collapse_monitor.compute(self.encoder, self.head, self.count_of("epoch"))
            if self.collapse_monitor
            else {}
        )
        answers = self.assignment_monitor.compute(
            self.count_of("epoch"), self.collapse_monitor.advice if self.collapse_monitor else ""
        )
        filled = self.queue[:, : self.count_of("queue_filled")]
        near = {"queue_similarity": float(filled.mean(1).square().sum(1).mean())} if self.queue.shape[1] else {}
        return features | answers | near

    def _directions(self, features: Tensor, views: int) -> list[Tensor]:
        """Projections of norm one, one tensor a view, in float32."""
        projections = self.head(features)
        with torch.autocast(projections.device.type, enabled=False):
            return list(F.normalize(projections.float(), dim=1).chunk(views))

    def _assign(self, view: int, scores: Tensor, prototypes: Tensor) -> Tensor:
        """Assignments of the batch, made together with the queue once that is full and its time has come.

        Over several processes every rank holds the same queue, which would then count as often as there are ranks; each
        takes its own part of it instead.
        """
        full = self.count_of("queue_filled") == self.queue.shape[1]
        if not self.queue.shape[1] or not full or self.count_of("epoch") < self.queue_start_epoch:
            return sinkhorn_assignments(scores, self.epsilon)
        together = torch.cat([scores, F.linear(own_shard(self.queue[view]), prototypes)])
        return sinkhorn_assignments(together, self.epsilon)[: len(scores)]


def create(encoder: Encoder, settings: SwAVSettings, run: PretextRun) -> SwAV:
    """SwAV for a run."""
    prototypes, queue = settings.prototypes_and_queue(run.images, run.batch_size)
    return SwAV(
        encoder,
        views=run.multi_crop_views(settings.local_crops),
        temperature=settings.temperature,
        epsilon=settings.epsilon,
        prototypes=prototypes,
        queue=queue,
        queue_start_epoch=settings.queue_start_epoch,
        koleo_weight=settings.koleo_weight,
        freeze_prototypes_epochs=settings.freeze_prototypes_epochs,
        seed=run.seed,
        collapse_monitor=run.collapse_monitor,
    )


def advice(settings: SwAVSettings) -> str:
    """What to change when it collapses."""
    return f"lower `epsilon` (now {settings.epsilon:g}), or use fewer `prototypes` or a longer `queue`"


def forward_passes(settings: SwAVSettings, local_share: float) -> float:
    """Forward passes that an image costs."""
    return TRAINED * (2 + settings.local_crops * local_share)


SWAV: Method = Method(
    "SwAV",
    SwAVSettings,
    create,
    augmentation="simclr",
    advice=advice,
    forward_passes=forward_passes,
    local_augmentation="local",
)
