"""What a study file may say. The reference in docs/study_file.md is generated from these models."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PositiveInt,
    Tag,
    field_validator,
    model_validator,
)

from hilum.data.labels import OTHERWISE, Cohort, Contrast, LabelPolicy, NotMentioned, Uncertain, Vote
from hilum.errors import HilumError
from hilum.findings import canonical


def _canonical_finding(name: str) -> str:
    try:
        return canonical(name)
    except HilumError as error:
        raise ValueError(f"{error.found} is not a finding that is known here. {error.fix}") from None


def _number_of_blocks(value: object) -> object:
    if value == "all" or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise ValueError(f"{value!r} is neither a number of blocks nor 'all'")


def _finding_or_otherwise(name: str) -> str:
    return name if name == OTHERWISE else _canonical_finding(name)


def _kind_of_split(split: object) -> str:
    for key in ("lists", "paper"):
        if key in split if isinstance(split, dict) else hasattr(split, key):
            return f"<{key}>"
    return "<patients>"


def _kind_of_rule(rule: object) -> str:
    return "<by finding>" if isinstance(rule, dict) else "<for all>"


def _kind_of_start(init: object) -> str:
    if isinstance(init, dict | BaseModel):
        return "<pretrain>"
    return "<random>" if init == "random" else "<weights>"


FindingName = Annotated[str, AfterValidator(_canonical_finding)]
_FindingOrOtherwise = Annotated[str, AfterValidator(_finding_or_otherwise)]
UncertainRule = Annotated[
    Annotated[Uncertain, Tag("<for all>")] | Annotated[dict[_FindingOrOtherwise, Uncertain], Tag("<by finding>")],
    Discriminator(_kind_of_rule),
]
NotMentionedRule = Annotated[
    Annotated[NotMentioned, Tag("<for all>")] | Annotated[dict[_FindingOrOtherwise, NotMentioned], Tag("<by finding>")],
    Discriminator(_kind_of_rule),
]
GradeRule = Annotated[
    Annotated[PositiveInt, Tag("<for all>")] | Annotated[dict[FindingName, PositiveInt], Tag("<by finding>")],
    Discriminator(_kind_of_rule),
]


class Section(BaseModel):
    """A part of the study file: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Generated(Section):
    """Radiographs to generate instead of reading real ones, written in the data set's native layout."""

    images: PositiveInt = Field(description="How many films.")
    size: int = Field(128, ge=32, le=1024, description="Side of the films in pixels.")
    seed: int = Field(0, ge=0, description="Another seed gives other patients.")


class DataSet(Section):
    """One data set of the study; `--data NAME=ROOT` says where it lies."""

    collection: str = Field(
        description="Native layout, such as `chestxray14` or `folder`; `hilum findings` lists them all."
    )
    labels: Path | None = Field(None, description="CSV with labels (`folder` only), relative to ROOT or absolute.")
    release: Literal["2017", "2020"] | None = Field(
        None, description="Label release (`chestxray14` only); the one that is there when left out."
    )
    labeller: Literal["chexpert", "negbio", "radiologist"] | None = Field(
        None, description="Who made the labels (`mimic_cxr_jpg` only); the first that is there when left out."
    )
    issuer: str | None = Field(
        None,
        pattern=r"^[\w.-]+$",
        description="Who gave the patients their numbers (`folder` only): data sets of one issuer share patients, in "
        "this study and in every other. The data set's name when left out.",
    )
    only: list[FindingName] | None = Field(
        None, description="Keep only films positive for at least one of these findings."
    )
    generate: Generated | None = Field(None, description="Generate the radiographs instead of reading them.")


class PatientSplit(Section):
    """Patients drawn at random into train, validation and test."""

    patients: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        description="Percent of patients in train, validation and test; they add up to 100."
    )
    seed: int = Field(0, ge=0, description="Of the draw.")

    @field_validator("patients")
    @classmethod
    def _whole(cls, percent: tuple[int, int, int]) -> tuple[int, int, int]:
        if sum(percent) != 100:
            raise ValueError(f"{list(percent)} add up to {sum(percent)}, not 100")
        return percent


class ListedSplit(Section):
    """The split that the data set's own lists give."""

    lists: str = Field(
        description="`official`: the data set's own; or the name of another published list that came with it, such as "
        "`chexnet` for ChestX-ray14."
    )
    validation: int | None = Field(
        None, ge=1, le=50, description="Percent of the official train+validation patients used for validation."
    )
    seed: int = Field(0, ge=0, description="Of the draw of the validation patients.")

    @model_validator(mode="after")
    def _validation_where_needed(self) -> "ListedSplit":
        if self.lists == "chexnet" and self.validation is not None:
            raise ValueError("validation: the chexnet lists have their own validation films; leave it out")
        return self


class PaperSplit(Section):
    """The rule by which a published study divided its films."""

    paper: Literal["elwirehardja2025", "toh2023", "gowtham2023", "tayebiarasteh2024", "kivotova2021"] = Field(
        description="The study. The first one's rule lets train and validation share patients, and its title says so."
    )
    validation: int = Field(
        10, ge=1, le=50, description="Percent of the training patients used for validation, where the paper has none."
    )
    seed: int = Field(0, ge=0, description="Of the draw, where there is one.")


class Sides(Section):
    """A binary task: films of one finding against films of another."""

    positive: FindingName = Field(description="The finding; it is also the one of `task.findings`.")
    negative: FindingName = Field("No Finding", description="What it is told from.")
    both: Literal["drop", "positive", "negative"] = Field("drop", description="What films of both become.")
    neither: Literal["drop", "negative"] = Field("drop", description="What films of neither become.")


class ChosenFilms(Section):
    """The films that take part; everything asked for must hold."""

    views: Literal["frontal"] | list[str] = Field([], description="`frontal`, or the views to keep; all when left out.")
    any_of: list[FindingName] = Field([], description="Only films positive for at least one of these.")
    exactly_one_of: list[FindingName] = Field(
        [], description="Only films positive for one of these and no second one: classes that exclude each other."
    )
    contrast: Sides | None = Field(None, description="Only the two sides of a binary task.")

    def cohort(self) -> Cohort:
        """What `hilum.data.labels` takes."""
        return Cohort(
            views=self.views if self.views == "frontal" else tuple(self.views),
            any_of=tuple(self.any_of),
            exactly_one_of=tuple(self.exactly_one_of),
            contrast=Contrast(**self.contrast.model_dump()) if self.contrast else None,
        )


class Task(Section):
    """What is to be recognised, on which films, and how labels are read."""

    on: str | None = Field(None, description="Data set that carries the labels; the only one when left out.")
    findings: list[FindingName] = Field(min_length=1, description="Findings to recognise, by any data set's spelling.")
    uncertain: UncertainRule = Field(
        "zero",
        description="Uncertain labels count as negative, positive, are masked, are a third class, or drop the film; "
        "one word, or by finding: `{Edema: one, otherwise: zero}`.",
    )
    not_mentioned: NotMentionedRule = Field(
        "zero",
        description="Findings a report does not mention count as negative, or are masked; one word, or by finding.",
    )
    vote: Vote | None = Field(
        None,
        description="Where several people read each film: how many must see a finding. When left out, all must agree; "
        "else it is uncertain.",
    )
    positive_from_grade: GradeRule | None = Field(
        None,
        description="Where findings are graded: the grade from which one is positive, for all or by finding. The "
        "collection's own when left out.",
    )
    other: list[FindingName] = Field([], description="Findings that `Other` stands for, in a task that asks for it.")
    films: ChosenFilms = Field(ChosenFilms(), description="Which films take part; all when left out.")
    split: Annotated[
        Annotated[PatientSplit, Tag("<patients>")]
        | Annotated[ListedSplit, Tag("<lists>")]
        | Annotated[PaperSplit, Tag("<paper>")],
        Discriminator(_kind_of_split),
    ] = Field(description="Which patients train, validate and test.")
    labelled: float = Field(
        100,
        gt=0,
        le=100,
        description="Percent of the training patients whose labels may be used; the rest only pretrain.",
    )

    @field_validator("findings")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return names

    def policy(self) -> LabelPolicy:
        """How labels are read, as `hilum.data.labels` takes it."""
        return LabelPolicy(
            uncertain=self.uncertain,
            not_mentioned=self.not_mentioned,
            vote=self.vote,
            positive_from_grade=self.positive_from_grade,
            other=tuple(self.other),
        )


class Pretraining(Section):
    """Settings of pretraining without labels. What is left out takes the method's default."""

    epochs: PositiveInt = Field(50, description="Passes over the films.")
    batch_size: int = Field(128, ge=2, description="Films a step; each gives two views.")
    lr: float = Field(1e-3, gt=0, description="Peak learning rate of AdamW.")
    policy: str | None = Field(None, description="Named random views; the method's own when left out.")
    seeds: Literal["each", "first"] = Field(
        "each",
        description="`each`: pretrain anew for every seed, so that intervals hold for pretraining too; "
        "`first`: once, with the first seed (cheaper; the intervals then speak of this one encoder).",
    )


class Pretrained(Section):
    """Start from an encoder that this study pretrains."""

    pretrain: str = Field(description="Method: `simclr`, `mocov2`, `swav` or `dino`.")
    on: str = Field(description="Data set; of the task's own data set only training patients are seen.")
    epochs: PositiveInt | None = Field(None, description="Instead of `pretrain.epochs`.")
    start: str = Field(
        "random",
        description="Weights to go on from: the name of published ones, or a directory with encoder.safetensors.",
    )
    policy: str | None = Field(None, description="Instead of `pretrain.policy`.")
    settings: dict[str, Any] = Field(
        {}, description="The method's own settings, see [below](#settings-of-the-methods); its defaults for the rest."
    )


class Finetuning(Section):
    """Settings of training with labels."""

    unfreeze: Annotated[int | Literal["all"], BeforeValidator(_number_of_blocks)] = Field(
        "all", description="How many blocks from the end are trained: 0 (the head only) to all."
    )
    lr: float = Field(1e-4, gt=0, description="Learning rate.")
    weight_decay: float = Field(1e-4, ge=0, description="On weight matrices and kernels.")
    epochs: PositiveInt = Field(20, description="At most.")
    patience: PositiveInt | None = Field(
        5, description="Stop after so many epochs without a lower validation loss; null: never."
    )
    batch_size: PositiveInt = Field(32, description="Films a step.")
    policy: str = Field(
        "finetune", description="Named random views (`hilum.views.POLICIES`): `finetune`, `simclr`, `mocov2` or `none`."
    )
    weighted: bool = Field(True, description="Weigh positives by negatives / positives of the training films.")


class Arm(Section):
    """One way to train; arms are what the study compares."""

    encoder: str = Field(description="Architecture: `resnet18` or `resnet50`.")
    init: Annotated[
        Annotated[Literal["random"], Tag("<random>")]
        | Annotated[Pretrained, Tag("<pretrain>")]
        | Annotated[str, Tag("<weights>")],
        Discriminator(_kind_of_start),
    ] = Field(
        "random",
        description="`random`; `{pretrain: METHOD, on: DATA}`; the name of published weights (`hilum weights list`), "
        "such as `imagenet1k`; or a directory with encoder.safetensors.",
    )
    finetune: Finetuning = Field(Finetuning(), description="Settings of this arm instead of the study's `finetune`.")


class Evaluation(Section):
    """How results are judged."""

    against: str | None = Field(None, description="Arm that the others are compared with; the first when left out.")
    redraws: int = Field(2000, ge=100, description="Bootstrap redraws of patients.")
    min_positives: PositiveInt = Field(
        10, description="Findings with fewer positive or negative test patients are left out of the macro average."
    )
    seed: int = Field(0, ge=0, description="Of the redraws.")
    contaminated: Literal["refuse", "mark"] = Field(
        "refuse",
        description="Arms whose starting weights have, or may have, seen test patients: refuse to run the study, or "
        "run it and mark these arms in every table.",
    )


class Study(Section):
    """A whole comparison."""

    question: str = Field(min_length=1, description="What the study answers; the title of the report.")
    data: dict[str, DataSet] = Field(min_length=1, description="Data sets by name.")
    preprocess: list[Any] = Field(
        min_length=1,
        description="Steps from film to square 8-bit pixels, in order: `{square: pad}` (or `crop`, `stretch`), "
        "`{resize: SIDE}`, `min_max`, `clahe`, `equalize`.",
    )
    task: Task = Field(description="What is to be recognised.")
    arms: dict[str, Arm] = Field(min_length=1, description="What is compared, by name.")
    pretrain: Pretraining = Field(Pretraining(), description="Settings of all pretraining.")
    finetune: Finetuning = Field(Finetuning(), description="Settings of all training with labels.")
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="`auto`: bf16 autocast where the machine computes it natively, else fp32."
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0, 1, 2], min_length=1, description="Replicates of every arm.")
    evaluate: Evaluation = Field(Evaluation(), description="How results are judged.")

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"{seeds} repeats a seed; replicates need different ones")
        return seeds

    @property
    def labelled_data(self) -> str:
        """Name of the data set that the task is on."""
        return self.task.on or next(iter(self.data))

    @property
    def reference_arm(self) -> str:
        """Name of the arm that the others are compared with."""
        return self.evaluate.against or next(iter(self.arms))

    def finetuning_of(self, arm: str) -> Finetuning:
        """Settings of one arm: the study's, and what the arm says instead."""
        return Finetuning.model_validate(
            self.finetune.model_dump() | self.arms[arm].finetune.model_dump(exclude_unset=True)
        )

    def starts_from(self, arm: str) -> str:
        """The initial weights of an arm, in words: "random", "mocov2 on ours/train", a name, or a directory."""
        init = self.arms[arm].init
        if isinstance(init, Pretrained):
            before = "" if init.start == "random" else f" from {init.start}"
            return f"{init.pretrain} on {init.on}{'/train' if init.on == self.labelled_data else ''}{before}"
        return init

    def weights_of(self, arm: str) -> str | None:
        """Name or directory of the weights that an arm, or its pretraining, starts from; None for random ones."""
        init = self.arms[arm].init
        weights = init.start if isinstance(init, Pretrained) else init
        return None if weights == "random" else weights

    def pretraining_epochs(self, init: Pretrained) -> int:
        """Epochs of one arm's pretraining."""
        return init.epochs or self.pretrain.epochs
