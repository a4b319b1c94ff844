"""Images that are not what they should be: unreadable, empty, clipped, framed, turned round, of an odd size.

The limits stand well outside of what 1,101 real images of ChestX-ray14 show: at most 1.3 % of the middle of an image
has its brightest value, no image uses fewer than 133 gray levels or spreads less than 11 % of the range, and 2 % have a
bar of more than a tenth of a side.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from hilum.data.doctor.checked_dataset import CheckedDataset
from hilum.data.doctor.issues import Issue, Severity, counted, some
from hilum.data.doctor.measurements import ImageMeasurements
from hilum.data.doctor.typical import NEGATIVE, whole_view_is_negative
from hilum.data.duplicates import MIN_SIDE
from hilum.data.images import Remark

_CLIPPED = 0.05  # of the pixels in the middle at the brightest value
EMPTY = 0.95  # of the pixels at one value
_LEVELS = 32
FAINT = 0.03  # standard deviation, of the range of 8 bits
_BAR = 0.10  # of a side
ASPECT = 1.8  # long side over short side
_SIZE = 4.0  # times the median number of pixels, or as many times less
ODD = 0.15  # likeness to the typical image
_FRONTAL = ("PA", "AP", "FRONTAL")

_EVEN = (pl.col("high") == pl.col("low")) | (pl.max_horizontal("black", "white") > EMPTY)


def image_issues(data_set: CheckedDataset, measured: ImageMeasurements) -> Iterator[Issue]:
    """Look at what was measured.

    Args:
        data_set: whose images they are.
        measured: its images, with the column `likeness` of `typical.likeness`.
    """
    name, images = data_set.name, measured.images
    yield from _unreadable(data_set, images)
    yield from _remarked(name, images)
    readable = images.filter(pl.col("reason").is_null())
    yield from _turned_round(data_set, measured)
    shown = readable.filter(~_EVEN)
    checks: tuple[tuple[Severity, str, pl.DataFrame, str, str], ...] = (
        (
            "error",
            "empty images",
            readable.filter(_EVEN),
            "one gray value fills more than 95 % of the image",
            "Take them out, or get the files again.",
        ),
        (
            "note",
            "images too small to compare",
            readable.filter(pl.max_horizontal("height", "width") < MIN_SIDE),
            f"less than {MIN_SIDE} px: copies that were compressed or resized are not known again, equal ones are",
            "Get the images in their own size.",
        ),
        (
            "warning",
            "clipped images",
            shown.filter(pl.col("clipped") > _CLIPPED),
            f"more than {_CLIPPED:.0%} of the middle has the brightest value: what was there is lost",
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
            f"the gray values spread less than {FAINT:.0%} of the range",
            "Look at them; preprocess with min_max or clahe if they are right.",
        ),
        (
            "warning",
            "odd images",
            shown.filter((pl.col("likeness") < ODD) & (pl.col("likeness") >= NEGATIVE)),
            "unlike the typical image of their view: a wide frame, another view, rotated, badly cropped, or no chest",
            "Look at them in the page, and take out what is no image of this view.",
        ),
        (
            "warning",
            "odd shapes",
            shown.filter(pl.max_horizontal("width", "height") > ASPECT * pl.min_horizontal("width", "height")),
            f"one side more than {ASPECT} times the other: a strip or two images in one",
            "Look at them, and take out what is no whole image.",
        ),
        (
            "note",
            "bars at the edge",
            shown.filter(pl.max_horizontal("top", "bottom", "left", "right") > _BAR),
            f"an even black or white bar takes more than {_BAR:.0%} of a side",
            "Harmless unless it goes with a finding; a model can learn the scanner from it.",
        ),
    )
    for severity, check, hit, message, fix in checks:
        if len(hit):
            yield Issue(severity, check, name, f"{_share(hit, images)}: {message}.", fix, hit["image_id"].to_list())
    yield from _sizes(name, shown)


def _unreadable(data_set: CheckedDataset, images: pl.DataFrame) -> Iterator[Issue]:
    aside = pl.concat([images.select("image_id", "reason"), data_set.rejected.select("image_id", "reason")])
    aside = aside.drop_nulls("reason")
    absent = aside.filter(pl.col("reason") == "not on disk")
    if len(absent):
        yield Issue(
            "note",
            "files that are not here",
            data_set.name,
            f"{counted(len(absent))} of {len(images):,} in the tables have no file.",
            "Get them, or go on without them.",
            absent["image_id"].to_list(),
        )
    broken = aside.filter(pl.col("reason") != "not on disk")
    if len(broken):
        reasons = broken.group_by("reason").len().sort("len", "reason", descending=[True, False])
        message = some((f"{reason} ({number:,})" for reason, number in reasons.iter_rows()), 4)
        yield Issue(
            "warning",
            "unreadable files",
            data_set.name,
            f"{counted(len(broken), 'file')} cannot be read: {message}.",
            "Get them again, or go on: they are set aside and counted.",
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


def _turned_round(data_set: CheckedDataset, measured: ImageMeasurements) -> Iterator[Issue]:
    images = measured.images
    hit = images.filter(pl.col("likeness") < NEGATIVE)
    if len(hit):
        yield Issue(
            "error",
            "negatives",
            data_set.name,
            f"{_share(hit, images)}: black and white are the other way round than on the images beside them.",
            "Turn their grays round; of DICOM files, check the photometric interpretation.",
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
                f"The {view} images are negatives as a whole: their lungs are brighter than the heart between them.",
                "Turn the grays of all of them round.",
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
            "16-bit images are scaled by their own darkest and brightest value: make sure that nothing depends on it.",
            rare["image_id"].to_list(),
        )
    pixels = pl.col("width") * pl.col("height")
    middle = images.select(pixels.median()).item()
    if middle is not None:
        hit = images.filter((pixels > _SIZE * middle) | (pixels * _SIZE < middle))
        if 0 < len(hit) < 0.05 * len(images):
            yield Issue(
                "note",
                "odd sizes",
                name,
                f"{_share(hit, images)}: more than {_SIZE:.0f} times as many pixels as the median image, or fewer.",
                "Look whether they are thumbnails or enlargements.",
                hit["image_id"].to_list(),
            )


def _share(hit: pl.DataFrame, images: pl.DataFrame) -> str:
    return f"{counted(len(hit))} of {len(images):,}"
