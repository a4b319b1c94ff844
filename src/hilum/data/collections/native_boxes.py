"""Boxes of native tables: invalid boxes are refused by line, and boxes are clipped to their images."""

from pathlib import Path

import polars as pl

from hilum.data.tables import quoted, some
from hilum.errors import HilumError
from hilum.findings import canonical, labelled_finding
from hilum.notes import Code, Note, note

CORNERS: tuple[str, ...] = ("x", "y", "width", "height")
TWO_CORNERS: tuple[str, ...] = ("x_min", "y_min", "x_max", "y_max")
_FRAME = ("frame_width", "frame_height")


def as_boxes(rows: pl.DataFrame, path: Path, notes: list[Note]) -> pl.DataFrame:
    """Check boxes and clip them to their images.

    Args:
        rows: `line` (of the file), `image_id`, `finding` (canonical), `x`, `y`, `width`, `height` (pixels, as text or
            numbers), `frame_width`, `frame_height` (the original's size; null if unknown), and further columns such as
            `reader`.
        path: Path of the file.
        notes: List to which notes on clipped and excluded boxes are appended.

    Returns:
        Boxes as in `Dataset`. Boxes without a known frame are excluded.

    Raises:
        HilumError: Boxes without four finite numbers, without a width or height, or outside their images; with their
            lines.
    """
    boxes = rows.with_columns(pl.col(name).cast(pl.Float64, strict=False) for name in CORNERS)
    _refuse(boxes, ~pl.all_horizontal(pl.col(CORNERS).is_finite().fill_null(False)), path, "four numbers for each box")
    _refuse(boxes, (pl.col("width") <= 0) | (pl.col("height") <= 0), path, "a width and a height above 0")
    unknown = boxes["frame_width"].null_count()
    if unknown:
        notes.append(note(Code.BOXES_WITHOUT_FRAME, boxes=unknown))
        boxes = boxes.drop_nulls("frame_width")
    right, bottom = pl.col("x") + pl.col("width"), pl.col("y") + pl.col("height")
    outside = (pl.col("x") >= pl.col("frame_width")) | (pl.col("y") >= pl.col("frame_height"))
    _refuse(boxes, outside | (right <= 0) | (bottom <= 0), path, "boxes on their images")
    beyond = (pl.col("x") < 0) | (pl.col("y") < 0) | (right > pl.col("frame_width")) | (bottom > pl.col("frame_height"))
    cut = int(boxes.select(beyond.sum()).item())
    if cut:
        notes.append(note(Code.BOXES_CLIPPED, boxes=cut, table=path.name))
        left, top = pl.col("x").clip(lower_bound=0), pl.col("y").clip(lower_bound=0)
        boxes = boxes.with_columns(
            pl.when(beyond).then(left).otherwise("x").alias("x"),
            pl.when(beyond).then(top).otherwise("y").alias("y"),
            pl.when(beyond).then(pl.min_horizontal(right, "frame_width") - left).otherwise("width").alias("width"),
            pl.when(beyond).then(pl.min_horizontal(bottom, "frame_height") - top).otherwise("height").alias("height"),
        )
    named = ["image_id", "finding", *CORNERS, *_FRAME]
    others = [name for name in boxes.columns if name not in (*named, "line")]
    return boxes.select(*named, *others).cast(dict.fromkeys(_FRAME, pl.Int32))


def boxes_of_corners(
    text: pl.DataFrame, path: Path, images: pl.DataFrame, notes: list[Note], *, collection: str
) -> pl.DataFrame:
    """Convert rows with two corners into boxes on known images.

    Args:
        text: `line`, `image_id`, `class_name`, `reader`, `x_min`, `y_min`, `x_max`, `y_max`.
        path: Path of their table.
        images: `image_id`, `frame_width`, `frame_height`.
        notes: List to which notes on excluded boxes are appended.
        collection: Name of the collection.

    Returns:
        Boxes as in `as_boxes`.

    Raises:
        HilumError: As in `as_boxes`, or a class that the collection does not label.
    """
    names = {}
    for name in text["class_name"].unique().drop_nulls().sort():
        names[name] = labelled_finding(name, collection)
        if names[name] is None:
            canonical(name, where=path)  # refuses an unknown finding, with the most similar one
    unknown = pl.col("class_name").is_in([name for name, finding in names.items() if finding is None])
    wrong = text.filter(pl.col("class_name").is_null() | unknown)
    if len(wrong):
        line, name = wrong.select("line", "class_name").row(0)
        expected = f"a finding labelled in {collection} in every line"
        found = f"{quoted(name)} in line {line:,}"
        raise HilumError(path, expected=expected, found=found, fix="Download it again, or correct these lines.")
    left, top, right, bottom = (pl.col(name).cast(pl.Float64, strict=False) for name in TWO_CORNERS)
    rows = text.join(
        images.select("image_id", "frame_width", "frame_height"), on="image_id", how="inner", maintain_order="left"
    )
    if len(rows) < len(text):
        notes.append(note(Code.BOXES_WITHOUT_IMAGE, boxes=len(text) - len(rows), table=path.name))
    boxes = rows.select(
        "line",
        "image_id",
        pl.col("class_name").replace_strict(names, return_dtype=pl.String).alias("finding"),
        left.alias("x"),
        top.alias("y"),
        (right - left).alias("width"),
        (bottom - top).alias("height"),
        "frame_width",
        "frame_height",
        "reader",
    )
    return as_boxes(boxes, path, notes)


def _refuse(boxes: pl.DataFrame, wrong: pl.Expr, path: Path, expected: str) -> None:
    lines = boxes.filter(wrong)["line"]
    if len(lines):
        raise HilumError(
            path,
            expected=expected,
            found=f"others in line {some(lines)}",
            fix="Download it again, or correct these lines.",
        )
