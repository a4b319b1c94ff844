"""The codes that a task reads: votes of several readers, grades, and findings that follow from others.

Codes stay codes here (1, 0, -1, null); `targets` makes numbers of them.
"""

from collections.abc import Mapping

import polars as pl

from hilum.data.collections.dataset import Dataset
from hilum.data.label_policy import Consensus, LabelPolicy
from hilum.data.labels.targets import require_findings
from hilum.data.manifest import finding_columns
from hilum.errors import HilumError
from hilum.findings import parts_of

OTHER = "Other"


def read_codes(collected: Dataset, findings: list[str], label_policy: LabelPolicy) -> pl.DataFrame:
    """The manifest of a collection with the codes that a task is to read.

    Args:
        collected: what the collection gave.
        findings: of the task; those that the manifest lacks are derived where that is possible.
        label_policy: says how many readers must see a finding, from which grade, and what "Other" stands for.

    Returns:
        The manifest, every image of it; columns of derived findings come last.

    Raises:
        HilumError: a consensus without readers, a threshold without grades, "Other" of nothing.
    """
    manifest = collected.manifest
    if label_policy.consensus is not None:
        if collected.readings is None:
            raise _without("consensus", "several readings of each image", collected.name)
        manifest = by_consensus(manifest, collected.readings, label_policy.consensus)
    if label_policy.severity_threshold is not None:
        if collected.grades is None:
            raise _without("severity_threshold", "graded findings", collected.name)
        manifest = by_grade(manifest, collected.grades, label_policy.severity_threshold)
    manifest = add_derived_findings(manifest, findings)
    if OTHER in findings and OTHER not in manifest.columns:
        manifest = combine_findings(manifest, list(label_policy.other), OTHER)
    return manifest


def by_consensus(manifest: pl.DataFrame, readings: pl.DataFrame, consensus: Consensus) -> pl.DataFrame:
    """Codes by a vote of the readers of each image.

    A finding is positive where enough readers see it; uncertain where it would be, were the unsure ones right; else
    negative. A reader of the image who says nothing of a finding does not see it. Enough is one ("any"), more than half
    ("majority"; two of three, as study 4 reads VinDr-CXR's training images), or all of them. Images that nobody read
    one by one, such as those with a consensus, keep their codes.

    Args:
        manifest: images with findings.
        readings: `image_id`, `reader`, `finding`, `code` (1, 0, -1).
        consensus: how many must see a finding.
    """
    # One opinion of a reader on a finding, whatever the number of rows: sure before unsure before no.
    opinion = pl.col("code").replace_strict({1: 2, -1: 1, 0: 0}, return_dtype=pl.Int8).max()
    opinions = readings.drop_nulls("code").group_by("image_id", "reader", "finding").agg(opinion)
    readers = readings.group_by("image_id").agg(pl.col("reader").n_unique().alias("readers"))
    votes = (
        opinions.group_by("image_id", "finding")
        .agg((pl.col("code") == 2).sum().alias("sure"), (pl.col("code") >= 1).sum().alias("possible"))
        .join(readers, on="image_id")
    )
    enough = {"any": pl.lit(1), "majority": pl.col("readers") // 2 + 1, "all": pl.col("readers")}[consensus]
    code = pl.when(pl.col("sure") >= enough).then(1).when(pl.col("possible") >= enough).then(-1).otherwise(0)
    voted = votes.select("image_id", "finding", code.cast(pl.Int8).alias("code"))
    return _overruled(manifest, readers.select("image_id").join(_wide(voted), on="image_id", how="left").fill_null(0))


def by_grade(manifest: pl.DataFrame, grades: pl.DataFrame, positive_from: int | Mapping[str, int]) -> pl.DataFrame:
    """Codes by severity: positive from a grade on, negative below; images without a grade keep their code.

    Args:
        manifest: images with findings.
        grades: `image_id`, `finding`, `grade` (0: absent), one row an image and finding.
        positive_from: the grade, for all or by finding; findings not named keep the collection's own reading.

    Raises:
        HilumError: a finding that is not graded, or a threshold that makes every image positive.
    """
    graded = grades["finding"].unique().sort().to_list()
    thresholds = dict(positive_from) if isinstance(positive_from, Mapping) else dict.fromkeys(graded, positive_from)
    for finding, grade in thresholds.items():
        if finding not in graded or grade < 1:
            raise HilumError(
                "severity_threshold",
                expected=f"a grade of 1 or more for a graded finding ({', '.join(graded)})",
                found=f"{finding}: {grade}",
                fix="Take out the finding, or use a grade of its scale; 0 means absent.",
            )
    positive = pl.col("grade") >= pl.col("finding").replace_strict(thresholds, return_dtype=pl.Int64)
    coded = grades.filter(pl.col("finding").is_in(list(thresholds))).select(
        "image_id", "finding", positive.cast(pl.Int8).alias("code")
    )
    return _overruled(manifest, _wide(coded))


def add_derived_findings(manifest: pl.DataFrame, findings: list[str]) -> pl.DataFrame:
    """Add those of these findings that the manifest lacks and that follow from others (`hilum.findings.DERIVED`)."""
    for finding in findings:
        parts = parts_of(finding, finding_columns(manifest))
        if finding not in manifest.columns and parts:
            manifest = combine_findings(manifest, list(parts), finding)
    return manifest


def combine_findings(manifest: pl.DataFrame, parts: list[str], into: str) -> pl.DataFrame:
    """Add a finding that is there where any of its parts is.

    Positive if any part is positive; else uncertain if any is uncertain; else not mentioned if any is not; else
    negative: the "or" of Kleene's three-valued logic, keeping apart why a part is unknown.

    Args:
        manifest: images with findings.
        parts: columns of the manifest.
        into: name of the new column.

    Raises:
        HilumError: a part that the manifest lacks, or no part.
    """
    require_findings(manifest, parts)
    codes = pl.col(parts)
    code = (
        pl.when(pl.any_horizontal(codes.eq_missing(1)))
        .then(1)
        .when(pl.any_horizontal(codes.eq_missing(-1)))
        .then(-1)
        .when(pl.all_horizontal(codes.is_not_null()))
        .then(0)
    )
    return manifest.with_columns(code.cast(pl.Int8).alias(into))


def _wide(coded: pl.DataFrame) -> pl.DataFrame:
    return coded.pivot(on="finding", on_columns=coded["finding"].unique().sort(), index="image_id", values="code")


def _overruled(manifest: pl.DataFrame, coded: pl.DataFrame) -> pl.DataFrame:
    """The manifest with the codes of `coded` (`image_id` and findings) wherever it has one."""
    both = manifest.join(coded, on="image_id", how="left", maintain_order="left", suffix=" coded")
    findings = [name for name in coded.columns if name != "image_id" and name in manifest.columns]
    overruled = (pl.coalesce(f"{name} coded", name).cast(pl.Int8).alias(name) for name in findings)
    return both.with_columns(overruled).drop(f"{name} coded" for name in findings)


def _without(field: str, what: str, collection: str) -> HilumError:
    return HilumError(field, expected=what, found=f"none in {collection}", fix=f"Leave out {field}.")
