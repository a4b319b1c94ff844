"""Label issues from Python: tables in memory, images of the data set on the page."""

import numpy as np
import polars as pl
import pytest

import hilum
from hilum.errors import HilumError
from hilum.phantom import write_layout


@pytest.fixture
def table():
    label = np.arange(40) % 2
    wrong = np.where(np.arange(40) < 2, 1 - label, label)
    ids = [f"{image:08d}_000.png" for image in range(1, 41)]
    scores = np.clip(0.1 + 0.8 * label + 0.05 * np.random.default_rng(0).normal(size=40), 0, 1)
    return pl.DataFrame({"image_id": ids, "split": ["test"] * 40, "y_Mass": wrong, "p_Mass": scores})


def test_wrong_labels_are_first_and_nothing_is_written(table):
    result = hilum.label_issues(table)
    assert set(result.issues.head(2)["image_id"]) == set(table.head(2)["image_id"])
    assert result.top["finding"].to_list() == ["Mass"] * len(result.top)
    assert (result.directory, result.page, result.agreement) == (None, None, None)
    assert result.summary == ["40 images of 40 patients, split test"]
    assert "top label issues" in repr(result)


def test_images_of_another_data_set_are_refused_before_anything_is_written(table, tmp_path):
    write_layout("chestxray14", tmp_path / "CXR8", images=4, size=32, seed=0)
    other = table.with_columns(image_id=pl.concat_str(pl.lit("other"), "image_id"))
    with pytest.raises(HilumError, match="expected the images of the predictions; found none"):
        hilum.label_issues(other, tmp_path / "out", data={"chestxray14": tmp_path / "CXR8"})
    assert not (tmp_path / "out").exists()
