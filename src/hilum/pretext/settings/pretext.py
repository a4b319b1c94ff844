"""How a pretraining run goes, whatever the method; what only one method has stands in its own file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self, get_args

from hilum.augment import Augmentation, augmentation_of
from hilum.errors import HilumError, HilumErrors
from hilum.pretext.methods import method_of, method_settings
from hilum.pretext.settings.run import problems_of_run
from hilum.pretext.settings.sizes import SizeCurriculum
from hilum.training.settings import Compile, Device, KeepProbed, Optimizer, Precision

AUGMENTATION_KEYS = ("augmentation", "second_augmentation", "local_augmentation")
_WHERE_GIVEN = ("validation", "patience")
"""Settings that decide nothing where they are None."""
LEAST_HEAD_STEPS = 100
"""Steps in which random heads in front of good weights train alone; fewer only where that were much of the run."""


@dataclass(frozen=True)
class PretextSettings:
    """Settings of `hilum.pretext.pretrain.pretrain`.

    The defaults are what was measured to beat random initialisations in minutes on about a thousand images at 64 px
    (ResNet-18; SimCLR in 50 epochs: +0.11 AUROC of a linear probe over timm's initialisation). For other numbers of
    images see `hilum.pretext.settings.resolve`.

    `hilum.pretext.settings.run.SingleRunSettings` describes every setting that is not named below, with its range; None
    means here what leaving it out means there.

    Args:
        options: the method's own settings, by name; see the `…Settings` in its file. Defaults for what is left out.
        device: see `hilum.training.settings.TrainingSettings`.
        workers: threads that prepare batches ahead; changes no result.

    Raises:
        HilumErrors: values out of range.
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
    workers: int = 1

    def __post_init__(self) -> None:
        own = ("options", *AUGMENTATION_KEYS, "device", "workers")
        problems = problems_of_run(
            {each.name: getattr(self, each.name) for each in fields(self) if each.name not in own}
        )
        problems += [(name, f"{name}: {problem}") for name in AUGMENTATION_KEYS for problem in self._augmentation(name)]
        if self.device not in get_args(Device):
            devices = ", ".join(get_args(Device))
            problems.append(("device", f"device: expected one of {devices}; found {self.device}"))
        if self.patience is not None and self.validation is None:
            problems.append(("patience", "patience: expected validation, whose loss it waits for; found none"))
        if self.workers < 0:
            problems.append(("workers", f"workers: expected zero or more; found {self.workers}"))
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
        """Everything that decides the result, for provenance and for telling runs apart."""
        values = {name: value for name, value in asdict(self).items() if name not in ("workers", "device", "compile")}
        values = {name: value for name, value in values.items() if value is not None or name not in _WHERE_GIVEN}
        return values | ({"size": self.size.model_dump()} if isinstance(self.size, SizeCurriculum) else {})

    def filled(self, method: str, images: int, *, from_weights: bool) -> Self:
        """These settings with a value for everything that follows from the method, the images and the start.

        Args:
            method: one of `hilum.pretext.methods.registry.METHODS`.
            images: to learn from.
            from_weights: the encoder does not start at random.

        Returns:
            The same again when filled once more.

        Raises:
            HilumErrors: settings that the method does not have, or values out of range.
        """
        chosen = method_of(method)
        an_epoch = max(1, images // self.batch_size)
        steps = self.epochs * an_epoch
        heads = min(max(an_epoch, LEAST_HEAD_STEPS), max(1, steps // 10)) if from_weights else 0
        options = method_settings(method, self.options).filled(images, self.batch_size, steps)
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
