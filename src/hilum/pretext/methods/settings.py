"""Settings of each pretext method; importable without torch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hilum.declared import problem_text
from hilum.errors import HilumError, HilumErrors
from hilum.extensions import METHODS, Registry, wrong_kind
from hilum.renamed import unknown_name

if TYPE_CHECKING:
    from hilum.encoders.zoo import Encoder
    from hilum.pretext.modules import TeacherSchedule


class MethodSettings(BaseModel):
    """Base class of a method's settings; the field descriptions are part of the study-file reference.

    A setting that depends on the number of images or steps defaults to None; `resolved` sets it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    def resolved(self, images: int, batch_size: int, steps: int) -> Self:  # noqa: ARG002 - for subclasses
        """Return the settings with all values that depend on the run."""
        return self


class SimCLRSettings(MethodSettings):
    """Settings of SimCLR."""

    temperature: float = Field(
        0.2, gt=0, description="Temperature of NT-Xent; 0.1 is best on ImageNet in the paper (table 5)."
    )


LONGEST_QUEUE = 65_536
"""Queue length of He et al. 2020 (MoCo), §4."""


class MoCoV2Settings(MethodSettings):
    """Settings of MoCo v2."""

    temperature: float = Field(0.2, gt=0, description="Temperature of InfoNCE; 0.2 in the paper.")
    momentum: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="EMA momentum of the key encoder. 0.99 and 0.999 are close on ImageNet in the paper (table 3); in "
        "a run of a few hundred steps, an EMA copy at 0.999 hardly changes.",
    )
    head_batch_norm: bool | None = Field(
        None,
        description="Batch norm in the head; null: if the encoder has it. An untrained encoder maps radiographs close "
        "together: without batch norm, all queries move away from the queue jointly instead of spreading. Not in the "
        "paper, but in MoCo v3.",
    )
    queue: int | None = Field(
        None,
        ge=1,
        description="Queue length in keys; by default half of the images, at least a batch and at most 65,536. Longer "
        "queues contain keys of an outdated encoder.",
    )

    def queue_length(self, images: int, batch_size: int) -> int:
        """Return the length of the queue."""
        return self.queue or min(max(images // 2, batch_size), LONGEST_QUEUE)

    def resolved(self, images: int, batch_size: int, steps: int) -> Self:  # noqa: ARG002
        """Set the length of the queue."""
        return self.model_copy(update={"queue": self.queue_length(images, batch_size)})


class SwAVSettings(MethodSettings):
    """Settings of SwAV."""

    temperature: float = Field(0.1, gt=0, description="Temperature of the predictions; 0.1 in the paper.")
    epsilon: float = Field(
        0.02,
        gt=0,
        description="Entropy regularisation of Sinkhorn-Knopp; 0.05 in the paper. Smaller gives harder assignments.",
    )
    prototypes: int | None = Field(
        None, ge=2, description="Number of prototypes; by default a quarter of the images, 32 to 3,000 (the paper's)."
    )
    queue: int | None = Field(
        None,
        ge=0,
        description="Queue length in projections per global view. By default what a batch lacks of four images per "
        "prototype, at most half of the images and the paper's 3,840.",
    )
    queue_start_epoch: int = Field(
        15,
        ge=0,
        description="First epoch with the queue; earlier, projections are outdated too fast. 15 in the paper's code.",
    )
    koleo_weight: float = Field(
        0.5,
        ge=0,
        description="Weight of KoLeo, which spreads the features of a batch and improves k-NN: 0.1 in DINOv2's paper, "
        "0 in SwAV's. Computed in float32.",
    )
    freeze_prototypes_epochs: int = Field(1, ge=0, description="Epochs at the start with frozen prototypes.")
    local_crops: int = Field(
        4, ge=0, description="Number of local crops; the paper has 6 of 96 px and 2 global ones of 224 px."
    )

    def prototypes_and_queue(self, images: int, batch_size: int) -> tuple[int, int]:
        """Return the number of prototypes and the length of the queue."""
        prototypes = self.prototypes or min(max(images // 4, 32), 3000)
        lacking = max(0, 4 * prototypes - batch_size)
        return prototypes, min(lacking, images // 2, 3840) if self.queue is None else self.queue

    def resolved(self, images: int, batch_size: int, steps: int) -> Self:  # noqa: ARG002
        """Set the number of prototypes and the length of the queue."""
        prototypes, queue = self.prototypes_and_queue(images, batch_size)
        return self.model_copy(update={"prototypes": prototypes, "queue": queue})


class DINOSettings(MethodSettings):
    """Settings of DINO."""

    prototypes: int | None = Field(
        None,
        ge=2,
        description="Number of prototypes; by default a quarter of the images, 256 to 65,536 (the paper's).",
    )
    teacher: Literal["centering", "sinkhorn"] = Field(
        "sinkhorn",
        description="How teacher collapse is avoided: centering as in DINO's paper, or Sinkhorn-Knopp as in DINOv2's, "
        "which balances the outputs of each batch, while a center adapts over many steps.",
    )
    student_temperature: float = Field(0.1, gt=0, description="Temperature of the student; 0.1 in the paper.")
    warmup_teacher_temperature: float = Field(
        0.02, gt=0, description="Teacher temperature at the start of its warm-up; 0.04 in the paper."
    )
    teacher_temperature: float = Field(
        0.02, gt=0, description="Teacher temperature after the first tenth of the run; 0.07 in the paper."
    )
    momentum: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="EMA momentum of the teacher at the start, rising to 1 at the end. By default an averaging window "
        "of a twentieth of the run, at most 250 steps (the paper's 0.996).",
    )
    center_momentum: float = Field(0.9, ge=0, lt=1, description="EMA momentum of the center; 0.9 in the paper.")
    head_batch_norm: bool | None = Field(
        None,
        description="Batch norm in the head; null: if the encoder has it, as in the paper.",
    )
    koleo_weight: float = Field(
        0.5,
        ge=0,
        description="Weight of KoLeo, which spreads the features of a batch and improves k-NN: 0.1 in DINOv2's paper, "
        "0 in DINO's. Computed in float32.",
    )
    freeze_prototypes_epochs: int = Field(1, ge=0, description="Epochs at the start with frozen prototypes.")
    local_crops: int = Field(
        4, ge=0, description="Number of local crops; the paper has 8 of 96 px and 2 global ones of 224 px."
    )

    def schedule(self, steps: int) -> "TeacherSchedule":
        """Return the schedule of the teacher for a run of `steps` steps."""
        from hilum.pretext.modules import TeacherSchedule

        window = min(max(steps / 20, 2.0), 250.0)
        return TeacherSchedule(
            first_temperature=self.warmup_teacher_temperature,
            last_temperature=self.teacher_temperature,
            warmup_steps=steps // 10,
            first_momentum=1 - 1 / window if self.momentum is None else self.momentum,
            total_steps=steps,
        )

    @property
    def needs_whole_batch(self) -> str:
        """Reason against gradient accumulation; empty if it is possible."""
        if self.teacher == "sinkhorn":
            return "the teacher's outputs are balanced over the whole batch (not with `teacher` centering)"
        return "KoLeo compares the images of the batch (not with `koleo_weight` 0)" if self.koleo_weight else ""

    def prototype_count(self, images: int) -> int:
        """Return the number of prototypes."""
        return self.prototypes or min(max(images // 4, 256), 65_536)

    def has_head_batch_norm(self, encoder: "Encoder") -> bool:
        """Return whether the head of this encoder has batch norm."""
        if self.head_batch_norm is not None:
            return self.head_batch_norm
        return encoder.has_batch_norm

    def resolved(self, images: int, batch_size: int, steps: int) -> Self:  # noqa: ARG002
        """Set the number of prototypes and the EMA momentum of the teacher."""
        momentum = self.schedule(steps).first_momentum
        return self.model_copy(update={"prototypes": self.prototype_count(images), "momentum": momentum})


class DINOv2Settings(DINOSettings):
    """Settings of DINOv2."""

    head_batch_norm: bool | None = Field(
        True,
        description="Batch norm in the class-token head; null: if the encoder has it. It amplifies the small initial "
        "differences between images of a transformer; none in the paper.",
    )
    patch_weight: float = Field(1.0, ge=0, description="Weight of iBOT's loss; 1 in the paper.")
    koleo_weight: float = Field(0.1, ge=0, description="Weight of KoLeo; 0.1 in the paper. Computed in float32.")
    mask_sample_probability: float = Field(
        0.5, ge=0, le=1, description="Fraction of the global crops with masked patches."
    )
    mask_ratio: tuple[float, float] = Field(
        (0.1, 0.5), description="Range of the fraction of masked patches, drawn uniformly."
    )


class FCMAESettings(MethodSettings):
    """Settings of FCMAE."""

    mask_ratio: float = Field(0.6, gt=0, lt=1, description="Fraction of masked patches; 0.6 in the paper.")
    decoder_width: int = Field(512, ge=1, description="Width of the single decoder block; 512 in the paper.")


def _settings(name: str, added: object) -> type[MethodSettings]:
    """Return the settings class of a method of an entry point of `hilum.methods`."""
    settings = getattr(added, "settings", None)
    if not (isinstance(settings, type) and issubclass(settings, MethodSettings)):
        raise wrong_kind(METHODS, name, "a hilum.pretext.methods.Method", added)
    return settings


METHOD_SETTINGS: Registry[type[MethodSettings]] = Registry(
    METHODS,
    {
        "simclr": SimCLRSettings,
        "mocov2": MoCoV2Settings,
        "swav": SwAVSettings,
        "dino": DINOSettings,
        "dinov2": DINOv2Settings,
        "fcmae": FCMAESettings,
    },
    _settings,
)
"""Settings classes by the names of `hilum.pretext.methods.registry.METHODS`."""


def method_settings(name: str, given: Mapping[str, Any]) -> MethodSettings:
    """Validate settings of a method, with defaults for omitted ones.

    Raises:
        HilumError: Unknown method.
        HilumErrors: All unknown settings and values out of range.
    """
    if problems := method_problems(name, given):
        known = ", ".join(METHOD_SETTINGS[name].model_fields)
        lines = [f"{key}: {problem}" for key, problem in problems]
        raise HilumErrors(f"settings of {name}", lines, fix=f"known settings: {known}")
    return METHOD_SETTINGS[name].model_validate(dict(given))


def method_problems(name: str, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Check settings of a method; return each wrong key with its problem.

    Raises:
        HilumError: Unknown method.
    """
    if name not in METHOD_SETTINGS:
        raise unknown_method(name)
    try:
        METHOD_SETTINGS[name].model_validate(dict(given))
    except ValidationError as error:
        known = METHOD_SETTINGS[name].model_fields
        return [
            (
                key := ".".join(map(str, each["loc"])),
                unknown_name(key, known) if each["type"] == "extra_forbidden" else problem_text(each),
            )
            for each in error.errors()
        ]
    return []


def unknown_method(name: str) -> HilumError:
    """Return the error of an unknown method."""
    return HilumError("method", expected=f"one of {', '.join(METHOD_SETTINGS)}", found=name, fix="Choose one of these.")
