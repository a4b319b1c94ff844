import polars as pl

from hilum.data.collections.readings import consensus_codes, long_readings


def readings(**codes):
    count = len(next(iter(codes.values())))
    columns = {name: pl.Series(values, dtype=pl.Int8) for name, values in codes.items()}
    return pl.DataFrame(
        {"image_id": ["b", "a", "b", "a"][:count], "reader": ["R1", "R1", "R2", "R2"][:count], **columns}
    )


def test_images_keep_their_order_and_get_what_all_readers_say():
    table = readings(Mass=[1, 0, 1, 1], Hernia=[0, 0, 0, 0], Nodule=[None, None, 1, None], Edema=[-1, 0, -1, -1])
    assert consensus_codes(table, ["Mass", "Hernia", "Nodule", "Edema"]).rows() == [
        ("b", 1, 0, 1, -1),
        ("a", -1, 0, None, -1),
    ]


def test_every_code_has_a_row_and_blanks_have_none():
    table = long_readings(readings(Mass=[1, 0], Nodule=[None, 1]), ["Mass", "Nodule"])
    assert table.rows() == [("b", "R1", "Mass", 1), ("a", "R1", "Mass", 0), ("a", "R1", "Nodule", 1)]
    assert table.schema["code"] == pl.Int8
