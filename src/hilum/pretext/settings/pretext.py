"""Settings of a pretraining run with any method."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from hilum.augment import Augmentation, augmentation_of
from hilum.declared import range_problems
from hilum.errors import HilumError, HilumErrors
from hilum.pretext.methods import method_of, method_settings
from hilum.pretext.settings.run import problems_of_run
from hilum.pretext.settings.sizes import SizeCurriculum
from hilum.training.settings import Compile, Device, KeepProbed, Optimizer, Precision, Workers

AUGMENTATION_KEYS = ("augmentation", "second_augmentation", "local_augmentation")
_WHERE_GIVEN = ("validation", "patience")
"""Settings without effect if None, and then not part of the fingerprint."""
LEAST_HEAD_STEPS = 100
"""Minimum steps in which randomly initialised heads train alone on pretrained weights, unless the run is short."""


@dataclass(frozen=True)
class PretextSettings:
    """Settings of `hilum.pretext.pretrain.pretrain`.

    The defaults beat random initialisation within minutes on about 1,000 images of 64 px (ResNet-18; SimCLR, 50
    epochs: +0.11 AUROC of a linear probe over timm's initialisation). For other numbers of images see
    `hilum.pretext.settings.resolve`.

    Settings not listed below are described, with their ranges, in `hilum.pretext.settings.run.SingleRunSettings`; None
    here has the same meaning as an omitted setting there.

    Args:
        options: Settings of the method by name (`hilum.pretext.methods.settings`); defaults for omitted ones.
        device: See `hilum.training.settings.TrainingSettings`.
        workers: Threads that prefetch batches; does not change results.

    Raises:
        HilumErrors: Values out of range.
    """

    epochs: int = 50
    batch_size: int = 128
    optimizer: Optimizer = "adamw"
    lr: float = 1e-3
    layer_decay: float = 1.0
    weight_decay: float = 1e-4
    weight_decay_end: float | None = None
    warmup_epochs: float = 3.0
    clip_grad_norm: float | None = None
    gradient_accumulation_steps: int = 1
    activation_checkpointing: bool = False
    freeze_encoder_steps: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    augmentation: str | Augmentation | None = None
    second_augmentation: str | Augmentation | None = None
    local_augmentation: str | Augmentation | None = None
    size: int | SizeCurriculum | None = None
    local_size: int | None = None
    probe_every: int | None = None
    validation: float | None = None
    patience: int | None = None
    keep: KeepProbed = "last"
    precision: Precision = "auto"
    device: Device = "auto"
    compile: Compile = "auto"
    workers: Workers = 1

    def __post_init__(self) -> None:
        own = ("options", *AUGMENTATION_KEYS, "device", "workers")
        problems = problems_of_run(
            {each.name: getattr(self, each.name) for each in fields(self) if each.name not in own}
        )
        problems += [(name, f"{name}: {problem}") for name in AUGMENTATION_KEYS for problem in self._augmentation(name)]
        problems += [
            (each.where, f"{each.where}: expected {each.expected}; found {each.found}")
            for each in range_problems(type(self), {name: getattr(self, name) for name in ("device", "workers")})
        ]
        if self.patience is not None and self.validation is None:
            problems.append(("patience", "patience: expected validation, whose loss it needs; found none"))
        if problems:
            order = [each.name for each in fields(self)]
            problems.sort(key=lambda problem: order.index(problem[0]))
            lines = [line for _, line in problems]
            raise HilumErrors("pretraining settings", lines, fix="change the values named below.")

    def _augmentation(self, name: str) -> list[str]:
        try:
            augmentation = getattr(self, name)
            if augmentation is not None:
                augmentation_of(augmentation)
        except HilumError as error:
            return [f"expected {error.expected}; found {error.found}"]
        return []

    def fingerprint_fields(self) -> dict[str, Any]:
        """Return all settings that affect the result, for the card and the fingerprint of a run."""
        values = {name: value for name, value in asdict(self).items() if name not in ("workers", "device", "compile")}
        values = {name: value for name, value in values.items() if value is not None or name not in _WHERE_GIVEN}
        return values | ({"size": self.size.model_dump()} if isinstance(self.size, SizeCurriculum) else {})

    def resolved(self, method: str, images: int, *, from_weights: bool) -> Self:
        """Return the settings with all values that depend on method, number of images and initialisation; idempotent.

        Args:
            method: A name of `hilum.pretext.methods.registry.METHODS`.
            images: Number of training images.
            from_weights: True if the encoder starts from pretrained weights.

        Raises:
            HilumErrors: Settings that the method does not have, or values out of range.
        """
        chosen = method_of(method)
        epoch_steps = max(1, images // self.batch_size)
        steps = self.epochs * epoch_steps
        heads = min(max(epoch_steps, LEAST_HEAD_STEPS), max(1, steps // 10)) if from_weights else 0
        options = method_settings(method, self.options).resolved(images, self.batch_size, steps)
        return replace(
            self,
            warmup_epochs=min(self.warmup_epochs, self.epochs / 4),
            freeze_encoder_steps=heads if self.freeze_encoder_steps is None else self.freeze_encoder_steps,
            options=options.model_dump(),
            augmentation=chosen.augmentation if self.augmentation is None else self.augmentation,
            local_augmentation=chosen.local_augmentation
            if self.local_augmentation is None
            else self.local_augmentation,
        )
