import os

import polars as pl
import pytest

from hilum.data.collections.image_files import ImageFiles


@pytest.fixture
def root(tmp_path):
    for name in ("root/a.png", "root/0/b.png", "root/0/deep/c.png", "root/0/.hidden.png", "outside/d.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "root"


def present(files: ImageFiles, *paths: str | None) -> list[bool]:
    return files.present(pl.Series(paths, dtype=pl.String)).to_list()


def test_files_that_are_here_are_present(root):
    files = ImageFiles(root)
    assert present(files, "a.png", "0/b.png", "0/deep/c.png") == [True] * 3
    assert present(files, "b.png", "0", "0/deep", "1/b.png", "0/deep/er/c.png", None) == [False] * 6


def test_no_path_finds_anything_outside_of_the_root(root):
    outside = str(root.parent / "outside" / "d.png")
    assert present(ImageFiles(root), "../outside/d.png", outside, "0/../../outside/d.png") == [False] * 3


def test_links_within_the_root_count_and_links_out_of_it_do_not(root):
    (root / "same.png").symlink_to(root / "a.png")
    (root / "1").symlink_to(root / "0")
    (root / "stolen.png").symlink_to(root.parent / "outside" / "d.png")
    (root / "2").symlink_to(root.parent / "outside")
    (root / "gone.png").symlink_to(root / "no such file")
    files = ImageFiles(root)
    assert present(files, "same.png", "1/b.png", "stolen.png", "2/d.png", "gone.png") == [True, True, *[False] * 3]
    assert sorted(files.outside) == ["2", "stolen.png"]
    assert str(files.notes()[0]).startswith("2 links lead out of the root")


def test_a_root_that_is_itself_a_link_is_a_root(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    assert present(ImageFiles(tmp_path / "link"), "0/b.png") == [True]


def test_files_of_some_folders_are_listed_the_first_of_each_name(root):
    (root / "0" / "a.png").touch()
    (root / "0" / "e.jpg").touch()
    listed = ImageFiles(root).listed(["", "7", "0"], ".png").sort("name")
    assert listed.rows() == [("a.png", "a.png"), ("b.png", "0/b.png")]
    assert ImageFiles(root).listed([], ".png").schema == {"name": pl.String, "path": pl.String}


def test_names_that_are_not_utf8_count_as_absent_and_are_reported(root):
    for name in (b"radiograf\xeda.png", b"0/caf\xe9.png", b"0/.caf\xe9.png"):
        (root / os.fsdecode(name)).touch()
    (root / os.fsdecode(b"im\xe1genes")).mkdir()
    files = ImageFiles(root)
    assert files.listed(["", "0", os.fsdecode(b"im\xe1genes")], ".png").sort("name")["name"].to_list() == [
        "a.png",
        "b.png",
    ]
    assert present(files, "a.png", "0/b.png") == [True, True]
    assert list(map(str, files.notes())) == [
        r"3 files or folders have names that are not UTF-8 (0/caf\xe9.png, im\xe1genes, radiograf\xeda.png) and were excluded: rename them"
    ]
