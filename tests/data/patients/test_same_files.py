"""Files of the same bytes are found, whatever their names, and hardly any other is read."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import hilum.data.patients.same_files as same
from hilum.data.patients.same_files import same_files


def write(folder: Path, contents: list[bytes]) -> list[Path]:
    paths = [folder / f"{number}.png" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.lists(
        st.sampled_from([b"a", b"b", b"ab", b"ba", b"x" * 20_000, b"x" * 9_999 + b"y" * 10_001]), max_size=8
    )
)
def test_groups_are_those_of_equal_content(tmp_path, contents):
    paths = write(tmp_path, contents)
    wanted = [[row for row, each in enumerate(contents) if each == content] for content in dict.fromkeys(contents)]
    assert same_files(paths) == [rows for rows in wanted if len(rows) > 1]


def test_files_that_differ_between_the_sampled_bytes_are_distinguished(tmp_path):
    one, other = bytearray(100_000), bytearray(100_000)
    other[20_000] = 1
    assert same_files(write(tmp_path, [bytes(one), bytes(other)])) == []


def test_what_is_not_there_or_empty_is_in_no_group(tmp_path):
    paths = write(tmp_path, [b"", b"", b"a"])
    assert same_files([*paths, None, None, tmp_path / "gone.png", tmp_path / "gone.png", tmp_path / "\0"]) == []


def test_one_file_by_two_paths_is_found_without_being_read(tmp_path, monkeypatch):
    monkeypatch.setattr(same, "_sample", lambda path: pytest.fail(f"{path} was read"))
    paths = write(tmp_path, [b"a", b"bb"])
    link = tmp_path / "link.png"
    link.symlink_to(paths[0])
    assert same_files([*paths, link, paths[1]]) == [[0, 2], [1, 3]]


def test_sizes_that_tell_nothing_are_not_read(tmp_path):
    paths = write(tmp_path, [b"a", b"a", b"bb", b"bb"])
    assert same_files(paths, worth_reading=lambda rows: 2 in rows) == [[2, 3]]
