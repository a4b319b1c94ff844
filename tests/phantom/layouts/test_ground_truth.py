import polars as pl

from hilum.phantom.layouts.writing import box_table, box_table_with_readers, reading_table

BOX = ("a", "Mass", 1.0, 2.0, 3.0, 4.0, 10, 10)


def test_tables_have_the_columns_and_types_of_collected():
    assert box_table([BOX]).columns == [
        "image_id", "finding", "x", "y", "width", "height", "frame_width", "frame_height",
    ]  # fmt: skip
    assert box_table([]).schema["frame_width"] == pl.Int32
    assert box_table_with_readers([(BOX, "R1"), (BOX, None)])["reader"].to_list() == ["R1", None]
    assert reading_table([("a", "R1", "Mass", 1)]).schema["code"] == pl.Int8
