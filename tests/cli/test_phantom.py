import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.data.collections import COLLECTIONS, read_collection
from hilum.errors import HilumError
from hilum.phantom import LAYOUTS


def run(*words: str):
    return CliRunner().invoke(hilum.cli.make_app(), ["phantom", *words], catch_exceptions=False)


def test_a_data_set_is_written_in_the_layout_asked_for(tmp_path):
    answer = run("--layout", "chexpert", "--images", "3", "--size", "32", "--out", str(tmp_path / "images"))
    assert answer.exit_code == 0
    assert "3 images in" in answer.output
    assert len(read_collection("chexpert", tmp_path / "images").manifest) == 3


def test_an_unknown_layout_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(HilumError, match=r"expected one of chestxray14, .*uka_cxr.*; found 'nih'"):
        run("--layout", "nih", "--out", str(tmp_path / "images"))
    assert list(tmp_path.iterdir()) == []


def test_every_collection_can_be_written():
    assert set(LAYOUTS) == set(COLLECTIONS)
