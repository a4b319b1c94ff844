"""Images of several data sets under one roof."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.data.batches import Batches
from hilum.data.preprocess import parse_recipe
from hilum.data.store import PooledStore, Store, pooled_ids
from hilum.errors import HilumError

NOTHING = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})


def store_of(first, count, size=8):
    """Images "0", "1", … whose every pixel is `first`, `first + 1`, …"""
    values = np.arange(first, first + count, dtype=np.uint8)
    pixels = np.broadcast_to(values[:, None, None], (count, size, size)).copy()
    return Store(
        Path(f"from {first}"), pixels, [str(row) for row in range(count)], NOTHING, parse_recipe([{"resize": size}])
    )


@pytest.fixture
def stores():
    return {"a": store_of(0, 3), "b": store_of(100, 5), "c": store_of(200, 1)}


EVERY = [*pooled_ids("a", "012"), *pooled_ids("b", "01234"), "c/0"]


def test_images_of_the_same_id_in_two_data_sets_are_two_images(stores):
    pool = PooledStore(stores)
    asked = ["b/0", "a/0", "c/0", "a/2", "b/4"]
    pixels = pool.gather(pool.rows(asked))
    assert pixels[:, 0, 0].tolist() == [100, 0, 200, 2, 104]
    assert pixels.flags.c_contiguous
    assert pixels.dtype == np.uint8


def test_every_image_of_every_store_is_found_and_none_twice(stores):
    pool = PooledStore(stores)
    assert sorted(pool.rows(EVERY)) == list(range(9))
    assert pool.gather(pool.rows(EVERY))[:, 3, 3].tolist() == [0, 1, 2, 100, 101, 102, 103, 104, 200]
    assert pool.gather(np.empty(0, dtype=np.int64)).shape == (0, 8, 8)


def test_what_is_not_in_the_pool_is_refused_by_name(stores):
    pool = PooledStore(stores)
    with pytest.raises(HilumError, match="NAME one of a, b, c; found d/0"):
        pool.rows(["a/0", "d/0"])
    with pytest.raises(HilumError, match=r"from 100: expected every requested image; found 1 missing \(9\)"):
        pool.rows(["a/0", "b/9"])


def test_images_that_were_not_preprocessed_alike_are_no_pool(stores):
    with pytest.raises(HilumError, match="the images of d: expected preprocessed as those of a"):
        PooledStore(stores | {"d": store_of(0, 2, size=16)})


def test_batches_of_a_pool_do_not_depend_on_the_order_of_the_data_sets(stores):
    def content(order):
        pool = PooledStore({name: stores[name] for name in order})
        images = [image for name in order for image in pooled_ids(name, stores[name].image_ids)]
        batches = Batches(pool, images, 4, seed=3, shuffle=True, drop_last=False)
        return [(batch.images.numpy().tobytes(), batch.keys.tolist()) for batch in batches]

    assert content("abc") == content("cab")


def test_the_random_draws_of_an_image_do_not_depend_on_what_else_is_in_the_pool(stores):
    def keys(names):
        pool = PooledStore({name: stores[name] for name in names})
        batches = Batches(pool, pooled_ids("a", "012"), 3, seed=3, shuffle=True, drop_last=True)
        return [batch.keys.tolist() for batch in batches]

    assert keys("ab") == keys("abc")
