"""Schema of a task: findings, label policy, image selection, data split and external test sets."""

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
from hilum.declared import Seed
from hilum.study.file.section import (
    FindingName,
    Section,
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


_PartFraction = Annotated[float, Field(gt=0, lt=1), AfterValidator(whole_percent)]
FractionOfValidation = Annotated[
    float, BeforeValidator(fraction_not_percent), Field(gt=0, le=0.5), AfterValidator(whole_percent)
]


class PatientSplit(Section):
    """Random split of the patients into train, validation and test."""

    patients: Annotated[tuple[_PartFraction, _PartFraction, _PartFraction], BeforeValidator(fraction_not_percent)] = (
        Field(description="Fractions of the patients in train, validation and test; they add up to 1.")
    )
    seed: Seed = Field(0, description="Random seed of the split.")

    @field_validator("patients")
    @classmethod
    def _whole(cls, fractions: tuple[float, float, float]) -> tuple[float, float, float]:
        if not math.isclose(sum(fractions), 1, abs_tol=1e-9):
            raise ValueError(f"{list(fractions)} add up to {sum(fractions):g}, not 1")
        return fractions

    @property
    def percent(self) -> tuple[int, int, int]:
        """The fractions in percent, for `hilum.data.splits.patient_split`."""
        train, val, test = (int(percent_of(fraction)) for fraction in self.patients)
        return train, val, test


class ListedSplit(Section):
    """Split by lists that were published with the data set."""

    lists: str = Field(
        description="`official`: the official split of the data set; or another published list in its folder, such as "
        "`chexnet` for ChestX-ray14."
    )
    validation: FractionOfValidation | None = Field(
        None, description="Fraction of the official training and validation patients used for validation."
    )
    seed: Seed = Field(0, description="Random seed of the draw of validation patients.")

    @model_validator(mode="after")
    def _validation_where_needed(self) -> "ListedSplit":
        if self.lists == "chexnet" and self.validation is not None:
            raise ValueError("validation: the chexnet lists have their own validation images; remove this key")
        return self


class PaperSplit(Section):
    """Split by the rule of a published study."""

    paper: Literal["elwirehardja2025", "toh2023", "gowtham2023", "tayebiarasteh2024", "kivotova2021"] = Field(
        description="The study. With `elwirehardja2025`, train and validation share patients (stated in the split's "
        "title)."
    )
    validation: FractionOfValidation = Field(
        0.1, description="Fraction of the training patients used for validation, if the paper has no validation set."
    )
    seed: Seed = Field(0, description="Random seed of the split, if the rule is random.")


class ColumnSplit(Section):
    """Split by a column of the label table, such as cross-validation folds."""

    column: str = Field(
        min_length=1,
        description="Column of the label table (`folder` only), such as `fold`; or `split`: the official split of any "
        "collection.",
    )
    test: list[str | int] = Field(min_length=1, description="Column values of the test images.")
    validation: list[str | int] = Field(min_length=1, description="Column values of the validation images.")
    train: list[str | int] | None = Field(
        None, min_length=1, description="Column values of the training images. Default: all other values."
    )

    @model_validator(mode="after")
    def _apart(self) -> "ColumnSplit":
        parts = [("test", self.test), ("validation", self.validation), ("train", self.train or [])]
        of_value: dict[str, str] = {}
        for part, values in parts:
            for value in map(str, values):
                if of_value.setdefault(value, part) != part:
                    raise ValueError(f"{value!r} is in both {of_value[value]} and {part}")
        return self

    def part_of(self, value: str | None) -> str | None:
        """Return the part of a column value: "train", "val" or "test"; None where its images are unused."""
        if value is None:
            return None
        if value in map(str, self.test):
            return "test"
        if value in map(str, self.validation):
            return "val"
        return "train" if self.train is None or value in map(str, self.train) else None


AnySplit = PatientSplit | ListedSplit | PaperSplit | ColumnSplit


class BinaryContrast(Section):
    """Binary task: images of one finding against images of another."""

    positive: FindingName = Field(description="Positive class; also the only entry of `task.findings`.")
    negative: FindingName = Field("No Finding", description="Negative class.")
    both: Literal["drop", "positive", "negative"] = Field("drop", description="Handling of images with both findings.")
    neither: Literal["drop", "negative"] = Field("drop", description="Handling of images with neither finding.")


class ChosenImages(Section):
    """Inclusion criteria for the images of a task; all must hold."""

    views: Literal["frontal"] | list[str] = Field(
        [], description="`frontal`, or a list of views to keep (PA, AP, …). Default: all."
    )
    any_of: list[FindingName] = Field([], description="Keep images positive for at least one of these findings.")
    exactly_one_of: list[FindingName] = Field(
        [], description="Keep images positive for exactly one of these findings (mutually exclusive classes)."
    )
    contrast: BinaryContrast | None = Field(None, description="Keep the images of the two classes of a binary task.")

    def cohort(self) -> "Cohort":
        """Return the criteria for `hilum.data.labels`."""
        from hilum.data.labels import Cohort, Contrast

        return Cohort(
            views=self.views if self.views == "frontal" else tuple(self.views),
            any_of=tuple(self.any_of),
            exactly_one_of=tuple(self.exactly_one_of),
            contrast=Contrast(**self.contrast.model_dump()) if self.contrast else None,
        )


class LabelReading(Section):
    """Label policy and image selection."""

    uncertain: UncertainRule = Field(
        "zero",
        description="Policy for uncertain labels (CheXpert, Irvin et al. 2019): negative (`zero`), positive (`one`), "
        "masked (`ignore`), a third class (`own_class`), or exclusion of the image (`drop`). One policy, or one per "
        "finding: `{Edema: one, otherwise: zero}`.",
    )
    not_mentioned: NotMentionedRule = Field(
        "zero",
        description="Policy for findings that a report does not mention: negative (`zero`) or masked (`ignore`). One "
        "policy, or one per finding.",
    )
    consensus: Consensus | None = Field(
        None,
        description="Consensus of several readers per image: how many must report a finding. Default: unanimous, "
        "otherwise the label is uncertain.",
    )
    severity_threshold: GradeRule | None = Field(
        None,
        description="Lowest grade that counts as positive, for graded findings; one grade, or one per finding. "
        "Default: that of the collection.",
    )
    other: list[FindingName] = Field(
        [], description="Findings merged into the class `Other`, if it is among `findings`."
    )
    images: ChosenImages = Field(ChosenImages(), description="Inclusion criteria for images. Default: all images.")

    def label_policy(self) -> LabelPolicy:
        """Return the label policy for `hilum.data.labels`."""
        return LabelPolicy(
            uncertain=self.uncertain,
            not_mentioned=self.not_mentioned,
            consensus=self.consensus,
            severity_threshold=self.severity_threshold,
            other=tuple(self.other),
        )


class Task(LabelReading):
    """Classification task: findings, data set, split and label policy."""

    on: str | None = Field(
        None,
        description="Name of the labelled data set; optional if there is only one. `[a, b]` pools several: a finding "
        "that one of them does not label is masked in its images, and results are also reported for each.",
    )
    findings: list[FindingName] = Field(
        min_length=1, description="Findings to classify, in the spelling of any data set."
    )
    classes: Literal["multilabel", "multiclass"] = Field(
        "multilabel",
        description="`multilabel`: an image has any number of findings (sigmoid outputs). `multiclass`: exactly one "
        "(softmax output, with additional multiclass metrics); requires `images.exactly_one_of`.",
    )
    split: Annotated[
        Annotated[PatientSplit, Tag("<patients>")]
        | Annotated[ListedSplit, Tag("<lists>")]
        | Annotated[PaperSplit, Tag("<paper>")]
        | Annotated[ColumnSplit, Tag("<column>")],
        Discriminator(_kind_of_split),
    ] = Field(description="Division of the patients into train, validation and test.")
    label_fraction: Annotated[
        Annotated[_Fraction, Tag("<one>")] | Annotated[list[_Fraction], Field(min_length=1), Tag("<several>")],
        Discriminator(_how_many),
        BeforeValidator(fraction_not_percent),
    ] = Field(
        1.0,
        description="Fraction of the training patients whose labels are used; the others are used for pretraining "
        "only. With several, `[0.01, 0.1, 1]`, models are trained and evaluated at each; the subsets are nested.",
    )
    unit: Literal["image", "study"] = Field(
        "image",
        description="Unit of evaluation: `image`, or `study` (examination): its score is aggregated over its images, "
        "and it is positive if one of them is. Training always uses images.",
    )
    study_score: Literal["mean", "max"] = Field(
        "mean", description="Score of a study, with `unit: study`: mean or maximum over its images."
    )
    test_on: Annotated[
        Annotated[list[str], Tag("<several>")] | Annotated[dict[str, Literal["all", "official"]], Tag("<by part>")],
        Discriminator(_how_many),
    ] = Field(
        [],
        description="External test sets, for the findings that they label: `[nih, vindr]`, or with the images to test "
        "on, `{chexpert: official}`. If another task uses the data set, its test images; otherwise the `official` test "
        "list or `all` images. Their patients are excluded from pretraining.",
    )

    @field_validator("findings")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"listed twice: {', '.join(twice)}")
        return names

    @field_validator("label_fraction")
    @classmethod
    def _ascending(cls, fractions: float | list[float]) -> float | list[float]:
        if isinstance(fractions, list) and sorted(set(fractions)) != fractions:
            raise ValueError(f"{fractions} is not ascending; write {sorted(set(fractions))}")
        return fractions

    @property
    def label_fractions(self) -> list[float]:
        """All label fractions, ascending."""
        return self.label_fraction if isinstance(self.label_fraction, list) else [self.label_fraction]

    @property
    def labelled_percent(self) -> float:
        """The only label fraction in percent, for `hilum.data.splits.label_fraction`."""
        (fraction,) = self.label_fractions
        return percent_of(fraction)

    @property
    def external(self) -> "dict[str, Literal['all', 'official']]":
        """External test sets, with the images to test on."""
        return self.test_on if isinstance(self.test_on, dict) else dict.fromkeys(self.test_on, "all")

    @property
    def split_seed(self) -> int:
        """Random seed of the split; 0 for splits without one."""
        return getattr(self.split, "seed", 0)

    @model_validator(mode="after")
    def _one_class_an_image(self) -> "Task":
        if self.classes == "multiclass" and set(self.images.exactly_one_of) != set(self.findings):
            raise ValueError("classes: multiclass requires images.exactly_one_of with the findings of the task")
        return self
