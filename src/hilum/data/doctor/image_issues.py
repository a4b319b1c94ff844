"""Checks of images: unreadable, constant, clipped, framed, inverted, or of unusual size.

The limits are well outside of the values of 1,101 real images of ChestX-ray14: at most 1.3 % of the middle of an image
have its maximum, no image has fewer than 133 gray levels or a deviation of less than 11 % of the range, and 2 % have a
bar of more than a tenth of a side.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from hilum.data.doctor.checked_dataset import CheckedDataset
from hilum.data.doctor.issues import Issue, Severity, some
from hilum.data.doctor.measurements import ImageMeasurements
from hilum.data.doctor.typical import NEGATIVE, whole_view_is_negative
from hilum.data.duplicates import MIN_SIDE
from hilum.data.images import Remark
from hilum.data.paths import NOT_ON_DISK
from hilum.wording import counted

_CLIPPED = 0.05  # fraction of the pixels in the middle with the maximum
EMPTY = 0.95  # fraction of the pixels with one value
_LEVELS = 32
FAINT = 0.03  # standard deviation, fraction of the range of 8 bits
_BAR = 0.10  # fraction of a side
ASPECT = 1.8  # long side over short side
_SIZE = 4.0  # factor of the median number of pixels, up or down
ODD = 0.15  # correlation with the typical image
_FRONTAL = ("PA", "AP", "FRONTAL")

_EVEN = (pl.col("high") == pl.col("low")) | (pl.max_horizontal("black", "white") > EMPTY)


def image_issues(data_set: CheckedDataset, measured: ImageMeasurements) -> Iterator[Issue]:
    """Check the measurements of a data set's images.

    Args:
        data_set: Data set.
        measured: Its measurements, with the column `likeness` of `typical.likeness`.
    """
    name, images = data_set.name, measured.images
    yield from _unreadable(data_set, images)
    yield from _remarked(name, images)
    readable = images.filter(pl.col("reason").is_null())
    yield from _inverted(data_set, measured)
    shown = readable.filter(~_EVEN)
    checks: tuple[tuple[Severity, str, pl.DataFrame, str, str], ...] = (
        (
            "error",
            "empty images",
            readable.filter(_EVEN),
            "one gray value fills more than 95 % of the image",
            "Exclude them, or get the files again.",
        ),
        (
            "note",
            "images too small to compare",
            readable.filter(pl.max_horizontal("height", "width") < MIN_SIDE),
            f"less than {MIN_SIDE} px: only identical duplicates are found, not compressed or resized ones",
            "Get the images in their original size.",
        ),
        (
            "warning",
            "clipped images",
            shown.filter(pl.col("clipped") > _CLIPPED),
            f"more than {100 * _CLIPPED:.0f} % of the middle has the maximum: details are lost",
            "Convert them again from the originals, with a wider window.",
        ),
        (
            "warning",
            "few gray levels",
            shown.filter(pl.col("levels") < _LEVELS),
            f"fewer than {_LEVELS} different gray values",
            "Convert them again from the originals.",
        ),
        (
            "warning",
            "faint images",
            shown.filter((pl.col("bits") == 8) & (pl.col("deviation") < FAINT)),
            f"the gray values spread less than {100 * FAINT:.0f} % of the range",
            "Review them; preprocess with min_max or clahe if they are correct.",
        ),
        (
            "warning",
            "atypical images",
            shown.filter((pl.col("likeness") < ODD) & (pl.col("likeness") >= NEGATIVE)),
            "unlike the typical image of their view: a wide frame, another view, rotated, badly cropped, no chest",
            "Review them in the page, and exclude images of other views.",
        ),
        (
            "warning",
            "atypical shapes",
            shown.filter(pl.max_horizontal("width", "height") > ASPECT * pl.min_horizontal("width", "height")),
            f"one side more than {ASPECT} times the other: a strip, or two images in one",
            "Review them, and exclude incomplete images.",
        ),
        (
            "note",
            "bars at the edge",
            shown.filter(pl.max_horizontal("top", "bottom", "left", "right") > _BAR),
            f"a constant black or white bar covers more than {100 * _BAR:.0f} % of a side",
            "Harmless unless correlated with a finding; a model can learn the scanner from it.",
        ),
    )
    for severity, check, hit, message, fix in checks:
        if len(hit):
            yield Issue(severity, check, name, f"{_share(hit, images)}: {message}.", fix, hit["image_id"].to_list())
    yield from _sizes(name, shown)


def _unreadable(data_set: CheckedDataset, images: pl.DataFrame) -> Iterator[Issue]:
    aside = pl.concat([images.select("image_id", "reason"), data_set.rejected.select("image_id", "reason")])
    aside = aside.drop_nulls("reason")
    absent = aside.filter(pl.col("reason") == NOT_ON_DISK)
    if len(absent):
        yield Issue(
            "note",
            "missing files",
            data_set.name,
            f"{counted(len(absent))} of {len(images):,} in the tables have no file.",
            "Get them, or continue without them.",
            absent["image_id"].to_list(),
        )
    broken = aside.filter(pl.col("reason") != NOT_ON_DISK)
    if len(broken):
        reasons = broken.group_by("reason").len().sort("len", "reason", descending=[True, False])
        message = some((f"{reason} ({number:,})" for reason, number in reasons.iter_rows()), 4)
        yield Issue(
            "warning",
            "unreadable files",
            data_set.name,
            f"{counted(len(broken), 'file')} cannot be read: {message}.",
            "Get them again, or continue: they are rejected and counted.",
            broken["image_id"].to_list(),
        )


def _remarked(name: str, images: pl.DataFrame) -> Iterator[Issue]:
    codes = pl.col("remarks").str.split(" ")
    for remark in Remark:
        hit = images.filter(codes.list.contains(remark.value))
        if len(hit):
            severity: Severity = "warning" if remark.is_warning else "note"
            check = remark.value.replace("_", " ")
            message = f"{_share(hit, images)}: {remark.description}."
            yield Issue(severity, check, name, message, remark.fix, hit["image_id"].to_list())


def _inverted(data_set: CheckedDataset, measured: ImageMeasurements) -> Iterator[Issue]:
    images = measured.images
    hit = images.filter(pl.col("likeness") < NEGATIVE)
    if len(hit):
        yield Issue(
            "error",
            "negatives",
            data_set.name,
            f"{_share(hit, images)}: gray values are inverted relative to the other images.",
            "Invert their gray values; for DICOM files, check the photometric interpretation.",
            hit["image_id"].to_list(),
        )
    views = data_set.manifest["view"].str.to_uppercase().to_numpy()
    readable = images["reason"].is_null().to_numpy()
    for view in _FRONTAL:
        rows = np.flatnonzero((views == view) & readable)
        if whole_view_is_negative(measured.thumbnails, rows):
            yield Issue(
                "error",
                "negatives",
                data_set.name,
                f"All {view} images are negatives: their lungs are brighter than the heart.",
                "Invert the gray values of all of them.",
            )


def _sizes(name: str, images: pl.DataFrame) -> Iterator[Issue]:
    bits = images.group_by("bits").len().sort(-pl.col("len").cast(pl.Int64), "bits")
    if len(bits) > 1:
        numbers = ", ".join(f"{number:,} of {depth} bits" for depth, number in bits.iter_rows())
        rare = images.filter(pl.col("bits") != bits["bits"][0])
        yield Issue(
            "note",
            "mixed bit depths",
            name,
            f"{numbers}.",
            "16-bit images are scaled by their own minimum and maximum: check that no finding depends on bit depth.",
            rare["image_id"].to_list(),
        )
    pixels = pl.col("width") * pl.col("height")
    middle = images.select(pixels.median()).item()
    if middle is not None:
        hit = images.filter((pixels > _SIZE * middle) | (pixels * _SIZE < middle))
        if 0 < len(hit) < 0.05 * len(images):
            yield Issue(
                "note",
                "atypical sizes",
                name,
                f"{_share(hit, images)}: more or less than {_SIZE:.0f} times the pixels of the median image.",
                "Check if they are thumbnails or enlargements.",
                hit["image_id"].to_list(),
            )


def _share(hit: pl.DataFrame, images: pl.DataFrame) -> str:
    return f"{counted(len(hit))} of {len(images):,}"
