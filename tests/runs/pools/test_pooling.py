"""Pools of images of one or several data sets for pretraining."""

import numpy as np
import polars as pl
import pytest

from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.runs.pools.pooling import pooled_images


class People:
    """Two images of everybody: image 0 and 1 of patient 0, and so on."""

    def __init__(self, issuer):
        self.issuer = issuer

    def patients(self, image_ids):
        return [f"{self.issuer}:{int(image_id) // 2}" for image_id in image_ids]


@pytest.fixture
def stores(tmp_path):
    nothing = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    pixels, names = np.zeros((6, 8, 8), dtype=np.uint8), [str(row) for row in range(6)]
    return {name: Store(tmp_path / name, pixels, names, nothing, parse_recipe([{"resize": 8}])) for name in "ab"}


def test_images_of_one_data_set_are_left_as_they_are(stores):
    images = pooled_images({"a": People("x")}, {"a": stores["a"]}, {"a": ["0", "2", "3"]})
    assert images.store is stores["a"]
    assert images.image_ids == images.own_ids == ["0", "2", "3"]
    assert images.patient_ids == ["x:0", "x:1", "x:1"]
    assert [(part.data, part.images, part.patients) for part in images.parts] == [("a", 3, 2)]


def test_images_of_several_keep_their_own_names_beside_those_in_the_pool(stores):
    data = {"b": People("x"), "a": People("y")}
    images = pooled_images(data, stores, {"b": ["0", "1"], "a": ["0", "4"]})
    assert images.image_ids == ["b/0", "b/1", "a/0", "a/4"]
    assert images.own_ids == ["0", "1", "0", "4"]
    assert images.patient_ids == ["x:0", "x:0", "y:0", "y:2"]
    assert [(part.data, part.images, part.patients) for part in images.parts] == [("b", 2, 1), ("a", 2, 2)]
    assert images.store.rows(images.image_ids).tolist() == [0, 1, 6, 10]
