"""One optimiser step: loss, gradients, gradient accumulation, averaging over processes, update."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from hilum.data.batches import Batch, Batches
from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError
from hilum.training.compilation import CompiledBlocks
from hilum.training.distributed import SyncBatchNormMode, average_gradients, rank, world_size
from hilum.training.optim import (
    create_optimizer,
    learning_rate_factor,
    set_learning_rate,
    set_weight_decay,
    weight_decay_at,
)
from hilum.training.settings import TrainingSettings
from hilum.training.trainable import Trainable


class Stepper:
    """Optimiser steps of a run.

    Args:
        fabric: Fabric of the run.
        trainable: Module on its device.
        settings: Settings of the run.
        steps_per_epoch: Optimiser steps per epoch.
    """

    def __init__(self, fabric: Fabric, trainable: Trainable, settings: TrainingSettings, steps_per_epoch: int) -> None:
        self.fabric, self.trainable, self.settings = fabric, trainable, settings
        self.steps_per_epoch = steps_per_epoch
        self.encoders = [module for module in trainable.modules() if isinstance(module, Encoder)]
        self.compiled: CompiledBlocks | None = None
        self.module, self.optimizer = fabric.setup(trainable, create_optimizer(trainable, settings))

    def take(self, batch: Batch, epoch: int, step: int, plateau_share: float) -> Tensor:
        """Take one step.

        Args:
            batch: This process's part of the batch.
            epoch: Epoch from 0.
            step: Optimiser steps before this one.
            plateau_share: Learning-rate factor of the plateau schedule.

        Returns:
            Loss of the batch of all processes before the step, a scalar.
        """
        settings = self.settings
        torch.manual_seed(step_seed(settings.seed, step, rank()))
        set_learning_rate(self.optimizer, plateau_share * learning_rate_factor(step, self.steps_per_epoch, settings))
        if settings.weight_decay_end is not None:
            set_weight_decay(self.optimizer, weight_decay_at(step, settings.epochs * self.steps_per_epoch, settings))
        self.optimizer.zero_grad()
        with frozen(self.encoders) if step < settings.freeze_encoder_steps else nullcontext():
            own = torch.stack(
                [self._add_gradients(part, epoch) for part in batch.cut(settings.gradient_accumulation_steps)]
            ).mean()
        loss = average_gradients(self.trainable.parameters(), own)
        if settings.clip_grad_norm is not None:
            self.fabric.clip_gradients(
                self.module, self.optimizer, max_norm=settings.clip_grad_norm, error_if_nonfinite=False
            )
        self.optimizer.step()
        self.trainable.after_step()
        return loss

    def _add_gradients(self, part: Batch, epoch: int) -> Tensor:
        with self.forward_pass():
            loss = self.trainable.training_loss(part, epoch)
        self.fabric.backward(loss if part.parts == 1 else loss / part.parts)
        return loss.detach()

    @contextmanager
    def forward_pass(self) -> Iterator[None]:
        """Context of loss computation: autocast, synchronised batch norm, compiled blocks."""
        with ExitStack() as stack:
            stack.enter_context(self.fabric.autocast())
            if world_size() > 1:
                stack.enter_context(SyncBatchNormMode())
            if self.compiled is not None and all(encoder.training for encoder in self.encoders):
                stack.enter_context(self.compiled.active())
            yield


@contextmanager
def frozen(encoders: Iterable[Encoder]) -> Iterator[None]:
    """Freeze encoders within the context: no gradients, batch norm in evaluation mode."""
    encoders = list(encoders)
    trained = [each for encoder in encoders for each in encoder.parameters() if each.requires_grad]
    for encoder in encoders:
        encoder.eval()
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for encoder in encoders:
            encoder.train()
        for parameter in trained:
            parameter.requires_grad_(True)


def check_parts(trainable: Trainable, batches: Batches, settings: TrainingSettings) -> None:
    """Check that batches can be divided among processes and gradient accumulation steps.

    Args:
        trainable: Module in training mode.
        batches: Batches of the run.
        settings: Settings of the run.

    Raises:
        HilumError: A batch size is not a multiple of both, or loss or batch norm needs the whole batch.
    """
    parts = world_size() * settings.gradient_accumulation_steps
    smallest = min(batches.images_in(0), batches.images_in(len(batches) - 1))
    if batches.images_in(0) % parts or smallest % parts:
        raise HilumError(
            "batch_size",
            expected=f"a multiple of {parts} (processes × gradient accumulation steps)",
            found=f"batches of {batches.images_in(0)} and {smallest} images",
            fix=f"Use a multiple of {parts}, at most the number of images.",
        )
    if settings.gradient_accumulation_steps == 1:
        return
    reason = trainable.needs_whole_batch
    if not reason and any(
        isinstance(each, nn.modules.batchnorm._BatchNorm) and each.training for each in trainable.modules()
    ):
        reason = "its batch norm takes its statistics from the whole batch"
    if reason:
        raise HilumError(
            "training.gradient_accumulation_steps",
            expected="1",
            found=f"{settings.gradient_accumulation_steps}, but {reason}",
            fix="Use a smaller batch, bf16, `activation_checkpointing`, or several processes.",
        )


def step_seed(seed: int, step: int, process: int = 0) -> int:
    """Return the seed of torch's generator for a step, so that dropout is a function of (seed, step, process).

    Rank 0 has the seed of a single process.
    """
    entropy = (seed, step, process) if process else (seed, step)
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
