"""What a pretext method is to the rest of Hilum: its settings, and how a run is made from them."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hilum.augment import Augmentation
from hilum.data.batches import Batch
from hilum.encoders.zoo import Encoder
from hilum.pretext.methods.settings import MethodSettings
from hilum.pretext.modules import EarlySizes, MultiCrop, TwoCrop
from hilum.pretext.monitoring import CollapseMonitor
from hilum.training.trainable import Trainable

TRAINED = 3.0
"""Forward passes that one view costs which is trained on: a backward pass costs about two."""


class Pretext(Trainable):
    """What trains an encoder without labels.

    Attributes:
        encoder: that gradients train.
    """

    encoder: Encoder

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, int] = {}
        self.register_load_state_dict_post_hook(_forget_counts)  # type: ignore[no-untyped-call]

    def count_of(self, name: str) -> int:
        """A whole number that is a buffer, for a checkpoint, without waiting for a GPU but the first time.

        Args:
            name: of the buffer; changed by `set_count` alone.
        """
        if name not in self._counts:
            self._counts[name] = int(self.get_buffer(name))
        return self._counts[name]

    def set_count(self, name: str, value: int) -> None:
        """Change such a number."""
        self.get_buffer(name).fill_(value)
        self._counts[name] = value

    @property
    def exported(self) -> Encoder:
        """The encoder that is kept: the one that trained, or the teacher where that is what the paper evaluates."""
        return self.encoder

    @property
    def chance_loss(self) -> float | None:
        """What the loss is where the encoder says the same of every image; None where no such number is known."""
        return None

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """As `Trainable.validation_loss`: what training would say of these images, always on the same views.

        A copy says it, so that no queue, center or counter of the run learns of images that are held out.
        """
        watch = getattr(self, "collapse_monitor", None)
        beside = copy.deepcopy(self, {id(watch): watch})
        terms = torch.tensor(float(len(batch)), device=batch.images.device)
        return beside.training_loss(batch, _EPOCH_OF_VALIDATION) * terms, terms


_EPOCH_OF_VALIDATION = 2**20
"""Behind all others, so that views are of full size."""


def _forget_counts(pretext: Any, _: object) -> None:
    pretext._counts.clear()


@dataclass(frozen=True)
class PretextRun:
    """What a method may know of the run that it is made for.

    Attributes:
        augmentation: random views of nearly the whole image.
        second_augmentation: of the second of them, where a method has two; None for the same.
        local_augmentation: random views of parts of it, for methods that use them.
        size, local_size: sides of these views in pixels.
        images: that it learns from.
        batch_size: images a step.
        steps: optimiser steps, in all.
        seed: of weights and views.
        early: smaller sides in the first epochs; None for none. `size` and `local_size` hold from then on.
        watch: looks for collapse at the end of every epoch.
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
        """For methods that compare two views of an image."""
        return TwoCrop(self.augmentation, self.size, self.seed, self.second_augmentation, self.early)

    def multi_crop_views(self, local_crops: int) -> MultiCrop:
        """For methods that compare two views and so many local ones."""
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
    """One pretext method.

    Attributes:
        title: for people.
        settings: its own settings.
        create: from an encoder, its settings and the run to what trains; the encoder is changed in place.
        augmentation: name of its views in `hilum.augment.AUGMENTATIONS`.
        advice: from its settings to what to change when it collapses, in one sentence without a full stop.
        forward_passes: from its settings, and the share of a global view's pixels that a local view has, to how many forward
            passes of a whole image one image costs in one epoch.
        local_augmentation: name of its local views; None for a method without them.
    """

    title: str
    settings: type[MethodSettings]
    create: Callable[[Encoder, Any, PretextRun], Pretext]
    augmentation: str
    advice: Callable[[Any], str]
    forward_passes: Callable[[Any, float], float]
    local_augmentation: str | None = None
