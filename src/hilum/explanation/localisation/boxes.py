"""Boxes on their way from the original image to the square image that is stored, as fractions of its sides."""

import polars as pl

from hilum.data.preprocess import Recipe

_SMALLEST_SHARE = 0.5
"""Boxes of which a crop leaves less than this share are left out: what is drawn there is mostly elsewhere."""


def boxes_on_square(boxes: pl.DataFrame, recipe: Recipe) -> tuple[pl.DataFrame, int]:
    """Boxes as they lie on preprocessed images.

    Bars, crops and stretches are those of `hilum.data.preprocess`, computed in the frame of the boxes: where an image's
    file is smaller than the frame, bars and crops are rounded to a pixel of the file there, which is not followed here.

    Args:
        boxes: `image_id`, `finding`, `x`, `y`, `width`, `height` in pixels of a frame of `frame_width` x
            `frame_height`; further columns stay.
        recipe: of the images.

    Returns:
        The boxes with `x`, `y`, `width`, `height` as fractions of the square's sides, 0 to 1, without their frames; and
        how many were left out because less than half of them is on the square.
    """
    square = next((value for name, value in recipe.steps if name == "square"), "stretch")
    wide, high = pl.col("frame_width").cast(pl.Float64), pl.col("frame_height").cast(pl.Float64)
    if square == "stretch":
        across, down, left, above = wide, high, pl.lit(0.0), pl.lit(0.0)
    else:
        across = pl.max_horizontal(wide, high) if square == "pad" else pl.min_horizontal(wide, high)
        # a bar of (side - width) // 2 px is added, or a margin of (width - side) // 2 px is taken away
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
        share=pl.col("width") * pl.col("height") / across / down,
    )
    large_enough = placed.filter(pl.col("width") * pl.col("height") >= _SMALLEST_SHARE * pl.col("share"))
    return large_enough.drop("share", "frame_width", "frame_height"), len(boxes) - len(large_enough)
