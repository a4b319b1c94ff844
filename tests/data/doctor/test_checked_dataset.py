import json

import pytest

from hilum.data.doctor import is_ingested, read_ingested, with_split, with_unique_names
from hilum.data.manifest import write_manifest
from hilum.errors import HilumError
from hilum.notes import Code, note


def test_data_sets_of_one_name_are_distinguished(images, data_set):
    names = [one.name for one in with_unique_names([data_set(images(["p"]), name) for name in ("a", "b", "a", "a")])]
    assert names == ["a", "b", "a-2", "a-3"]


def test_a_published_list_takes_the_place_of_the_split(images, data_set):
    one = data_set(images(["p", "q"], split=["train", "test"], split_chexnet=["val", None]))
    other = data_set(images(["p"], split=["train"]))
    chosen = with_split([one, other], "chexnet")
    assert [one.manifest["split"].to_list() for one in chosen] == [["val", None], [None]]
    assert with_split([one], "official")[0].manifest["split"].to_list() == ["train", "test"]


def test_a_list_that_nobody_has_is_refused(images, data_set):
    with pytest.raises(HilumError, match=r"--split: expected one of official, chexnet; found 'chexnat'"):
        with_split([data_set(images(["p"], split_chexnet=["val"]))], "chexnat")


def test_an_ingested_folder_is_read_with_what_was_stated(images, tmp_path):
    root, folder = tmp_path / "images", tmp_path / "ingested"
    root.mkdir()
    write_manifest(images(["p", "q"]), folder / "manifest.parquet")
    assert not is_ingested(folder)
    message = {"collection": "folder", "root": str(root), "notes": ["a note"]}
    (folder / "ingest.json").write_text(json.dumps(message))
    assert is_ingested(folder)
    read = read_ingested(folder)
    assert (read.name, read.collection, read.root, read.notes) == (
        "images",
        "folder",
        root,
        (note(Code.UNCODED, text="a note"),),
    )
    assert len(read.manifest) == 2
    root.rmdir()
    with pytest.raises(HilumError, match="expected the images of this manifest; found no such folder"):
        read_ingested(folder)


def test_a_folder_that_was_not_ingested_is_refused(tmp_path):
    with pytest.raises(HilumError, match="expected a manifest"):
        read_ingested(tmp_path)


def test_notes_of_an_earlier_version_keep_their_warnings(images, tmp_path):
    root, folder = tmp_path / "images", tmp_path / "ingested"
    root.mkdir()
    write_manifest(images(["p", "q"]), folder / "manifest.parquet")
    doubt = note(Code.ONE_PATIENT_OF_MANY, images=90, of=100, examples="17")
    content = {"collection": "folder", "root": str(root), "notes": ["a note", str(doubt)]}
    (folder / "ingest.json").write_text(json.dumps({**content, "warnings": [doubt.as_data()]}))
    read = read_ingested(folder)
    assert read.notes == (note(Code.UNCODED, text="a note"), doubt)
    assert read.warnings == [doubt]
