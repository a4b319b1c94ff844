import gzip
import shutil
from pathlib import Path

import pytest

from hilum.data.collections import read_collection
from hilum.data.sources import data_source, data_sources, examine_folder, recognise_folder
from hilum.errors import HilumError
from hilum.findings import COLLECTIONS


def test_every_collection_is_described():
    assert [source.name for source in data_sources()] == list(COLLECTIONS)
    for source in data_sources():
        assert source.licence
        assert source.where
        assert source.files


def test_an_unknown_data_set_names_the_known_ones():
    with pytest.raises(HilumError, match="padchest"):
        data_source("padchst")


@pytest.mark.parametrize("name", [name for name in COLLECTIONS if name != "folder"])
def test_a_folder_in_the_native_layout_is_known_again_and_whole(name, in_layout):
    """What the generated layouts hold is what reading needs: whatever is called needed is there, and it can be read."""
    root, _ = in_layout(name)
    read_collection(name, root)
    contents = recognise_folder(root)[0]
    assert contents.source.name == name
    assert contents.readable, [each.pattern for each in contents.files if each.missing]


def test_what_is_missing_or_a_part_is_named(in_layout, tmp_path):
    root = Path(shutil.copytree(in_layout("chestxray14")[0], tmp_path / "CXR8"))
    table = root / "Data_Entry_2017_v2020.csv"
    packed = root / "Data_Entry_2017_v2020.csv.gz"
    packed.write_bytes(gzip.compress(table.read_bytes()))
    table.unlink()
    contents = examine_folder(root, data_source("chestxray14"))
    images = next(each for each in contents.files if each.expected.what == "images")
    assert contents.files[0].first == packed.name
    assert contents.readable
    assert not contents.complete
    assert images.incomplete
    packed.unlink()
    contents = examine_folder(root, data_source("chestxray14"))
    assert not contents.readable
    assert [each.expected.what for each in contents.files if each.missing] == ["labels"]


def test_a_folder_that_an_archive_made_is_looked_into(in_layout):
    contents = recognise_folder(in_layout("kermany")[0])[0]
    assert (contents.source.name, contents.folder.name) == ("kermany", "chest_xray")


def test_a_folder_of_other_images_is_not_taken_for_a_data_set(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/one.png").write_bytes(b"x")
    (tmp_path / "labels.csv").write_text("image\none\n")
    assert recognise_folder(tmp_path) == []
    assert examine_folder(tmp_path, data_source("folder")).readable


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    path = tmp_path / "archive.zip"
    path.write_bytes(b"x")
    with pytest.raises(HilumError, match="a folder"):
        examine_folder(path, data_source("chestxray14"))
