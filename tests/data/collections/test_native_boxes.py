import polars as pl
import pytest

from hilum.data.collections.native_boxes import as_boxes, boxes_of_corners
from hilum.errors import HilumError
from hilum.notes import Note


def rows(*corners, width=100, height=80, **others):
    columns = ("x", "y", "width", "height")
    table = pl.DataFrame([tuple(str(value) for value in box) for box in corners], schema=columns, orient="row")
    return table.with_row_index("line", 2).with_columns(
        pl.lit("a").alias("image_id"),
        pl.lit("Mass").alias("finding"),
        frame_width=pl.lit(width, dtype=pl.Int64),
        frame_height=pl.lit(height, dtype=pl.Int64),
        **{name: pl.lit(value) for name, value in others.items()},
    )


def test_a_box_inside_stays_as_it_is_with_what_belongs_to_it(tmp_path):
    notes: list[Note] = []
    boxes = as_boxes(rows((0, 0.5, 100, 79.5), reader="R1"), tmp_path / "t.csv", notes)
    assert boxes.rows() == [("a", "Mass", 0.0, 0.5, 100.0, 79.5, 100, 80, "R1")]
    assert boxes.schema["frame_width"] == pl.Int32
    assert notes == []


def test_what_sticks_out_is_cut_off_on_every_side(tmp_path):
    notes: list[Note] = []
    boxes = as_boxes(
        rows((-5, 10, 20, 20), (10, -5, 20, 20), (90, 10, 20, 20), (10, 70, 20, 20), (-9, -9, 200, 200)),
        tmp_path / "t.csv",
        notes,
    )
    assert boxes.select("x", "y", "width", "height").rows() == [
        (0.0, 10.0, 15.0, 20.0),
        (10.0, 0.0, 20.0, 15.0),
        (90.0, 10.0, 10.0, 20.0),
        (10.0, 70.0, 20.0, 10.0),
        (0.0, 0.0, 100.0, 80.0),
    ]
    assert list(map(str, notes)) == ["5 boxes of t.csv extend beyond their images and were clipped"]


@pytest.mark.parametrize("corner", [(100, 1, 5, 5), (1, 80, 5, 5), (-5, 1, 5, 5), (1, -6, 5, 5)])
def test_a_box_beside_its_image_is_refused_by_line(tmp_path, corner):
    with pytest.raises(HilumError, match="expected boxes on their images; found others in line 3"):
        as_boxes(rows((1, 1, 2, 2), corner), tmp_path / "t.csv", [])


def test_lines_are_named_three_and_counted(tmp_path):
    with pytest.raises(HilumError, match="four numbers for each box; found others in line 2, 3, 4 and 1 others"):
        as_boxes(rows(*[(1, 1, "wide", 2)] * 4), tmp_path / "t.csv", [])


def test_two_corners_become_a_box_and_unknown_images_are_counted(tmp_path):
    text = pl.DataFrame(
        {
            "line": [2, 3],
            "image_id": ["a", "b"],
            "class_name": ["Enlarged PA", "ILD"],
            "reader": ["R1", "R2"],
            "x_min": ["1", "1"],
            "y_min": ["2", "1"],
            "x_max": ["11.5", "2"],
            "y_max": ["4", "2"],
        }
    )
    images = pl.DataFrame({"image_id": ["a"], "frame_width": [20], "frame_height": [10]})
    notes: list[Note] = []
    boxes = boxes_of_corners(text, tmp_path / "t.csv", images, notes, collection="vindr_cxr")
    assert boxes.rows() == [("a", "Enlarged Pulmonary Artery", 1.0, 2.0, 10.5, 2.0, 20, 10, "R1")]
    assert list(map(str, notes)) == [
        "1 boxes of t.csv are on images that are missing or were not read, and were excluded"
    ]
