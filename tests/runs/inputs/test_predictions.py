"""Tables of predictions as inputs of a run."""

import cv2
import numpy as np
import polars as pl
import pytest

import hilum
from hilum.errors import HilumError


def test_labels_from_a_folder_of_images_without_labels_are_refused_with_what_to_write(tmp_path):
    (tmp_path / "images").mkdir()
    for row in range(3):
        cv2.imwrite(str(tmp_path / "images" / f"{row}.png"), np.full((8, 8), 9 * row, np.uint8))
    table = pl.DataFrame({"image_id": ["0.png", "1.png", "2.png"], "p_Mass": [0.1, 0.5, 0.9]})
    labels = f"folder={tmp_path / 'images'}"
    with pytest.raises(HilumError, match="expected a data set with labels; found images only") as refused:
        hilum.evaluate(table, labels=labels, held_out=True, n_bootstrap=40)
    assert "Write --labels labels.csv: a table with image_id and a column for each finding" in refused.value.fix
    assert f"hilum ingest folder {tmp_path / 'images'} --labels labels.csv --out ingested" in refused.value.fix
