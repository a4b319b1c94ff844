from importlib import import_module

import pytest
from polars.testing import assert_frame_equal

from hilum.data.collections import COLLECTIONS, read_collection
from hilum.errors import HilumError
from hilum.phantom import LAYOUTS, write_layout


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reading_a_generated_data_set_gives_exactly_what_was_written(generated, layout):
    root, written = generated(layout)
    labels = {"labels": root / "labels.csv"} if layout == "folder" else {}
    read = read_collection(layout, root, **labels)
    assert_frame_equal(read.manifest, written.manifest)
    for name in ("boxes", "readings", "grades"):
        found, expected = getattr(read, name), getattr(written, name)
        assert (found is None) == (expected is None), name
        if expected is not None:
            assert_frame_equal(found, expected, check_row_order=False)
            assert len(expected)
    assert len(read.rejected) == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_that_of_a_collection(layout):
    assert layout in COLLECTIONS
    assert callable(import_module(f"hilum.phantom.layouts.{layout}").write)


def test_an_unknown_layout_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(HilumError, match=r"expected one of chestxray14, .*; found 'nih'"):
        write_layout("nih", tmp_path / "images", images=1, size=32, seed=0)
    assert list(tmp_path.iterdir()) == []
