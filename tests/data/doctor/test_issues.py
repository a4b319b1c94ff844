import polars as pl

from hilum.data.doctor.issues import Issue, as_table, in_order, some
from hilum.wording import counted


def test_the_worst_comes_first_and_then_what_concerns_most_images():
    issues = [
        Issue("note", "a", "ours", "", ""),
        Issue("warning", "b", "ours", "", "", ["x"]),
        Issue("error", "c", "ours", "", ""),
        Issue("warning", "d", "ours", "", "", ["x", "y"]),
    ]
    assert [issue.check for issue in in_order(issues)] == ["c", "d", "b", "a"]


def test_a_table_has_one_row_an_issue():
    table = as_table([Issue("note", "bars", "ours", "message", "fix", ["x", "y"])])
    assert table.rows() == [("note", "bars", "ours", "message", "fix", 2, ["x", "y"])]
    assert as_table([]).schema == table.schema
    assert table.schema["image_ids"] == pl.List(pl.String)


def test_numbers_and_lists_read_well():
    assert [counted(1), counted(2_000), counted(3, "study", "studies")] == ["1 image", "2,000 images", "3 studies"]
    assert [some([]), some("a"), some("ab"), some("abc"), some("abcd"), some("abcdef")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
        "a, b, c and 1 other",
        "a, b, c and 3 others",
    ]
