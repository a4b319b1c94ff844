"""What a study file may say of its task: the findings, how labels are read, which images take part, who tests."""

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PositiveInt,
    Tag,
    field_validator,
    model_validator,
)

from hilum.data.label_policy import OTHERWISE, Consensus, LabelPolicy, NotMentioned, Uncertain
from hilum.study.file.section import (
    FindingName,
    Section,
    Seed,
    canonical_finding,
    fraction_not_percent,
    percent_of,
    whole_percent,
)

if TYPE_CHECKING:
    from hilum.data.labels import Cohort


def _finding_or_otherwise(name: str) -> str:
    return name if name == OTHERWISE else canonical_finding(name)


def _kind_of_split(split: object) -> str:
    for key in ("lists", "paper", "column"):
        if key in split if isinstance(split, dict) else hasattr(split, key):
            return f"<{key}>"
    return "<patients>"


def _kind_of_rule(rule: object) -> str:
    return "<by finding>" if isinstance(rule, dict) else "<for all>"


def _how_many(value: object) -> str:
    if isinstance(value, dict):
        return "<by part>"
    return "<several>" if isinstance(value, list | tuple) else "<one>"


_Fraction = Annotated[float, Field(gt=0, le=1)]
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


_Share = Annotated[float, Field(gt=0, lt=1), AfterValidator(whole_percent)]
FractionOfValidation = Annotated[
    float, BeforeValidator(fraction_not_percent), Field(gt=0, le=0.5), AfterValidator(whole_percent)
]


class PatientSplit(Section):
    """Patients drawn at random into train, validation and test."""

    patients: Annotated[tuple[_Share, _Share, _Share], BeforeValidator(fraction_not_percent)] = Field(
        description="Fractions of the patients in train, validation and test; they add up to 1."
    )
    seed: Seed = Field(0, description="Of the draw.")

    @field_validator("patients")
    @classmethod
    def _whole(cls, shares: tuple[float, float, float]) -> tuple[float, float, float]:
        if not math.isclose(sum(shares), 1, abs_tol=1e-9):
            raise ValueError(f"{list(shares)} add up to {sum(shares):g}, not 1")
        return shares

    @property
    def percent(self) -> tuple[int, int, int]:
        """As `hilum.data.splits.patient_split` takes them."""
        train, val, test = (int(percent_of(share)) for share in self.patients)
        return train, val, test


class ListedSplit(Section):
    """The split that the data set's own lists give."""

    lists: str = Field(
        description="`official`: the data set's own; or the name of another published list that came with it, such as "
        "`chexnet` for ChestX-ray14."
    )
    validation: FractionOfValidation | None = Field(
        None, description="Fraction of the official train+validation patients used for validation."
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
    validation: FractionOfValidation = Field(
        0.1, description="Fraction of the training patients used for validation, where the paper has none."
    )
    seed: Seed = Field(0, description="Of the draw, where there is one.")


class ColumnSplit(Section):
    """A split that stands in a column of the data set's own labels, such as folds."""

    column: str = Field(
        min_length=1,
        description="Of the table of labels (`folder` only), such as `fold`; or `split`: the data set's own list, of "
        "any collection.",
    )
    test: list[str | int] = Field(min_length=1, description="Values of the images to test on.")
    validation: list[str | int] = Field(min_length=1, description="Values of the images to validate on.")
    train: list[str | int] | None = Field(
        None, min_length=1, description="Values of the images to train on; all other values when left out."
    )

    @model_validator(mode="after")
    def _apart(self) -> "ColumnSplit":
        parts = [("test", self.test), ("validation", self.validation), ("train", self.train or [])]
        of_value: dict[str, str] = {}
        for part, values in parts:
            for value in map(str, values):
                if of_value.setdefault(value, part) != part:
                    raise ValueError(f"{value!r} stands under {of_value[value]} and under {part}")
        return self

    def part_of(self, value: str | None) -> str | None:
        """The part of an image: "train", "val", "test"; None where it takes no part."""
        if value is None:
            return None
        if value in map(str, self.test):
            return "test"
        if value in map(str, self.validation):
            return "val"
        return "train" if self.train is None or value in map(str, self.train) else None


AnySplit = PatientSplit | ListedSplit | PaperSplit | ColumnSplit


class BinaryContrast(Section):
    """A binary task: images of one finding against images of another."""

    positive: FindingName = Field(description="The finding; it is also the one of `task.findings`.")
    negative: FindingName = Field("No Finding", description="What it is distinguished from.")
    both: Literal["drop", "positive", "negative"] = Field("drop", description="What images of both become.")
    neither: Literal["drop", "negative"] = Field("drop", description="What images of neither become.")


class ChosenImages(Section):
    """The images that take part; everything asked for must hold."""

    views: Literal["frontal"] | list[str] = Field([], description="`frontal`, or the views to keep; all when left out.")
    any_of: list[FindingName] = Field([], description="Only images positive for at least one of these.")
    exactly_one_of: list[FindingName] = Field(
        [], description="Only images positive for one of these and no second one: classes that exclude each other."
    )
    contrast: BinaryContrast | None = Field(None, description="Only the two sides of a binary task.")

    def cohort(self) -> "Cohort":
        """What `hilum.data.labels` takes."""
        from hilum.data.labels import Cohort, Contrast

        return Cohort(
            views=self.views if self.views == "frontal" else tuple(self.views),
            any_of=tuple(self.any_of),
            exactly_one_of=tuple(self.exactly_one_of),
            contrast=Contrast(**self.contrast.model_dump()) if self.contrast else None,
        )


class LabelReading(Section):
    """How labels are read, and of which images."""

    uncertain: UncertainRule = Field(
        "zero",
        description="Uncertain labels count as negative, positive, are masked, are a third class, or drop the image; "
        "one word, or by finding: `{Edema: one, otherwise: zero}`.",
    )
    not_mentioned: NotMentionedRule = Field(
        "zero",
        description="Findings a report does not mention count as negative, or are masked; one word, or by finding.",
    )
    consensus: Consensus | None = Field(
        None,
        description="Where several people read each image: how many must see a finding. When left out, all must agree; "
        "else it is uncertain.",
    )
    severity_threshold: GradeRule | None = Field(
        None,
        description="Where findings are graded: the grade from which one is positive, for all or by finding. The "
        "collection's own when left out.",
    )
    other: list[FindingName] = Field([], description="Findings that `Other` stands for, in a task that asks for it.")
    images: ChosenImages = Field(ChosenImages(), description="Which images take part; all when left out.")

    def label_policy(self) -> LabelPolicy:
        """How labels are read, as `hilum.data.labels` takes it."""
        return LabelPolicy(
            uncertain=self.uncertain,
            not_mentioned=self.not_mentioned,
            consensus=self.consensus,
            severity_threshold=self.severity_threshold,
            other=tuple(self.other),
        )


class Task(LabelReading):
    """What is to be recognised, on which images, and how labels are read."""

    on: str | None = Field(
        None,
        description="Data set that carries the labels; the only one when left out. `[a, b]` pools several: a finding "
        "that one of them does not label is masked in its images, and results are given for each, too.",
    )
    findings: list[FindingName] = Field(min_length=1, description="Findings to recognise, by any data set's spelling.")
    classes: Literal["multilabel", "multiclass"] = Field(
        "multilabel",
        description="`multilabel`: an image has any number of findings. `multiclass`: it has exactly one of them, "
        "trained with a softmax and judged as classes, too; needs `images.exactly_one_of`.",
    )
    split: Annotated[
        Annotated[PatientSplit, Tag("<patients>")]
        | Annotated[ListedSplit, Tag("<lists>")]
        | Annotated[PaperSplit, Tag("<paper>")]
        | Annotated[ColumnSplit, Tag("<column>")],
        Discriminator(_kind_of_split),
    ] = Field(description="Which patients train, validate and test.")
    label_fraction: Annotated[
        Annotated[_Fraction, Tag("<one>")] | Annotated[list[_Fraction], Field(min_length=1), Tag("<several>")],
        Discriminator(_how_many),
        BeforeValidator(fraction_not_percent),
    ] = Field(
        1.0,
        description="Fraction of the training patients whose labels may be used; the rest only pretrain. Of several, "
        "`[0.01, 0.1, 1]`, each is trained and judged by itself; patients of a smaller one are among those of a "
        "larger.",
    )
    unit: Literal["image", "study"] = Field(
        "image",
        description="What is judged: each image; or each study (examination), whose score is that of all its images "
        "and which is positive where one of them is. Training sees images in either case.",
    )
    study_score: Literal["mean", "max"] = Field(
        "mean", description="Where studies are judged: the mean or the highest score of a study's images."
    )
    test_on: Annotated[
        Annotated[list[str], Tag("<several>")] | Annotated[dict[str, Literal["all", "official"]], Tag("<by part>")],
        Discriminator(_how_many),
    ] = Field(
        [],
        description="Other data sets to test on, for the findings that they label, too: `[nih, vindr]`, or with the "
        "images to test on, `{chexpert: official}`. Where another task is on that data set, its test images; otherwise "
        "`official` (the data set's own test list) or `all` images. None of their patients is pretrained on.",
    )

    @field_validator("findings")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return names

    @field_validator("label_fraction")
    @classmethod
    def _ascending(cls, fractions: float | list[float]) -> float | list[float]:
        if isinstance(fractions, list) and sorted(set(fractions)) != fractions:
            raise ValueError(f"{fractions} does not ascend; write {sorted(set(fractions))}")
        return fractions

    @property
    def label_fractions(self) -> list[float]:
        """All fractions, ascending."""
        return self.label_fraction if isinstance(self.label_fraction, list) else [self.label_fraction]

    @property
    def labelled_percent(self) -> float:
        """The fraction in percent, of a task with one fraction, as `hilum.data.splits.label_fraction` takes it."""
        (fraction,) = self.label_fractions
        return percent_of(fraction)

    @property
    def external(self) -> "dict[str, Literal['all', 'official']]":
        """Other data sets to test on, with which of their images where no task says so."""
        return self.test_on if isinstance(self.test_on, dict) else dict.fromkeys(self.test_on, "all")

    @property
    def split_seed(self) -> int:
        """Of the draw of patients; 0 where there is none."""
        return getattr(self.split, "seed", 0)

    @model_validator(mode="after")
    def _one_class_an_image(self) -> "Task":
        if self.classes == "multiclass" and set(self.images.exactly_one_of) != set(self.findings):
            raise ValueError("classes: multiclass ones need images.exactly_one_of to name the findings of the task")
        return self
