"""DINO: Caron et al., "Emerging properties in self-supervised vision transformers", ICCV 2021."""

import torch
from torch import Tensor

from hilum.data.batches import Batch
from hilum.encoders.zoo import Encoder
from hilum.pretext.losses import (
    koleo_of_views,
    sinkhorn_assignments,
    teacher_probabilities,
    update_center,
    view_distillation,
)
from hilum.pretext.methods.base import TRAINED, Method, Pretext, PretextRun
from hilum.pretext.methods.settings import DINOSettings
from hilum.pretext.modules import DINOHead, MultiCrop, TeacherMonitor, TeacherSchedule, ema_copy, ema_update
from hilum.pretext.monitoring import CollapseMonitor


class DINO(Pretext):
    """The student matches on every view what its teacher, a slow copy of it, says of the global ones.

    Args:
        encoder: of the student.
        head: from features to prototypes.
        views: two global ones, which the teacher sees too, and local ones.
        schedule: of the teacher's temperature and momentum.
        settings: how the teacher is kept from giving one answer, and the rest.
        collapse_monitor: looks at the features at the end of every epoch; None does not.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: DINOHead,
        *,
        views: MultiCrop,
        schedule: TeacherSchedule,
        settings: "DINOSettings",
        collapse_monitor: CollapseMonitor | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.teacher_encoder, self.teacher_head = ema_copy(encoder), ema_copy(head)
        self.views, self.schedule, self.settings, self.collapse_monitor = views, schedule, settings, collapse_monitor
        self.teacher_monitor = TeacherMonitor(len(head.prototypes))
        self.epoch: Tensor
        self.steps: Tensor
        self.center: Tensor
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))  # the one under way, for a resumed run too
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # taken so far
        self.register_buffer("center", torch.zeros(len(head.prototypes)))
        self.answers: list[Tensor] = []  # the teacher's of this step: their mean, one for each part of the batch

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Cross-entropy of all views with the teacher's answers to the global ones."""
        self.set_count("epoch", epoch)
        large, small = self.views.of(batch, epoch)
        teacher = self._answers(torch.cat(large))
        train_prototypes = epoch >= self.settings.freeze_prototypes_epochs
        sizes = [views for views in (large, small) if views]
        features = [self.encoder(torch.cat(views)) for views in sizes]
        student = [
            logits
            for of_size, views in zip(features, sizes, strict=True)
            for logits in self.head(of_size, train_prototypes=train_prototypes).chunk(len(views))
        ]
        loss = view_distillation(student, teacher, self.settings.student_temperature)
        self.teacher_monitor.update(torch.cat(teacher), loss)
        if not self.settings.koleo_weight:
            return loss
        return loss + self.settings.koleo_weight * koleo_of_views(features[0].chunk(2))

    @property
    def needs_whole_batch(self) -> str:
        """For Sinkhorn and KoLeo; without them its loss is a mean over images, and its center moves with the step."""
        return self.settings.needs_whole_batch

    @property
    def exported(self) -> Encoder:
        """The teacher's: an average over the run's last part, better than the student throughout (figure 6)."""
        return self.teacher_encoder

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the teacher towards the student, and its center towards its last answers."""
        momentum = self.schedule.momentum(self.count_of("steps"))
        ema_update(self.teacher_encoder, self.encoder, momentum)
        ema_update(self.teacher_head, self.head, momentum)
        if self.answers:
            self.center.copy_(update_center(self.center, torch.stack(self.answers), self.settings.center_momentum))
            self.answers = []
        self.set_count("steps", self.count_of("steps") + 1)

    def epoch_metrics(self) -> dict[str, float]:
        """Signs of collapse, in the features and in the teacher's answers, and the size of its center."""
        features = (
            self.collapse_monitor.compute(self.teacher_encoder, self.teacher_head, self.count_of("epoch"))
            if self.collapse_monitor
            else {}
        )
        advice = self.collapse_monitor.advice if self.collapse_monitor else ""
        answers = self.teacher_monitor.compute(self.count_of("epoch"), advice)
        center = {"center_norm": float(self.center.norm())} if self.settings.teacher == "centering" else {}
        return features | answers | center

    @torch.no_grad()
    def _answers(self, large: Tensor) -> list[Tensor]:
        """The teacher's probabilities for both global views."""
        logits = self.teacher_head(self.teacher_encoder(large)).float()
        temperature = self.schedule.temperature(self.count_of("steps"))
        if self.settings.teacher == "sinkhorn":
            return [sinkhorn_assignments(view, temperature) for view in logits.chunk(2)]
        self.answers.append(logits.mean(0))
        return list(teacher_probabilities(logits, self.center, temperature).chunk(2))


def create(encoder: Encoder, settings: DINOSettings, run: PretextRun) -> DINO:
    """DINO for a run."""
    head = DINOHead(
        encoder.feature_width,
        settings.prototype_count(run.images),
        seed=run.seed,
        batch_norm=settings.has_head_batch_norm(encoder),
    )
    return DINO(
        encoder,
        head,
        views=run.multi_crop_views(settings.local_crops),
        schedule=settings.schedule(run.steps),
        settings=settings,
        collapse_monitor=run.collapse_monitor,
    )


def advice(settings: DINOSettings) -> str:
    """What to change when it collapses."""
    return f"lower `teacher_temperature` (now {settings.teacher_temperature:g}), or use fewer `prototypes`"


def forward_passes(settings: DINOSettings, local_share: float) -> float:
    """Forward passes that an image costs: the student trains on all views, the teacher looks at the global ones."""
    return TRAINED * (2 + settings.local_crops * local_share) + 2


DINO_METHOD: Method = Method(
    "DINO",
    DINOSettings,
    create,
    augmentation="simclr",
    advice=advice,
    forward_passes=forward_passes,
    local_augmentation="local",
)
