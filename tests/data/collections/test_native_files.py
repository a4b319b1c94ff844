import gzip

import polars as pl
import pytest

from hilum.data.collections.native_files import (
    MAX_CELL,
    find_table,
    leaves_root,
    read_table,
    refuse_lines,
    refuse_missing_unless,
)
from hilum.errors import HilumError


def write(path, content: bytes):
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_columns_go_by_name_and_blanks_are_null(tmp_path, name):
    path = write(tmp_path / name, b"\xef\xbb\xbfage,other,other,id\n 31 ,x,y,a\n,x,y,b\n")
    assert find_table(tmp_path, "t.csv") == path
    table = read_table(path, ["id", "age"], ["sex"], of="a")
    assert table.to_dict(as_series=False) == {"id": ["a", "b"], "age": ["31", None]}


def test_a_table_without_rows_has_its_columns(tmp_path):
    assert read_table(write(tmp_path / "t.csv", b"id,age\n"), ["id"], of="a").schema == {"id": pl.String}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"age\n1\n", "column 'id': expected, but missing"),
        (b"id,age,id\n1,2,3\n", "column 'id': expected once, found 2 times"),
        (b"id\ncaf\xe9\n", "expected a CSV, UTF-8"),
        (b"i\xe9d\nx\n", "expected a CSV, UTF-8"),
        (b"", "column 'id': expected, but missing"),
        (b"id\n" + b"x" * (MAX_CELL + 1) + b"\n", "expected at most 100,000 characters in a cell; found 100,001"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, content, told):
    with pytest.raises(HilumError, match=told):
        read_table(write(tmp_path / "t.csv", content), ["id"], of="a")


def test_a_broken_archive_is_refused(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(b"not gzip")
    with pytest.raises(HilumError, match="expected a CSV, UTF-8"):
        read_table(tmp_path / "t.csv.gz", ["id"], of="a")


def test_wrong_lines_are_named_three_of_a_kind(tmp_path):
    rows = pl.DataFrame({"sex": ["F", "X", "Y", "Z", "Q"]})
    with pytest.raises(HilumError, match=r"3 problems(.|\n)*line 3: sex is 'X', expected F or M") as told:
        refuse_lines(tmp_path / "t.csv", rows, {"sex": (~pl.col("sex").is_in(["F", "M"]), "F or M")})
    assert "'Q'" not in str(told.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.png", "a/../../x", "C:/x.png", "..\\x.png", "\\\\host\\x"])
def test_paths_out_of_the_root_are_known(path):
    assert leaves_root(path)


def test_paths_below_the_root_are_fine():
    assert not leaves_root("CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg")


def test_missing_films_are_refused_or_noted(tmp_path):
    with pytest.raises(HilumError, match=r"expected a file a row; found 4 missing \(a, b, c and 1 others\)"):
        refuse_missing_unless(False, [], tmp_path, "a file a row", list("abcd"))
    notes: list[str] = []
    refuse_missing_unless(True, notes, tmp_path, "a file a row", list("abcd"))
    refuse_missing_unless(False, notes, tmp_path, "a file a row", [])
    assert notes == ["4 missing where a file a row was expected; allowed"]
