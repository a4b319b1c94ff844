import gzip

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hilum.data.tables import (
    MAX_CELL,
    escapes_root,
    find_table,
    native_files,
    read_csv_text,
    read_lines,
    read_table,
    refuse_lines,
    refuse_missing_unless,
)
from hilum.errors import HilumError
from hilum.notes import Note


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
    ("content", "message"),
    [
        (b"age\n1\n", "column 'id': expected, but missing"),
        (b"id,age,id\n1,2,3\n", "column 'id': expected once, found 2 times"),
        (b"id\ncaf\xe9\n", "expected text, UTF-8; found byte 0xe9 in line 2"),
        (b"i\xe9d\nx\n", "expected text, UTF-8; found byte 0xe9 in line 1"),
        (b"", "column 'id': expected, but missing"),
        (b"id\n" + b"x" * (MAX_CELL + 1) + b"\n", "expected at most 100,000 characters in a cell; found 100,001"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, content, message):
    with pytest.raises(HilumError, match=message):
        read_table(write(tmp_path / "t.csv", content), ["id"], of="a")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda whole: whole[: len(whole) // 2], "expected a whole gzip file; found a truncated one"),
        (lambda whole: whole[:12], "expected a whole gzip file; found a truncated one"),
        (lambda whole: whole[:-8] + b"12345678", "expected a whole gzip file; found a damaged one"),
        (lambda whole: whole[:12] + bytes([whole[12] ^ 255]) + whole[13:], "expected a whole gzip file; found a damag"),
    ],
)
def test_a_broken_archive_is_refused(tmp_path, spoil, message):
    rows = "".join(f"{number * 7919 % 10007},x\n" for number in range(3000))
    (tmp_path / "t.csv.gz").write_bytes(spoil(gzip.compress(f"id,other\n{rows}".encode())))
    with pytest.raises(HilumError, match=message):
        read_table(tmp_path / "t.csv.gz", ["id"], of="a")


def test_what_is_packed_is_reported_by_its_content(tmp_path):
    for name, content in (("a.csv", gzip.compress(b"id\n7\n")), ("b.csv.gz", b"id\n7\n")):
        (tmp_path / name).write_bytes(content)
        assert read_table(tmp_path / name, ["id"], of="a")["id"].to_list() == ["7"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,age\na,1\nb\n", "line 3: expected 2 fields, as in the header; found 1"),
        (b"id,age\na,1\nb,2,small, left\n", "line 3: expected 2 fields, as in the header; found 4"),
        (b'id,age\na,"two\nlines"\nb,2,3\n', "line 4: expected 2 fields, as in the header; found 3"),
        (b"id,age\n" + b"a\n" * 5, "line 4: .*\n  and 2 lines more"),
        (b'id,age\na,1\n"b,2\nc,3\n', "found an unclosed quote in line 3"),
        (b'id,"age\na,1\n', "found an unclosed quote in line 1"),
        (b'id,age\na,"1"2\n', "found line 2 with"),
        (b'id,age\n"a' + b",x\n" * 100_000, "expected at most 100,000 characters in a cell; found more in line 2"),
        (b"id;age\na;1\n", "expected fields separated by commas; found semicolons"),
        (b"id\tage\na\t1\n", "expected fields separated by commas; found tabs"),
        ("id,age\na,1\n".encode("utf-16"), "expected text, UTF-8; found UTF-16"),
        ("id,age\na,1\n".encode("utf-16-le"), "expected text, UTF-8; found UTF-16"),
        (b"id,age\na,\xff\n", "expected text, UTF-8; found byte 0xff in line 2"),
    ],
)
def test_a_table_that_was_cut_or_written_otherwise_is_refused_by_its_line(tmp_path, content, message):
    with pytest.raises(HilumError, match=message):
        read_table(write(tmp_path / "t.csv", content), ["id", "age"], of="a")
    with pytest.raises(HilumError, match=message):
        read_csv_text(tmp_path / "t.csv")


def test_empty_fields_beyond_the_header_and_rows_without_values_do_not_matter(tmp_path):
    path = write(tmp_path / "t.csv", b'id,age\r\na,1,\r\n,\r\n\r\nb,2,,\r\n"c",\r\n')
    assert read_csv_text(path).rows() == [("a", "1"), ("b", "2"), ("c", None)]


def read_or_error(path, columns):
    try:
        return read_csv_text(path).to_dict(as_series=False), read_table(path, columns, of="a").rows()
    except HilumError as error:
        return str(error)


FIELD = st.one_of(
    st.sampled_from(["", " ", "1", "a b", "00013", "x;y", "é", "\x0b", "\u2028", "'"]), st.text("ab ,", max_size=3)
)
LINE = st.one_of(st.lists(FIELD, max_size=5).map(",".join), st.lists(FIELD, min_size=3, max_size=3).map(",".join))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["id,age,sex", "id, age ,sex,", "id,,sex", "id", "", "id,age,age", " ,id"]),
    st.lists(LINE, max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_a_table_without_quotes_is_read_as_one_that_goes_through_the_reader_of_quotes(
    tmp_path, header, lines, end, ended
):
    text = end.join([header, *lines]) + end * ended
    path = write(tmp_path / "t.csv", text.encode())
    plain = read_or_error(path, ["id"])
    write(path, text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native_files, "_plain_rows", lambda _: None)
        assert read_or_error(path, ["id"]) == plain


def test_columns_without_a_name_are_left_out(tmp_path):
    path = write(tmp_path / "t.csv", b",id,\n0,a,\n1,b\n")
    assert read_csv_text(path).to_dict(as_series=False) == {"id": ["a", "b"]}


def test_lists_are_read_alike(tmp_path):
    assert read_lines(write(tmp_path / "l.txt.gz", b"\xef\xbb\xbfa.png \r\n\r\nb.png")) == ["a.png", "", "b.png"]
    with pytest.raises(HilumError, match="expected text, UTF-8; found UTF-16"):
        read_lines(write(tmp_path / "l.txt", "a.png\n".encode("utf-16")))


def test_wrong_lines_are_named_three_of_a_kind(tmp_path):
    rows = pl.DataFrame({"sex": ["F", "X", "Y", "Z", "Q"]})
    with pytest.raises(HilumError, match=r"3 problems(.|\n)*line 3: sex is 'X', expected F or M") as message:
        refuse_lines(tmp_path / "t.csv", rows, {"sex": (~pl.col("sex").is_in(["F", "M"]), "F or M")})
    assert "'Q'" not in str(message.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.png", "a/../../x", "C:/x.png", "..\\x.png", "\\\\host\\x"])
def test_paths_out_of_the_root_are_known(path):
    assert escapes_root(path)


def test_paths_below_the_root_are_fine():
    assert not escapes_root("CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg")


def test_missing_images_are_refused_or_noted(tmp_path):
    with pytest.raises(HilumError, match=r"expected a file a row; found 4 missing \(a, b, c and 1 others\)"):
        refuse_missing_unless(False, [], tmp_path, "a file a row", list("abcd"))
    notes: list[Note] = []
    refuse_missing_unless(True, notes, tmp_path, "a file a row", list("abcd"))
    refuse_missing_unless(False, notes, tmp_path, "a file a row", [])
    assert list(map(str, notes)) == ["4 missing where a file a row was expected; allowed"]
