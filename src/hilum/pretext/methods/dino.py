"""DINO: self-distillation with an EMA teacher and multi-crop.

Caron et al., "Emerging properties in self-supervised vision transformers", ICCV 2021.
"""

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
from hilum.pretext.modules import DINOHead, TeacherMonitor, ema_copy, ema_update


class DINO(Pretext):
    """DINO: on every crop, the student matches the output of its EMA teacher on the global crops (§3.1, algorithm 1).

    Centering or Sinkhorn-Knopp of the teacher's outputs, and a low teacher temperature (sharpening), avoid collapse.

    Args:
        encoder: Encoder of the student.
        settings: Settings of the method.
        run: Parameters of the run, with multi-crop views: two global crops for student and teacher, local crops for the
            student only. Its seed is also that of the projection head with prototypes.
    """

    def __init__(self, encoder: Encoder, settings: DINOSettings, run: PretextRun) -> None:
        super().__init__(run.collapse_monitor)
        prototypes, batch_norm = settings.prototype_count(run.images), settings.has_head_batch_norm(encoder)
        self.encoder, self.settings = encoder, settings
        self.head = DINOHead(encoder.feature_width, prototypes, seed=run.seed, batch_norm=batch_norm)
        self.teacher_encoder, self.teacher_head = ema_copy(encoder), ema_copy(self.head)
        self.views, self.schedule = run.multi_crop_views(settings.local_crops), settings.schedule(run.steps)
        self.teacher_monitor = TeacherMonitor(prototypes)
        self.steps: Tensor
        self.center: Tensor
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # optimiser steps so far
        self.register_buffer("center", torch.zeros(prototypes))
        self.teacher_logits: list[Tensor] = []  # mean teacher logits of this step, one per part of the batch

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Compute the cross-entropy of all crops with the teacher's outputs on the global crops (eq. 3), plus KoLeo."""
        self.set_count("epoch", epoch)
        large, small = self.views.of(batch, epoch)
        teacher = self._teacher_outputs(torch.cat(large))
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
        """Reason with Sinkhorn-Knopp or KoLeo; without them the loss is a mean over images."""
        return self.settings.needs_whole_batch

    @property
    def exported(self) -> Encoder:
        """The EMA teacher, which is better than the student during the whole training (figure 6)."""
        return self.teacher_encoder

    @torch.no_grad()
    def after_step(self) -> None:
        """Update the EMA teacher and, with centering, the center (eq. 4)."""
        momentum = self.schedule.momentum(self.count_of("steps"))
        ema_update(self.teacher_encoder, self.encoder, momentum)
        ema_update(self.teacher_head, self.head, momentum)
        if self.teacher_logits:
            logits = torch.stack(self.teacher_logits)
            self.center.copy_(update_center(self.center, logits, self.settings.center_momentum))
            self.teacher_logits = []
        self.set_count("steps", self.count_of("steps") + 1)

    def epoch_metrics(self) -> dict[str, float]:
        """Compute collapse metrics of the teacher's features and outputs, and the norm of its center."""
        features = self.collapse_metrics(self.teacher_encoder, self.teacher_head)
        outputs = self.teacher_monitor.compute(self.count_of("epoch"), self.collapse_advice)
        center = {"center_norm": float(self.center.norm())} if self.settings.teacher == "centering" else {}
        return features | outputs | center

    @torch.no_grad()
    def _teacher_outputs(self, large: Tensor) -> list[Tensor]:
        """Compute the teacher's probabilities of both global crops."""
        logits = self.teacher_head(self.teacher_encoder(large)).float()
        temperature = self.schedule.temperature(self.count_of("steps"))
        if self.settings.teacher == "sinkhorn":
            return [sinkhorn_assignments(view, temperature) for view in logits.chunk(2)]
        self.teacher_logits.append(logits.mean(0))
        return list(teacher_probabilities(logits, self.center, temperature).chunk(2))


def advice(settings: DINOSettings) -> str:
    """Return what to change after a collapse."""
    return f"lower `teacher_temperature` (now {settings.teacher_temperature:g}), or use fewer `prototypes`"


def forward_passes(settings: DINOSettings, local_share: float) -> float:
    """Return the forward passes per image and epoch: all crops in the student, global crops in the teacher."""
    return TRAINED * (2 + settings.local_crops * local_share) + 2


DINO_METHOD: Method = Method(
    "DINO",
    DINOSettings,
    DINO,
    augmentation="simclr",
    advice=advice,
    forward_passes=forward_passes,
    local_augmentation="local",
)
