"""DINO: Caron et al., "Emerging properties in self-supervised vision transformers", ICCV 2021."""

import torch
from torch import Tensor

from hilum.data.batches import Batch
from hilum.encoders.zoo import Encoder
from hilum.pretext.collapse import CollapseWatch
from hilum.pretext.many_views import ManyViews
from hilum.pretext.momentum import follow, follower
from hilum.pretext.prototype_head import PrototypeHead
from hilum.pretext.self_distillation import moved_center, sharpened, view_distillation
from hilum.pretext.teacher import TeacherSchedule, TeacherWatch
from hilum.training.trainable import Trainable


class DINO(Trainable):
    """A student shall say of every view what its teacher, a slow copy of it, says of the global ones.

    Args:
        encoder: of the student; what is kept.
        head: from features to prototypes.
        views: two global ones, which the teacher sees too, and local ones.
        schedule: of the teacher's temperature and momentum.
        student_temperature: τ_s; 0.1 in the paper.
        center_momentum: of the teacher's center; 0.9 in the paper.
        frozen_epochs: epochs in which the prototypes stay as they were drawn; 1 in the paper's code.
        collapse: looks at the features at the end of every epoch; None does not.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: PrototypeHead,
        *,
        views: ManyViews,
        schedule: TeacherSchedule,
        student_temperature: float,
        center_momentum: float,
        frozen_epochs: int,
        collapse: CollapseWatch | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.teacher_encoder, self.teacher_head = follower(encoder), follower(head)
        self.views, self.schedule, self.collapse = views, schedule, collapse
        self.student_temperature, self.center_momentum = student_temperature, center_momentum
        self.frozen_epochs = frozen_epochs
        self.teacher_watch = TeacherWatch(len(head.prototypes))
        self.epoch: Tensor
        self.steps: Tensor
        self.center: Tensor
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))  # the one under way, for a resumed run too
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # taken so far
        self.register_buffer("center", torch.zeros(len(head.prototypes)))
        self.next_center: Tensor | None = None

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Cross-entropy of all views with the teacher's answers to the global ones; the center moves with the step."""
        self.epoch.fill_(epoch)
        large, small = self.views.of(batch, epoch)
        with torch.no_grad():
            answers = self.teacher_head(self.teacher_encoder(torch.cat(large))).float()
            temperature = self.schedule.temperature(int(self.steps))
            teacher = list(sharpened(answers, self.center, temperature).chunk(2))
            self.teacher_watch.note(torch.cat(teacher))
            self.next_center = moved_center(self.center, answers, self.center_momentum)
        train_prototypes = epoch >= self.frozen_epochs
        student = [
            logits
            for views in (large, small)
            if views
            for logits in self.head(self.encoder(torch.cat(views)), train_prototypes=train_prototypes).chunk(len(views))
        ]
        return view_distillation(student, teacher, self.student_temperature)

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the teacher towards the student, and its center towards its last answers."""
        momentum = self.schedule.momentum(int(self.steps))
        follow(self.teacher_encoder, self.encoder, momentum)
        follow(self.teacher_head, self.head, momentum)
        if self.next_center is not None:
            self.center.copy_(self.next_center)
            self.next_center = None
        self.steps.add_(1)

    def watch(self) -> dict[str, float]:
        """Signs of collapse, in the features and in the teacher's answers."""
        features = self.collapse.look(self.encoder, self.head, int(self.epoch)) if self.collapse else {}
        advice = self.collapse.advice if self.collapse else ""
        return features | self.teacher_watch.look(int(self.epoch), advice)
