"""What a study file may say of its task: the findings, how labels are read, which images take part, who tests."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, PositiveInt, Tag, field_validator, model_validator

from hilum.data.label_policy import OTHERWISE, LabelPolicy, NotMentioned, Uncertain, Vote
from hilum.study.file.section import FindingName, Section, Seed, canonical_finding

if TYPE_CHECKING:
    from hilum.data.labels import Cohort


def _finding_or_otherwise(name: str) -> str:
    return name if name == OTHERWISE else canonical_finding(name)


def _kind_of_split(split: object) -> str:
    for key in ("lists", "paper"):
        if key in split if isinstance(split, dict) else hasattr(split, key):
            return f"<{key}>"
    return "<patients>"


def _kind_of_rule(rule: object) -> str:
    return "<by finding>" if isinstance(rule, dict) else "<for all>"


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


class PatientSplit(Section):
    """Patients drawn at random into train, validation and test."""

    patients: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        description="Percent of patients in train, validation and test; they add up to 100."
    )
    seed: Seed = Field(0, description="Of the draw.")

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
    seed: Seed = Field(0, description="Of the draw of the validation patients.")

    @model_validator(mode="after")
    def _validation_where_needed(self) -> "ListedSplit":
        if self.lists == "chexnet" and self.validation is not None:
            raise ValueError("validation: the chexnet lists have their own validation images; leave it out")
        return self


class PaperSplit(Section):
    """The rule by which a published study divided its images."""

    paper: Literal["elwirehardja2025", "toh2023", "gowtham2023", "tayebiarasteh2024", "kivotova2021"] = Field(
        description="The study. The first one's rule lets train and validation share patients, and its title says so."
    )
    validation: int = Field(
        10, ge=1, le=50, description="Percent of the training patients used for validation, where the paper has none."
    )
    seed: Seed = Field(0, description="Of the draw, where there is one.")


class Sides(Section):
    """A binary task: images of one finding against images of another."""

    positive: FindingName = Field(description="The finding; it is also the one of `task.findings`.")
    negative: FindingName = Field("No Finding", description="What it is told from.")
    both: Literal["drop", "positive", "negative"] = Field("drop", description="What images of both become.")
    neither: Literal["drop", "negative"] = Field("drop", description="What images of neither become.")


class ChosenImages(Section):
    """The images that take part; everything asked for must hold."""

    views: Literal["frontal"] | list[str] = Field([], description="`frontal`, or the views to keep; all when left out.")
    any_of: list[FindingName] = Field([], description="Only images positive for at least one of these.")
    exactly_one_of: list[FindingName] = Field(
        [], description="Only images positive for one of these and no second one: classes that exclude each other."
    )
    contrast: Sides | None = Field(None, description="Only the two sides of a binary task.")

    def cohort(self) -> "Cohort":
        """What `hilum.data.labels` takes."""
        from hilum.data.labels import Cohort, Contrast

        return Cohort(
            views=self.views if self.views == "frontal" else tuple(self.views),
            any_of=tuple(self.any_of),
            exactly_one_of=tuple(self.exactly_one_of),
            contrast=Contrast(**self.contrast.model_dump()) if self.contrast else None,
        )


class Task(Section):
    """What is to be recognised, on which images, and how labels are read."""

    on: str | None = Field(None, description="Data set that carries the labels; the only one when left out.")
    findings: list[FindingName] = Field(min_length=1, description="Findings to recognise, by any data set's spelling.")
    classes: Literal["each", "exclusive"] = Field(
        "each",
        description="`each`: an image may have any of the findings, or none. `exclusive`: it has exactly one of them, "
        "trained with a softmax and judged as classes, too; needs `images.exactly_one_of`.",
    )
    uncertain: UncertainRule = Field(
        "zero",
        description="Uncertain labels count as negative, positive, are masked, are a third class, or drop the image; "
        "one word, or by finding: `{Edema: one, otherwise: zero}`.",
    )
    not_mentioned: NotMentionedRule = Field(
        "zero",
        description="Findings a report does not mention count as negative, or are masked; one word, or by finding.",
    )
    vote: Vote | None = Field(
        None,
        description="Where several people read each image: how many must see a finding. When left out, all must agree; "
        "else it is uncertain.",
    )
    positive_from_grade: GradeRule | None = Field(
        None,
        description="Where findings are graded: the grade from which one is positive, for all or by finding. The "
        "collection's own when left out.",
    )
    other: list[FindingName] = Field([], description="Findings that `Other` stands for, in a task that asks for it.")
    images: ChosenImages = Field(ChosenImages(), description="Which images take part; all when left out.")
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

    @model_validator(mode="after")
    def _one_class_an_image(self) -> "Task":
        if self.classes == "exclusive" and set(self.images.exactly_one_of) != set(self.findings):
            raise ValueError("classes: exclusive ones need images.exactly_one_of to name the findings of the task")
        return self

    def policy(self) -> LabelPolicy:
        """How labels are read, as `hilum.data.labels` takes it."""
        return LabelPolicy(
            uncertain=self.uncertain,
            not_mentioned=self.not_mentioned,
            vote=self.vote,
            positive_from_grade=self.positive_from_grade,
            other=tuple(self.other),
        )
