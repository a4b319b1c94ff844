"""Conversion of boxes from the original image to the preprocessed square image."""

import polars as pl

from hilum.data.preprocess import Recipe

_SMALLEST_FRACTION = 0.5
"""Minimum fraction of a box inside the crop; other boxes are excluded."""


def boxes_on_square(boxes: pl.DataFrame, recipe: Recipe) -> tuple[pl.DataFrame, int]:
    """Convert boxes to the coordinates of preprocessed images.

    Padding, crops and stretching are those of `hilum.data.preprocess`, computed in the frame of the boxes. Rounding to
    pixels of a file that is smaller than the frame is not reproduced.

    Args:
        boxes: `image_id`, `finding`, `x`, `y`, `width`, `height` in pixels of a frame of `frame_width` x
            `frame_height`; further columns are kept.
        recipe: Preprocessing of the images.

    Returns:
        The boxes with `x`, `y`, `width`, `height` as fractions of the square's sides, 0 to 1, without their frames; and
        the number of boxes excluded because less than half of them is inside the square.
    """
    square = next((value for name, value in recipe.steps if name == "square"), "stretch")
    wide, high = pl.col("frame_width").cast(pl.Float64), pl.col("frame_height").cast(pl.Float64)
    if square == "stretch":
        across, down, left, above = wide, high, pl.lit(0.0), pl.lit(0.0)
    else:
        across = pl.max_horizontal(wide, high) if square == "pad" else pl.min_horizontal(wide, high)
        # padding of (side - width) // 2 px, or a crop of (width - side) // 2 px
        sign = 1 if square == "pad" else -1
        down = across
        left, above = (sign * (sign * (across - side) / 2).floor() for side in (wide, high))
    x, y = (pl.col("x") + left) / across, (pl.col("y") + above) / down
    right, bottom = x + pl.col("width") / across, y + pl.col("height") / down
    clipped = {"x": x.clip(0, 1), "y": y.clip(0, 1)}
    placed = boxes.with_columns(
        **clipped,
        width=right.clip(0, 1) - clipped["x"],
        height=bottom.clip(0, 1) - clipped["y"],
        area=pl.col("width") * pl.col("height") / across / down,
    )
    large_enough = placed.filter(pl.col("width") * pl.col("height") >= _SMALLEST_FRACTION * pl.col("area"))
    return large_enough.drop("area", "frame_width", "frame_height"), len(boxes) - len(large_enough)
