"""DINOv2: DINO on the class token, iBOT on masked patches, each with its own head, and KoLeo.

Oquab et al., "DINOv2: learning robust visual features without supervision", 2023, §4.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.data.batches import Batch
from hilum.data.transfer import to_device
from hilum.encoders.zoo import Encoder
from hilum.pretext.losses import (
    koleo_of_views,
    patch_distillation,
    sinkhorn_assignments,
    teacher_probabilities,
    update_center,
    view_distillation,
)
from hilum.pretext.masking import check_sees_patches, masked_patches
from hilum.pretext.masking.block_masks import block_masks
from hilum.pretext.methods.base import Method, Pretext, PretextRun
from hilum.pretext.methods.dino import forward_passes
from hilum.pretext.methods.settings import DINOv2Settings
from hilum.pretext.modules import DINOHead, TeacherMonitor, ema_copy, ema_update


class DINOv2(Pretext):
    """DINOv2: the student matches its EMA teacher on every crop (DINO) and on masked patches (iBOT, masked modelling).

    The class token and the patches have their own projection heads, with the same number of prototypes.

    Args:
        encoder: Encoder of the student, a vision transformer.
        settings: Settings of the method: loss weights, masks.
        run: Parameters of the run, with multi-crop views: two global crops for student and teacher, local crops for the
            student only. Its seed is also that of heads and masks.
    """

    def __init__(self, encoder: Encoder, settings: DINOv2Settings, run: PretextRun) -> None:
        super().__init__(run.collapse_monitor)
        check_sees_patches(encoder, "dinov2")
        width, prototypes = encoder.token_width, settings.prototype_count(run.images)
        self.encoder, self.settings, self.seed = encoder, settings, run.seed
        self.head = DINOHead(width, prototypes, seed=run.seed, batch_norm=settings.has_head_batch_norm(encoder))
        self.patch_head = DINOHead(width, prototypes, seed=run.seed + 1)
        self.teacher = nn.ModuleList([ema_copy(module) for module in (encoder, self.head, self.patch_head)])
        self.mask_token = nn.Parameter(torch.zeros(width))
        self.views, self.schedule = run.multi_crop_views(settings.local_crops), settings.schedule(run.steps)
        self.teacher_monitor = TeacherMonitor(prototypes)
        self.steps: Tensor
        self.center: Tensor
        self.patch_center: Tensor
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # optimiser steps so far
        self.register_buffer("center", torch.zeros(prototypes))
        self.register_buffer("patch_center", torch.zeros(prototypes))
        # teacher logits of this step, for the centers: sums and counts, one tuple per part of the batch
        self.teacher_logits: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Compute the sum of DINO's loss, iBOT's loss and KoLeo."""
        self.set_count("epoch", epoch)
        large, small = self.views.of(batch, epoch)
        of_host = self._mask(batch, epoch)
        mask = to_device(of_host, batch.images.device)
        places = to_device(np.flatnonzero(of_host), batch.images.device)
        targets, patch_targets = self._teacher_outputs(torch.cat(large), places)
        train_prototypes = epoch >= self.settings.freeze_prototypes_epochs

        with masked_patches(self.encoder, mask, self.mask_token):
            tokens = self.encoder.tokens(torch.cat(large))
        classes = list(tokens[:, 0].chunk(2))
        patches = tokens[:, self.encoder.prefix_tokens :].flatten(0, 1)[places]
        of_local = self.encoder.tokens(torch.cat(small))[:, 0].chunk(len(small)) if small else []
        of_views = self.head(torch.cat([*classes, *of_local]), train_prototypes=train_prototypes)
        student = list(of_views.chunk(2 + len(of_local)))

        temperature = self.settings.student_temperature
        view_loss = view_distillation(student, targets, temperature)
        self.teacher_monitor.update(torch.cat(targets), view_loss)
        masked_logits = self.patch_head(pad_rows(patches), train_prototypes=train_prototypes)[: len(patches)]
        patch_loss = patch_distillation(
            masked_logits,
            patch_targets,
            places // math.prod(self._grid(epoch)),
            temperature,
            views=len(mask),
            masked_views=self._masked_views(batch.whole, epoch) if batch.parts > 1 else None,
            parts=batch.parts,
        )
        spread_loss = koleo_of_views(classes)
        return view_loss + self.settings.patch_weight * patch_loss + self.settings.koleo_weight * spread_loss

    @torch.no_grad()
    def after_step(self) -> None:
        """Update the EMA teacher and, with centering, both centers."""
        momentum = self.schedule.momentum(self.count_of("steps"))
        for copied, trained in zip(self.teacher, (self.encoder, self.head, self.patch_head), strict=True):
            ema_update(copied, trained, momentum)
        if self.teacher_logits:
            classes, class_counts, patches, patch_counts = (
                torch.stack(each) for each in zip(*self.teacher_logits, strict=True)
            )
            momentum = self.settings.center_momentum
            self.center.copy_(update_center(self.center, classes, momentum, counts=class_counts))
            self.patch_center.copy_(update_center(self.patch_center, patches, momentum, counts=patch_counts))
            self.teacher_logits = []
        self.set_count("steps", self.count_of("steps") + 1)

    @property
    def needs_whole_batch(self) -> str:
        """Reason with Sinkhorn-Knopp or KoLeo; without them the loss is a mean over images and patches."""
        return self.settings.needs_whole_batch

    @property
    def exported(self) -> Encoder:
        """The EMA teacher, as in the paper."""
        teacher = self.teacher[0]
        assert isinstance(teacher, Encoder)
        return teacher

    def epoch_metrics(self) -> dict[str, float]:
        """Compute collapse metrics of the teacher's features and outputs, and the norm of its center."""
        features = self.collapse_metrics(self.exported, self.teacher[1])
        outputs = self.teacher_monitor.compute(self.count_of("epoch"), self.collapse_advice)
        center = {"center_norm": float(self.center.norm())} if self.settings.teacher == "centering" else {}
        return features | outputs | center

    def _grid(self, epoch: int) -> tuple[int, int]:
        """Return rows and columns of patches of a global crop."""
        return self.encoder.patch_grid(self.views.sizes_at(epoch)[0])

    def _mask(self, batch: Batch, epoch: int) -> NDArray[np.bool_]:
        """Draw the masks of both global crops, (2 N, rows, columns), in host memory."""
        masks = [
            block_masks(
                batch.keys,
                self._grid(epoch)[0],
                sample_probability=self.settings.mask_sample_probability,
                mask_ratio=self.settings.mask_ratio,
                seed=self.seed,
                epoch=epoch,
                view=view,
            )
            for view in range(2)
        ]
        return np.concatenate(masks)

    def _masked_views(self, batch: Batch, epoch: int) -> Tensor:
        masked = int(self._mask(batch, epoch).any(axis=(1, 2)).sum())
        return torch.full((), masked, device=batch.images.device)

    @torch.no_grad()
    def _teacher_outputs(self, large: Tensor, places: Tensor) -> tuple[list[Tensor], Tensor]:
        """Compute the teacher's probabilities of both global crops and of the masked patches."""
        encoder, head, patch_head = self.teacher
        assert isinstance(encoder, Encoder)
        tokens = encoder.tokens(large)
        classes = head(tokens[:, 0]).float()
        masked_tokens = tokens[:, encoder.prefix_tokens :].flatten(0, 1)[places]
        patches = patch_head(pad_rows(masked_tokens))[: len(masked_tokens)].float()
        temperature = self.schedule.temperature(self.count_of("steps"))
        if self.settings.teacher == "sinkhorn":
            targets = [sinkhorn_assignments(view, temperature) for view in classes.chunk(2)]
            of_patches = sinkhorn_assignments(patches, temperature)
        else:
            targets = list(teacher_probabilities(classes, self.center, temperature).chunk(2))
            of_patches = teacher_probabilities(patches, self.patch_center, temperature)
            counts = (classes.new_full((), len(each)) for each in (classes, patches))
            self.teacher_logits.append((classes.sum(0), next(counts), patches.sum(0), next(counts)))
        return targets, of_patches


def pad_rows(rows: Tensor) -> Tensor:
    """Append rows of zeros, (N, D) to (multiple of 256, D).

    The number of masked patches differs in each step; torch caches compiled products for every number of rows.
    """
    return F.pad(rows, (0, 0, 0, -len(rows) % 256))


def advice(settings: DINOv2Settings) -> str:
    """Return what to change after a collapse."""
    return (
        f"lower `teacher_temperature` (now {settings.teacher_temperature:g}), raise `koleo_weight` "
        f"(now {settings.koleo_weight:g}), or use fewer `prototypes`"
    )


DINOV2: Method = Method(
    "DINOv2",
    DINOv2Settings,
    DINOv2,
    augmentation="simclr",
    advice=advice,
    forward_passes=forward_passes,
    local_augmentation="local",
)
