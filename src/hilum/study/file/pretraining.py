"""Schema of starts: self-supervised pretraining, and supervised pretraining on another task."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Field, Tag

from hilum.data.fetching import Address, address_problem, is_address
from hilum.declared import Seed
from hilum.pretext.settings import RunSettings
from hilum.study.file.finetuning import Finetuning
from hilum.study.file.section import FindingName, Section, fraction_not_percent, is_number, percent_of
from hilum.study.file.task import FractionOfValidation, LabelReading


def kind_of_start(init: object) -> str:
    """Return the kind of a start as a tag: "<supervise>", "<pretrain>", "<random>" or "<weights>"."""
    if isinstance(init, dict | BaseModel):
        return "<supervise>" if "supervise" in init or hasattr(init, "supervise") else "<pretrain>"
    return "<random>" if init == "random" else "<weights>"


def with_addresses(content: object) -> None:
    """Replace weights given as `{url: URL, sha256: HEX}` by one string, `URL#sha256=HEX`, in place."""
    if isinstance(content, dict):
        for key, value in content.items():
            is_short = key in ("init", "start", "weights") and isinstance(value, dict) and "url" in value
            if is_short and set(value) <= {"url", "sha256"} and all(isinstance(each, str) for each in value.values()):
                content[key] = str(Address(value["url"], value.get("sha256")))
            else:
                with_addresses(value)


def _checked_weights(name: str) -> str:
    if is_address(name) and (problem := address_problem(name, checksum_needed=True)) is not None:
        raise ValueError(problem)
    return name


WeightsName = Annotated[str, AfterValidator(_checked_weights)]
"""Name in the registry of weights, directory, or URL of an archive followed by its checksum."""


def _kind_of_start_before(init: object) -> str:
    return "<weights>" if (kind := kind_of_start(init)) == "<random>" else kind


def _kind_of_task(supervise: object) -> str:
    return "<task>" if isinstance(supervise, str) else "<own>"


def _data_sets(value: object) -> object:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        if len(set(value)) < len(value):
            raise ValueError(f"{value} contains a data set twice")
        return value
    if isinstance(value, dict) and value and all(map(_is_fraction, value.items())):
        return value
    if isinstance(value, dict):
        fraction_not_percent(value)
    raise ValueError(f"{value!r} is not a data set, a list of data sets, or data sets with fractions of their patients")


def _is_fraction(item: tuple[object, object]) -> bool:
    name, fraction = item
    return isinstance(name, str) and is_number(fraction) and 0 < fraction <= 1


class Pretraining(RunSettings, Section):
    """Settings of self-supervised pretraining; defaults are the preset for the number of images."""

    seeds: Literal["each", "first"] = Field(
        "each",
        description="`each`: pretrain once per seed, so that confidence intervals include the variance of pretraining; "
        "`first`: once, with the first seed (cheaper; intervals are then conditional on this encoder).",
    )
    copies: Literal["refuse", "leave_out"] = Field(
        "refuse",
        description="Pretraining images that duplicate a validation or test image (equal bytes or pixels) under "
        "another patient id: `refuse` to run the study, or `leave_out` all images of these patients.",
    )


class Pretrained(RunSettings, Section):
    """Initial weights from self-supervised pretraining in this study."""

    pretrain: str = Field(description="Method: `simclr`, `mocov2`, `swav`, `dino`, `dinov2` or `fcmae`.")
    on: Annotated[str | list[str] | dict[str, float], BeforeValidator(_data_sets)] = Field(
        description="Data set, or several pooled: `[chexpert, kermany]`, or with the fraction of their patients to "
        "use, `{chexpert: 1, kermany: 0.25}`. Validation and test patients of all tasks are excluded."
    )
    start: "StartBefore" = Field(
        "random",
        description="Initial weights of this pretraining: `random`, published weights, a directory with "
        "encoder.safetensors, `{url: URL, sha256: HEX}`, another (self-supervised or supervised) pretraining, or one "
        "of `starts`.",
    )
    settings: dict[str, Any] = Field(
        {}, description="Settings of the method, see [below](#settings-of-the-methods). Default: those of the preset."
    )

    @property
    def fractions(self) -> dict[str, float]:
        """Fraction of the patients used, by data set."""
        if isinstance(self.on, dict):
            return self.on
        return dict.fromkeys([self.on] if isinstance(self.on, str) else self.on, 1.0)

    def pool(self, labelled: str = "") -> str:
        """Describe the data sets: "chexpert/train + kermany 25 %".

        Args:
            labelled: Name of the data set of which only training patients are used.
        """
        parts = [
            f"{name}{'/train' if name == labelled else ''}{'' if fraction == 1 else f' {percent_of(fraction):g} %'}"
            for name, fraction in self.fractions.items()
        ]
        return " + ".join(parts)


class SupervisedTask(LabelReading):
    """Task for supervised pretraining; it is not evaluated."""

    on: str = Field(description="Name of the labelled data set.")
    findings: Literal["shared"] | Annotated[list[FindingName], Field(min_length=1)] = Field(
        description="Findings to train on. `shared`: findings of the arm's task that this data set labels; one encoder "
        "is trained for each distinct set."
    )
    validation: FractionOfValidation = Field(0.1, description="Fraction of the patients used for validation.")
    seed: Seed = Field(0, description="Random seed of the draw of validation patients.")


class Supervised(Section):
    """Initial weights from supervised training on another task in this study.

    Validation and test patients of all tasks are excluded.
    """

    supervise: Annotated[
        Annotated[str, Tag("<task>")] | Annotated[SupervisedTask, Tag("<own>")], Discriminator(_kind_of_task)
    ] = Field(description="One of `tasks`, with its findings and split; or a task used for pretraining only.")
    start: "StartBefore" = Field(
        "random",
        description="Initial weights of this training: `random`, published weights, a directory, another "
        "(self-supervised or supervised) pretraining, or one of `starts`.",
    )
    finetune: Finetuning = Field(
        Finetuning(), description="Settings of this training; they override the study's `finetune`."
    )


StartBefore = Annotated[
    Annotated[WeightsName, Tag("<weights>")]
    | Annotated[Pretrained, Tag("<pretrain>")]
    | Annotated[Supervised, Tag("<supervise>")],
    Discriminator(_kind_of_start_before),
]
"""Initial weights of a start; chains of starts may have any length."""

Pretrained.model_rebuild()
Supervised.model_rebuild()
