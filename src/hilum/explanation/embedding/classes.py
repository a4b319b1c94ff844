"""Images in classes, for images and numbers of features: by their only finding, and as ill or not.

As in Elwirehardja et al. (2025), Fig. 4: images with a single label, each finding a class; and "No Finding" against
"Has Anomalies".
"""

from dataclasses import dataclass

import polars as pl

from hilum.data.manifest import finding_columns

NO_FINDING, ANOMALIES = "No Finding", "Has Anomalies"
SINGLE, ILL = "single_label", "anomalies"
TITLES = {SINGLE: "Images with a single label", ILL: "No Finding or anomalies"}
"""Of groupings, for people; their names are columns of tables."""


@dataclass(frozen=True)
class Grouping:
    """One way to put images into classes.

    Attributes:
        name: of the way, `SINGLE` or `ILL`.
        classes: their names, the largest first.
        of: class of each of N images; None where an image has none here.
    """

    name: str
    classes: list[str]
    of: list[str | None]


def groupings(manifest: pl.DataFrame, image_ids: list[str]) -> list[Grouping]:
    """The ways in which a data set's labels put images into classes; those with fewer than two classes are left out.

    An image has a single label where exactly one of its findings ("No Finding" is one) is positive and none is
    uncertain. It has anomalies where any other finding than "No Finding" is positive; it has none where "No Finding" is
    positive, or, in a data set without that label, where every finding is labelled absent.

    Args:
        manifest: with codes of findings.
        image_ids: N images of it.
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
