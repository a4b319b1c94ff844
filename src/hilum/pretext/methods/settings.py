"""What each pretext method accepts, beside what every run can; checked without torch, so that reading is quick."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hilum.errors import HilumError, HilumErrors
from hilum.extensions import METHODS, Registry, wrong_kind
from hilum.renamed import unknown_name

if TYPE_CHECKING:
    from hilum.encoders.zoo import Encoder
    from hilum.pretext.modules import TeacherSchedule


class MethodSettings(BaseModel):
    """Base of a method's own settings: checked, frozen, and described field by field for the reference of study files.

    A setting that depends on the number of images or steps defaults to None and is resolved by the method.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    def resolved(self, images: int, batch_size: int, steps: int) -> Self:  # noqa: ARG002 - of those that have such
        """These settings with a value for everything that follows from the run."""
        return self


class SimCLRSettings(MethodSettings):
    """Settings of SimCLR."""

    temperature: float = Field(0.2, gt=0, description="Of NT-Xent; the paper finds 0.1 best on ImageNet (table 5).")


LONGEST_QUEUE = 65_536
"""He et al. 2020 (MoCo), §4."""


class MoCoV2Settings(MethodSettings):
    """Settings of MoCo v2."""

    temperature: float = Field(0.2, gt=0, description="Of InfoNCE; 0.2 in the paper.")
    momentum: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="Of the key encoder. The paper finds 0.99 and 0.999 near each other on ImageNet (table 3); a run "
        "of a few hundred steps would be over before a copy at 0.999 had moved.",
    )
    head_batch_norm: bool | None = Field(
        None,
        description="Batch norm in the head; null: where the encoder has it. Radiographs look alike to a young "
        "encoder: without it queries learn to move away from the queue all together, rather than apart. The paper has "
        "none, MoCo v3 has it.",
    )
    queue: int | None = Field(
        None,
        ge=1,
        description="Keys kept; half of the images when left out, at least a batch and at most 65,536. Longer queues "
        "hold keys of an encoder that has changed since.",
    )

    def queue_length(self, images: int, batch_size: int) -> int:
        """Length of the queue for so many images."""
        return self.queue or min(max(images // 2, batch_size), LONGEST_QUEUE)

    def resolved(self, images: int, batch_size: int, steps: int) -> Self:  # noqa: ARG002
        """With the length of the queue."""
        return self.model_copy(update={"queue": self.queue_length(images, batch_size)})


class SwAVSettings(MethodSettings):
    """Settings of SwAV."""

    temperature: float = Field(0.1, gt=0, description="Of the predictions; 0.1 in the paper.")
    epsilon: float = Field(0.02, gt=0, description="Of the assignments; 0.05 in the paper. Smaller is harder.")
    prototypes: int | None = Field(
        None, ge=2, description="A quarter of the images when left out, 32 to the paper's 3,000."
    )
    queue: int | None = Field(
        None,
        ge=0,
        description="Projections kept for each global view while assignments are made; when left out, none where a "
        "batch holds four images a prototype, else what it lacks, at most half of the images and the paper's 3,840.",
    )
    queue_start_epoch: int = Field(
        15,
        ge=0,
        description="Epochs in which the queue has no part, as projections age too fast; 15 in the paper's code.",
    )
    koleo_weight: float = Field(
        0.5,
        ge=0,
        description="Of KoLeo, which moves the images of a batch apart, so that nearest neighbours tell more: 0.1 in "
        "DINOv2's paper, none in SwAV's. Computed in float32.",
    )
    freeze_prototypes_epochs: int = Field(
        1, ge=0, description="Epochs in which the prototypes stay as they were drawn."
    )
    local_crops: int = Field(4, ge=0, description="Small views; the paper has 6 of 96 px beside 2 of 224 px.")

    def prototypes_and_queue(self, images: int, batch_size: int) -> tuple[int, int]:
        """Prototypes, and length of the queue, for so many images."""
        prototypes = self.prototypes or min(max(images // 4, 32), 3000)
        lacking = max(0, 4 * prototypes - batch_size)
        return prototypes, min(lacking, images // 2, 3840) if self.queue is None else self.queue

    def resolved(self, images: int, batch_size: int, steps: int) -> Self:  # noqa: ARG002
        """With the number of prototypes and the length of the queue."""
        prototypes, queue = self.prototypes_and_queue(images, batch_size)
        return self.model_copy(update={"prototypes": prototypes, "queue": queue})


class DINOSettings(MethodSettings):
    """Settings of DINO."""

    prototypes: int | None = Field(
        None,
        ge=2,
        description="A quarter of the images when left out, 256 to 65,536; the paper has 65,536 for 1.3 million.",
    )
    teacher: Literal["centering", "sinkhorn"] = Field(
        "sinkhorn",
        description="How the teacher is kept from giving one answer: DINO's paper has centering, DINOv2's "
        "Sinkhorn-Knopp, which balances the answers to each batch at once, where a center needs many steps.",
    )
    student_temperature: float = Field(0.1, gt=0, description="0.1 in the paper.")
    warmup_teacher_temperature: float = Field(0.02, gt=0, description="At the start; 0.04 in the paper.")
    teacher_temperature: float = Field(0.02, gt=0, description="After the first tenth of the run; 0.07 in the paper.")
    momentum: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Of the teacher at the start, rising to 1 at the end; when left out, such that it looks back on a "
        "twentieth of the run, at most the 250 steps of the paper's 0.996.",
    )
    center_momentum: float = Field(0.9, ge=0, lt=1, description="Of the teacher's center; 0.9 in the paper.")
    head_batch_norm: bool | None = Field(
        None,
        description="Batch norm in the head; null: where the encoder has it, as in the paper.",
    )
    koleo_weight: float = Field(
        0.5,
        ge=0,
        description="Of KoLeo, which moves the images of a batch apart, so that nearest neighbours tell more: 0.1 in "
        "DINOv2's paper, none in DINO's. Computed in float32.",
    )
    freeze_prototypes_epochs: int = Field(
        1, ge=0, description="Epochs in which the prototypes stay as they were drawn."
    )
    local_crops: int = Field(4, ge=0, description="Small views; the paper has 8 of 96 px beside 2 of 224 px.")

    def schedule(self, steps: int) -> "TeacherSchedule":
        """Of a run of so many steps."""
        from hilum.pretext.modules import TeacherSchedule

        look_back = min(max(steps / 20, 2.0), 250.0)
        return TeacherSchedule(
            first_temperature=self.warmup_teacher_temperature,
            last_temperature=self.teacher_temperature,
            warmup_steps=steps // 10,
            first_momentum=1 - 1 / look_back if self.momentum is None else self.momentum,
            total_steps=steps,
        )

    @property
    def needs_whole_batch(self) -> str:
        """Why a batch cannot be computed in parts; empty where it can."""
        if self.teacher == "sinkhorn":
            return "its teacher's answers are balanced over the whole batch (`teacher` centering is not)"
        return "KoLeo compares the images of the batch (`koleo_weight` 0 does not)" if self.koleo_weight else ""

    def prototype_count(self, images: int) -> int:
        """For so many images."""
        return self.prototypes or min(max(images // 4, 256), 65_536)

    def has_head_batch_norm(self, encoder: "Encoder") -> bool:
        """Whether the head in front of this encoder has batch norm."""
        if self.head_batch_norm is not None:
            return self.head_batch_norm
        return encoder.has_batch_norm

    def resolved(self, images: int, batch_size: int, steps: int) -> Self:  # noqa: ARG002
        """With the number of prototypes and the teacher's momentum."""
        momentum = self.schedule(steps).first_momentum
        return self.model_copy(update={"prototypes": self.prototype_count(images), "momentum": momentum})


class DINOv2Settings(DINOSettings):
    """Settings of DINOv2."""

    head_batch_norm: bool | None = Field(
        True,
        description="Batch norm in the head for whole views; null: where the encoder has it. It makes the small "
        "differences large that a transformer sees at first between images; the paper has none.",
    )
    patch_weight: float = Field(1.0, ge=0, description="Of iBOT's loss; 1 in the paper.")
    koleo_weight: float = Field(0.1, ge=0, description="Of KoLeo; 0.1 in the paper. Computed in float32.")
    mask_sample_probability: float = Field(
        0.5, ge=0, le=1, description="Share of the global views with hidden patches."
    )
    mask_ratio: tuple[float, float] = Field((0.1, 0.5), description="Share of their patches, drawn between.")


class FCMAESettings(MethodSettings):
    """Settings of FCMAE."""

    mask_ratio: float = Field(0.6, gt=0, lt=1, description="Share of the patches that are hidden; 0.6 in the paper.")
    decoder_width: int = Field(512, ge=1, description="Of the one block of the decoder; 512 in the paper.")


def _settings(name: str, added: object) -> type[MethodSettings]:
    """The settings of a method that an entry point of `hilum.methods` gives."""
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
"""By the names of `hilum.pretext.methods.registry.METHODS`."""


def method_settings(name: str, given: Mapping[str, Any]) -> MethodSettings:
    """A method's settings from what a user gave, defaults for the rest.

    Raises:
        HilumError: there is no such method.
        HilumErrors: settings that it does not have, or values out of range, all of them.
    """
    if problems := method_problems(name, given):
        known = ", ".join(METHOD_SETTINGS[name].model_fields)
        lines = [f"{key}: {problem}" for key, problem in problems]
        raise HilumErrors(f"settings of {name}", lines, fix=f"it has {known}")
    return METHOD_SETTINGS[name].model_validate(dict(given))


def method_problems(name: str, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with a method's settings: each wrong key, and what is wrong with it.

    Raises:
        HilumError: there is no such method.
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
                unknown_name(key, known)
                if each["type"] == "extra_forbidden"
                else f"{each['msg']}; found {each['input']!r}",
            )
            for each in error.errors()
        ]
    return []


def unknown_method(name: str) -> HilumError:
    """The error of a name that no method has."""
    return HilumError("method", expected=f"one of {', '.join(METHOD_SETTINGS)}", found=name, fix="Choose one of these.")
