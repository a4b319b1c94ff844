"""Label codes of a task: consensus of several readers, grades, and derived findings.

Codes remain codes here (1, 0, -1, null); `targets` converts them into numbers.
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


def read_codes(dataset: Dataset, findings: list[str], label_policy: LabelPolicy) -> pl.DataFrame:
    """Return the manifest of a data set with the codes for a task.

    Args:
        dataset: Data set.
        findings: Findings of the task; those that the manifest lacks are derived if possible.
        label_policy: Policy with consensus, severity threshold and the findings of "Other".

    Returns:
        The manifest with all images; columns of derived findings come last.

    Raises:
        HilumError: A consensus without readers, a threshold without grades, "Other" without findings.
    """
    manifest = dataset.manifest
    if label_policy.consensus is not None:
        if dataset.readings is None:
            raise _without("consensus", "several readings of each image", dataset.name)
        manifest = by_consensus(manifest, dataset.readings, label_policy.consensus)
    if label_policy.severity_threshold is not None:
        if dataset.grades is None:
            raise _without("severity_threshold", "graded findings", dataset.name)
        manifest = by_grade(manifest, dataset.grades, label_policy.severity_threshold)
    manifest = add_derived_findings(manifest, findings)
    if OTHER in findings and OTHER not in manifest.columns:
        manifest = combine_findings(manifest, list(label_policy.other), OTHER)
    return manifest


def by_consensus(manifest: pl.DataFrame, readings: pl.DataFrame, consensus: Consensus) -> pl.DataFrame:
    """Combine the codes of the readers of each image by a vote.

    A finding is positive if enough readers report it; uncertain if it would be with the uncertain readers; else
    negative. A reader of the image without a code for a finding does not report it. Enough is one ("any"), more than
    half ("majority"; two of three, as study 4 uses VinDr-CXR's training images), or all of them. Images without
    readings, such as those with a consensus, keep their codes.

    Args:
        manifest: Images with findings.
        readings: `image_id`, `reader`, `finding`, `code` (1, 0, -1).
        consensus: Number of readers that must report a finding.
    """
    # One opinion for each reader and finding, whatever the number of rows: positive, uncertain, negative.
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
    """Derive codes from severity: positive from a grade on, negative below; images without a grade keep their code.

    Args:
        manifest: Images with findings.
        grades: `image_id`, `finding`, `grade` (0: absent), one row for each image and finding.
        positive_from: Lowest positive grade, for all or by finding; other findings keep the collection's labels.

    Raises:
        HilumError: A finding that is not graded, or a threshold that makes every image positive.
    """
    graded = grades["finding"].unique().sort().to_list()
    thresholds = dict(positive_from) if isinstance(positive_from, Mapping) else dict.fromkeys(graded, positive_from)
    for finding, grade in thresholds.items():
        if finding not in graded or grade < 1:
            raise HilumError(
                "severity_threshold",
                expected=f"a grade of 1 or more for a graded finding ({', '.join(graded)})",
                found=f"{finding}: {grade}",
                fix="Remove the finding, or use a grade of its scale; 0 means absent.",
            )
    positive = pl.col("grade") >= pl.col("finding").replace_strict(thresholds, return_dtype=pl.Int64)
    coded = grades.filter(pl.col("finding").is_in(list(thresholds))).select(
        "image_id", "finding", positive.cast(pl.Int8).alias("code")
    )
    return _overruled(manifest, _wide(coded))


def add_derived_findings(manifest: pl.DataFrame, findings: list[str]) -> pl.DataFrame:
    """Add the findings that the manifest lacks and that follow from others (`hilum.findings.DERIVED`)."""
    for finding in findings:
        parts = parts_of(finding, finding_columns(manifest))
        if finding not in manifest.columns and parts:
            manifest = combine_findings(manifest, list(parts), finding)
    return manifest


def combine_findings(manifest: pl.DataFrame, parts: list[str], into: str) -> pl.DataFrame:
    """Add a finding that is positive if any of its parts is.

    Positive if any part is positive; else uncertain if any is uncertain; else not mentioned if any is not; else
    negative: the "or" of Kleene's three-valued logic, with two kinds of unknown.

    Args:
        manifest: Images with findings.
        parts: Columns of the manifest.
        into: Name of the new column.

    Raises:
        HilumError: A part that the manifest lacks, or no part.
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
    """Replace codes of the manifest by those of `coded` (`image_id` and findings) that are not null."""
    both = manifest.join(coded, on="image_id", how="left", maintain_order="left", suffix=" coded")
    findings = [name for name in coded.columns if name != "image_id" and name in manifest.columns]
    overruled = (pl.coalesce(f"{name} coded", name).cast(pl.Int8).alias(name) for name in findings)
    return both.with_columns(overruled).drop(f"{name} coded" for name in findings)


def _without(field: str, what: str, collection: str) -> HilumError:
    return HilumError(field, expected=what, found=f"none in {collection}", fix=f"Remove {field}.")
