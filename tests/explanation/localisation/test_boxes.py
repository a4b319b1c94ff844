import numpy as np
import polars as pl
import pytest

from hilum.data.preprocess import parse_recipe, preprocess
from hilum.explanation.localisation import boxes_on_square


def boxes(*rows):
    columns = ["image_id", "finding", "x", "y", "width", "height", "frame_width", "frame_height"]
    return pl.DataFrame([("a.png", "Mass", *row) for row in rows], columns, orient="row")


@pytest.mark.parametrize("square", ["pad", "crop", "stretch", None])
@pytest.mark.parametrize(("wide", "high"), [(300, 200), (200, 300), (201, 300), (300, 201), (200, 200)])
def test_a_box_lands_where_its_pixels_land(square, wide, high):
    image = np.zeros((high, wide), dtype=np.uint8)
    x, y, width, height = 90, 70, 40, 60
    image[y : y + height, x : x + width] = 255
    steps = [{"square": square}, {"resize": 240}] if square else [{"resize": 240}]
    recipe = parse_recipe(steps)
    canvas = preprocess(image, recipe)
    placed, left_out = boxes_on_square(boxes((x, y, width, height, wide, high)), recipe)
    rows, columns = np.nonzero(canvas > 127)
    left, top, across, down = placed.select("x", "y", "width", "height").row(0)
    assert left_out == 0
    assert placed.columns == ["image_id", "finding", "x", "y", "width", "height"]
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.allclose(np.array([left, top, left + across, top + down]) * 240, found, atol=0.75)


def test_a_crop_cuts_boxes_and_leaves_out_those_that_are_mostly_elsewhere():
    recipe = parse_recipe([{"square": "crop"}, {"resize": 64}])
    placed, left_out = boxes_on_square(
        boxes((40, 0, 40, 50, 300, 200), (20, 0, 40, 50, 300, 200), (0, 0, 40, 50, 300, 200)), recipe
    )
    assert left_out == 2
    assert placed.row(0)[2:] == pytest.approx((0.0, 0.0, 30 / 200, 0.25))


def test_further_columns_stay():
    drawn = boxes((0, 0, 10, 10, 20, 20)).with_columns(reader=pl.lit("R1"))
    placed, _ = boxes_on_square(drawn, parse_recipe([{"resize": 64}]))
    assert placed["reader"].to_list() == ["R1"]
