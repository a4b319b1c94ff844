"""What a study file may say of starts: pretraining without labels, and training with those of another task."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Field, Tag

from hilum.data.fetching import Address, address_problem, is_address
from hilum.pretext.settings import RunSettings
from hilum.study.file.finetuning import Finetuning
from hilum.study.file.section import FindingName, Section, Seed, fraction_not_percent, percent_of
from hilum.study.file.task import FractionOfValidation, LabelReading


def kind_of_start(init: object) -> str:
    """What a start is, as a tag: "<supervise>", "<pretrain>", "<random>" or "<weights>"."""
    if isinstance(init, dict | BaseModel):
        return "<supervise>" if "supervise" in init or hasattr(init, "supervise") else "<pretrain>"
    return "<random>" if init == "random" else "<weights>"


def with_addresses(content: object) -> None:
    """Write weights that a study file names by `{url: URL, sha256: HEX}` as one text, in place: `URL#sha256=HEX`."""
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
"""A name of the registry, a directory, or the address of an archive with its checksum behind it."""


def _kind_of_start_before(init: object) -> str:
    return "<weights>" if (kind := kind_of_start(init)) == "<random>" else kind


def _whose_task(supervise: object) -> str:
    return "<task>" if isinstance(supervise, str) else "<own>"


def _data_sets(value: object) -> object:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        if len(set(value)) < len(value):
            raise ValueError(f"{value} names a data set twice")
        return value
    if isinstance(value, dict) and value and all(map(_is_share, value.items())):
        return value
    if isinstance(value, dict):
        fraction_not_percent(value)
    raise ValueError(
        f"{value!r} is neither a data set, nor a list of them, nor data sets with the fraction of their patients"
    )


def _is_share(item: tuple[object, object]) -> bool:
    name, share = item
    return isinstance(name, str) and not isinstance(share, bool) and isinstance(share, int | float) and 0 < share <= 1


class Pretraining(RunSettings, Section):
    """Settings of pretraining without labels. What is left out takes the preset for the number of images."""

    seeds: Literal["each", "first"] = Field(
        "each",
        description="`each`: pretrain anew for every seed, so that intervals hold for pretraining too; "
        "`first`: once, with the first seed (cheaper; the intervals then speak of this one encoder).",
    )
    copies: Literal["refuse", "leave_out"] = Field(
        "refuse",
        description="Images to learn from that equal a validation or test image in bytes or pixels, under the name of "
        "another patient: refuse to run the study, or leave them out, with all images of that patient.",
    )


class Pretrained(RunSettings, Section):
    """Start from an encoder that this study pretrains."""

    pretrain: str = Field(description="Method: `simclr`, `mocov2`, `swav`, `dino`, `dinov2` or `fcmae`.")
    on: Annotated[str | list[str] | dict[str, float], BeforeValidator(_data_sets)] = Field(
        description="Data set, or several whose images are pooled: `[chexpert, kermany]`, or with the fraction of "
        "their patients to learn from, `{chexpert: 1, kermany: 0.25}`; of patients who validate or test "
        "in any task none is seen."
    )
    start: "StartBefore" = Field(
        "random",
        description="What this pretraining goes on from: `random`, published weights, a directory with "
        "encoder.safetensors, `{url: URL, sha256: HEX}`, another pretraining, a training with labels, or one of "
        "`starts`.",
    )
    settings: dict[str, Any] = Field(
        {}, description="The method's own settings, see [below](#settings-of-the-methods); the preset's for the rest."
    )

    @property
    def shares(self) -> dict[str, float]:
        """The data sets, with the fraction of their patients to learn from."""
        if isinstance(self.on, dict):
            return self.on
        return dict.fromkeys([self.on] if isinstance(self.on, str) else self.on, 1.0)

    def pool(self, labelled: str = "") -> str:
        """The data sets in words: "chexpert/train + kermany 25 %".

        Args:
            labelled: the one whose training patients alone are seen.
        """
        parts = [
            f"{name}{'/train' if name == labelled else ''}{'' if share == 1 else f' {percent_of(share):g} %'}"
            for name, share in self.shares.items()
        ]
        return " + ".join(parts)


class SupervisedTask(LabelReading):
    """A task that is learnt with labels before the study's own, and judged by nobody."""

    on: str = Field(description="Data set that carries the labels.")
    findings: Literal["shared"] | Annotated[list[FindingName], Field(min_length=1)] = Field(
        description="Findings to learn; `shared`: those of the arm's own task that this data set labels, too, so that "
        "each distinct overlap makes an encoder of its own."
    )
    validation: FractionOfValidation = Field(0.1, description="Fraction of the patients used for validation.")
    seed: Seed = Field(0, description="Of the draw of the validation patients.")


class Supervised(Section):
    """Start from an encoder that this study trains with the labels of another task.

    It learns from no patient who validates or tests in any task of the study.
    """

    supervise: Annotated[
        Annotated[str, Tag("<task>")] | Annotated[SupervisedTask, Tag("<own>")], Discriminator(_whose_task)
    ] = Field(description="One of `tasks`, with its findings and its split; or a task that nobody judges.")
    start: "StartBefore" = Field(
        "random",
        description="What this training goes on from: `random`, published weights, a directory, a pretraining, another "
        "training with labels, or one of `starts`.",
    )
    finetune: Finetuning = Field(
        Finetuning(), description="Settings of this training instead of the study's `finetune`."
    )


StartBefore = Annotated[
    Annotated[WeightsName, Tag("<weights>")]
    | Annotated[Pretrained, Tag("<pretrain>")]
    | Annotated[Supervised, Tag("<supervise>")],
    Discriminator(_kind_of_start_before),
]
"""What a start goes on from; starts follow each other as long as one likes."""

Pretrained.model_rebuild()
Supervised.model_rebuild()
