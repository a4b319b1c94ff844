"""Cohort of a task: selection of images by view and by positive findings."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from hilum.data.collections.dataset import Dataset
from hilum.data.label_policy import LabelPolicy
from hilum.data.labels.codes import read_codes
from hilum.data.labels.targets import drop_uncertain, is_positive, require_findings
from hilum.data.manifest import labelled_images
from hilum.errors import HilumError
from hilum.findings import canonical

FRONTAL = ("PA", "AP")
"""Prefixes of frontal views, such as PA, AP and AP_HORIZONTAL; "FRONTAL" is one too."""

Both: TypeAlias = Literal["drop", "positive", "negative"]
Neither: TypeAlias = Literal["drop", "negative"]
_DEFAULT = LabelPolicy()


@dataclass(frozen=True)
class Contrast:
    """Binary task: images of one finding against images of another, such as Pneumonia against No Finding.

    Attributes:
        positive, negative: Findings. The task's target is `positive`.
        both: Use of contradictory images positive for both (text-mined No Finding with a finding): exclude them, or
            count them on one side.
        neither: Use of images positive for neither: exclude them, or count them as negative.
    """

    positive: str
    negative: str = "No Finding"
    both: Both = "drop"
    neither: Neither = "drop"

    def __post_init__(self) -> None:
        object.__setattr__(self, "positive", canonical(self.positive, where="contrast.positive"))
        object.__setattr__(self, "negative", canonical(self.negative, where="contrast.negative"))
        if self.positive == self.negative:
            raise HilumError(
                "contrast",
                expected="two findings",
                found=f"{self.positive} twice",
                fix="Name another finding as negative.",
            )


@dataclass(frozen=True)
class Cohort:
    """Criteria for the images of a task; all given criteria must hold.

    Attributes:
        views: "frontal", or the views to keep.
        any_of: Keep images positive for at least one of these findings.
        exactly_one_of: Keep images positive for exactly one of these findings: mutually exclusive classes.
        contrast: Keep the two sides of a binary task.
    """

    views: Literal["frontal"] | tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    exactly_one_of: tuple[str, ...] = ()
    contrast: Contrast | None = None

    def __post_init__(self) -> None:
        for field in ("any_of", "exactly_one_of"):
            names = tuple(canonical(name, where=field) for name in getattr(self, field))
            object.__setattr__(self, field, names)

    @property
    def findings(self) -> tuple[str, ...]:
        """Findings that the criteria use."""
        sides = (self.contrast.positive, self.contrast.negative) if self.contrast else ()
        return (*self.any_of, *self.exactly_one_of, *sides)


def task_images(
    dataset: Dataset,
    findings: list[str],
    label_policy: LabelPolicy,
    cohort: Cohort,
    *,
    where: str = "findings",
    of: str = "this data set",
) -> pl.DataFrame:
    """Select the images of a task: read codes, select the cohort, exclude uncertain images, in this order.

    Unlabelled images are excluded; they are used for pretraining only.

    Args:
        dataset: Data set.
        findings: Findings of the task.
        label_policy: Label policy.
        cohort: Criteria for the images.
        where, of: Texts for the message about missing findings, as in `require_findings`.

    Returns:
        A manifest; `targets` with the same findings and label policy keeps all its images.

    Raises:
        HilumError: Errors of `read_codes`, `select_cohort` and `targets`.
    """
    manifest = read_codes(dataset, list(dict.fromkeys([*findings, *cohort.findings])), label_policy)
    require_findings(manifest, findings, where=where, of=of)
    return drop_uncertain(select_cohort(labelled_images(manifest), cohort, label_policy), findings, label_policy)


def select_cohort(manifest: pl.DataFrame, cohort: Cohort, label_policy: LabelPolicy = _DEFAULT) -> pl.DataFrame:
    """Select the images of a cohort, in the manifest's order.

    Args:
        manifest: Images with the codes of the task (`read_codes`).
        cohort: Criteria.
        label_policy: If it maps uncertain to one, uncertain counts as positive here too.

    Returns:
        Selected images. With a contrast the column of its positive finding is 1 on one side and 0 on the other.

    Raises:
        HilumError: A finding that the manifest lacks, or views for a data set without any.
    """
    if cohort.views:
        manifest = _of_views(manifest, cohort.views)
    if cohort.any_of:
        manifest = filter_positive(manifest, list(cohort.any_of), label_policy)
    if cohort.exactly_one_of:
        require_findings(manifest, list(cohort.exactly_one_of))
        labels = pl.sum_horizontal(is_positive(finding, label_policy) for finding in cohort.exactly_one_of)
        manifest = manifest.filter(labels == 1)
    return _contrasted(manifest, cohort.contrast, label_policy) if cohort.contrast else manifest


def filter_positive(manifest: pl.DataFrame, any_of: list[str], label_policy: LabelPolicy = _DEFAULT) -> pl.DataFrame:
    """Select the images that are positive for at least one of these findings.

    Raises:
        HilumError: A finding that the manifest lacks.
    """
    require_findings(manifest, any_of)
    return manifest.filter(pl.any_horizontal(is_positive(finding, label_policy) for finding in any_of))


def _of_views(manifest: pl.DataFrame, views: Literal["frontal"] | tuple[str, ...]) -> pl.DataFrame:
    known = manifest["view"].drop_nulls().unique().sort().to_list()
    if not known:
        raise HilumError("views", expected="a table with the view of each image", found="no view", fix="Remove views.")
    if views == "frontal":
        name = pl.col("view").str.to_uppercase()
        wanted = pl.any_horizontal(name == "FRONTAL", *(name.str.starts_with(view) for view in FRONTAL))
    else:
        strangers = [view for view in views if view not in known]
        if strangers:
            raise HilumError(
                "views",
                expected=f"views of this data set ({', '.join(known)})",
                found=", ".join(strangers),
                fix="Use these.",
            )
        wanted = pl.col("view").is_in(views)
    return manifest.filter(wanted)


def _contrasted(manifest: pl.DataFrame, contrast: Contrast, label_policy: LabelPolicy) -> pl.DataFrame:
    require_findings(manifest, [contrast.positive, contrast.negative])
    one, other = is_positive(contrast.positive, label_policy), is_positive(contrast.negative, label_policy)
    side = (
        pl.when(one & other)
        .then({"drop": None, "positive": 1, "negative": 0}[contrast.both])
        .when(one)
        .then(1)
        .when(other)
        .then(0)
        .otherwise({"drop": None, "negative": 0}[contrast.neither])
    )
    return manifest.with_columns(side.cast(pl.Int8).alias(contrast.positive)).drop_nulls(contrast.positive)
