"""Groupings of images into classes for embeddings: by their only finding, and with or without anomalies.

As in Elwirehardja et al. (2025), Fig. 4: images with a single label, one class per finding; and "No Finding" against
"Has Anomalies".
"""

from dataclasses import dataclass

import polars as pl

from hilum.data.manifest import finding_columns

NO_FINDING, ANOMALIES = "No Finding", "Has Anomalies"
SINGLE, ILL = "single_label", "anomalies"
TITLES = {SINGLE: "Images with a single label", ILL: "No Finding or anomalies"}
"""Titles of groupings for readers; their names are columns of tables."""


@dataclass(frozen=True)
class Grouping:
    """Grouping of images into classes.

    Attributes:
        name: Name of the grouping, `SINGLE` or `ILL`.
        classes: Names of the classes, the largest first.
        of: Class of each of N images; None for no class.
    """

    name: str
    classes: list[str]
    of: list[str | None]


def groupings(manifest: pl.DataFrame, image_ids: list[str]) -> list[Grouping]:
    """Return the groupings of images by the labels of a data set that have at least two classes.

    An image has a single label if exactly one of its findings (including "No Finding") is positive and none is
    uncertain. It has anomalies if any finding other than "No Finding" is positive; it has none if "No Finding" is
    positive, or, in a data set without that label, if every finding is labelled absent.

    Args:
        manifest: Manifest with label codes of findings.
        image_ids: Ids of N images.
    """
    findings = finding_columns(manifest)
    if not findings:
        return []
    rows = pl.DataFrame({"image_id": image_ids}, schema={"image_id": pl.String}).join(
        manifest.select("image_id", *findings), on="image_id", how="left", maintain_order="left"
    )
    others = [finding for finding in findings if finding != NO_FINDING]
    positives = pl.sum_horizontal(pl.col(name).eq_missing(1) for name in findings)
    uncertain = pl.any_horizontal(pl.col(name).eq_missing(-1) for name in findings)
    only = pl.coalesce(*(pl.when(pl.col(name).eq_missing(1)).then(pl.lit(name)) for name in findings))
    if NO_FINDING in findings:
        healthy = pl.col(NO_FINDING).eq_missing(1)
    else:
        healthy = pl.all_horizontal(pl.col(name).eq_missing(0) for name in others)
    ill = pl.any_horizontal(pl.lit(False), *(pl.col(name).eq_missing(1) for name in others))
    labels = rows.select(
        pl.when((positives == 1) & ~uncertain).then(only).alias(SINGLE),
        pl.when(ill).then(pl.lit(ANOMALIES)).when(healthy).then(pl.lit(NO_FINDING)).alias(ILL),
    )
    made = [_grouping(name, labels[name]) for name in (SINGLE, ILL)]
    return [grouping for grouping in made if len(grouping.classes) > 1]


def _grouping(name: str, of: pl.Series) -> Grouping:
    counts = of.drop_nulls().value_counts(sort=False).sort(["count", name], descending=[True, False])
    return Grouping(name, counts[name].to_list(), of.to_list())
