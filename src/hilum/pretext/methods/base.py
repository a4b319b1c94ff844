"""Base classes of pretext methods: the trainable module, its run parameters and its registry entry."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hilum.augment import Augmentation
from hilum.data.batches import Batch
from hilum.encoders.zoo import Encoder
from hilum.pretext.methods.settings import MethodSettings
from hilum.pretext.modules import EarlySizes, MultiCrop, TwoCrop
from hilum.pretext.monitoring import CollapseMonitor
from hilum.training.trainable import Trainable

TRAINED = 3.0
"""Cost of training on one view in forward passes; a backward pass costs about two."""


class Pretext(Trainable):
    """Base class of self-supervised training modules.

    Args:
        collapse_monitor: Computes collapse metrics at the end of each epoch; None: no such metrics.

    Attributes:
        encoder: Encoder that is trained by gradients.
        epoch: Current epoch from 0, a buffer, so that it is part of checkpoints.
    """

    encoder: Encoder
    epoch: Tensor

    def __init__(self, collapse_monitor: CollapseMonitor | None = None) -> None:
        super().__init__()
        self.collapse_monitor = collapse_monitor
        self._counts: dict[str, int] = {}
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))
        self.register_load_state_dict_post_hook(_forget_counts)  # type: ignore[no-untyped-call]

    def count_of(self, name: str) -> int:
        """Return an integer buffer; synchronises with the GPU on the first call only.

        Args:
            name: Name of the buffer, which must only be changed by `set_count`.
        """
        if name not in self._counts:
            self._counts[name] = int(self.get_buffer(name))
        return self._counts[name]

    def set_count(self, name: str, value: int) -> None:
        """Set an integer buffer."""
        self.get_buffer(name).fill_(value)
        self._counts[name] = value

    @property
    def exported(self) -> Encoder:
        """The exported encoder: the trained one, or the EMA teacher if the paper evaluates the teacher."""
        return self.encoder

    @property
    def chance_loss(self) -> float | None:
        """Loss of an encoder with the same output for every image; None if not known."""
        return None

    def collapse_metrics(self, encoder: nn.Module, head: nn.Module) -> dict[str, float]:
        """Compute the collapse metrics of the current epoch; empty without a monitor.

        Args:
            encoder: Encoder to monitor.
            head: Head from features to the projections of the loss.

        Raises:
            HilumError: From the second epoch on, the encoder has collapsed.
        """
        if self.collapse_monitor is None:
            return {}
        return self.collapse_monitor.compute(encoder, head, self.count_of("epoch"))

    @property
    def collapse_advice(self) -> str:
        """Text of what to change after a collapse; empty without a monitor."""
        return self.collapse_monitor.advice if self.collapse_monitor else ""

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Compute the training loss of held-out images on fixed random views (see `Trainable.validation_loss`).

        Computed by a copy, so that queue, center and counters of the run do not change.
        """
        unused = copy.deepcopy(self, {id(self.collapse_monitor): self.collapse_monitor})
        terms = torch.tensor(float(len(batch)), device=batch.images.device)
        return unused.training_loss(batch, _VALIDATION_EPOCH) * terms, terms


_VALIDATION_EPOCH = 2**20
"""Epoch of the validation views, after all training epochs, so that views have full size."""


def _forget_counts(pretext: Any, _: object) -> None:
    pretext._counts.clear()


@dataclass(frozen=True)
class PretextRun:
    """Parameters of a run that a method is created for.

    Attributes:
        augmentation: Augmentation of the global views.
        second_augmentation: Augmentation of the second global view; None: the same as the first.
        local_augmentation: Augmentation of the local crops.
        size, local_size: Sides of global and local views in px.
        images: Number of training images.
        batch_size: Images per step.
        steps: Number of optimiser steps.
        seed: Random seed of weights and views.
        early: Smaller sides in the first epochs; None: the same sides in all epochs.
        collapse_monitor: Computes collapse metrics at the end of each epoch.
    """

    augmentation: Augmentation
    local_augmentation: Augmentation
    size: int
    local_size: int
    images: int
    batch_size: int
    steps: int
    seed: int
    collapse_monitor: CollapseMonitor | None
    second_augmentation: Augmentation | None = None
    early: EarlySizes | None = None

    def two_crop_views(self) -> TwoCrop:
        """Return the two global views."""
        return TwoCrop(self.augmentation, self.size, self.seed, self.second_augmentation, self.early)

    def multi_crop_views(self, local_crops: int) -> MultiCrop:
        """Return multi-crop: two global views and `local_crops` local ones."""
        return MultiCrop(
            global_augmentation=self.augmentation,
            global_size=self.size,
            local_augmentation=self.local_augmentation,
            local_size=self.local_size,
            local_crops=local_crops,
            seed=self.seed,
            second_augmentation=self.second_augmentation,
            early=self.early,
        )


@dataclass(frozen=True)
class Method:
    """Registry entry of a pretext method.

    Attributes:
        title: Display name.
        settings: Class of the method's settings.
        create: Function of (encoder, settings, run) to the training module; the encoder is trained in place.
        augmentation: Default augmentation, a name of `hilum.augment.AUGMENTATIONS`.
        advice: Function of the settings to what to change after a collapse, a sentence without a full stop.
        forward_passes: Function of the settings and the pixels of a local crop relative to a global one to the cost of
            one image per epoch, in forward passes of a global view.
        local_augmentation: Default augmentation of local crops; None for a method without them.
    """

    title: str
    settings: type[MethodSettings]
    create: Callable[[Encoder, Any, PretextRun], Pretext]
    augmentation: str
    advice: Callable[[Any], str]
    forward_passes: Callable[[Any, float], float]
    local_augmentation: str | None = None
