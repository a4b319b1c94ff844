"""Whose images a pretraining outside of a study learns from."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from hilum.data.collections import Dataset
from hilum.data.store import NamedData
from hilum.errors import HilumError
from hilum.runs.pools.pooling import PooledImages, PoolPart
from hilum.runs.pools.pretraining_pool import pool_of_all, pretraining_pool, without_excluded_elsewhere


@pytest.fixture
def data():
    """60 images of 30 patients; patients 0 to 9 are on the official test list with their first image only."""
    rows = range(60)
    listed = [None if row % 2 and row < 20 else "test" if row < 20 else "train" for row in rows]
    manifest = pl.DataFrame(
        {
            "image_id": [f"f{row}" for row in rows],
            "path": [f"f{row}.png" for row in rows],
            "patient_id": [f"p{row // 2}" for row in rows],
            "study_id": ["s"] * 60,
            "view": ["PA"] * 60,
            "age": [50.0] * 60,
            "sex": ["F"] * 60,
            "split": listed,
        }
    )
    return NamedData("cxr", Dataset(manifest, None, Path("nowhere"), "chestxray14", [], {}), "chestxray14")


def unlisted(data):
    manifest = data.manifest.with_columns(pl.lit(None, pl.String).alias("split"))
    return replace(data, dataset=replace(data.dataset, manifest=manifest))


def test_all_images_of_official_test_patients_are_left_out_also_those_on_no_list(data):
    every = data.manifest["image_id"].to_list()
    pool = pretraining_pool(data, every)
    assert pool.image_ids == every[20:]
    assert pool.title.startswith("cxr, all but test of official-val20-s0 (")
    assert "20 images of 10 test patients were excluded" in map(str, pool.notes)


def test_images_that_cannot_be_read_are_counted(data):
    pool = pretraining_pool(data, [f"f{row}" for row in range(30, 60)])
    assert len(pool.image_ids) == 30
    assert str(pool.notes[0]) == "30 unreadable images were excluded"
    with pytest.raises(HilumError, match="images to train on; found none"):
        pretraining_pool(data, [])


def test_without_an_official_list_all_images_are_learnt_from_and_patients_may_be_kept_apart(data):
    images = unlisted(data)
    every = images.manifest["image_id"].to_list()
    pool = pretraining_pool(images, every)
    assert (pool.image_ids, pool.title) == (every, "cxr, all images")
    assert "no official test list" in str(pool.notes[0])
    apart = pretraining_pool(images, every, split="patients", exclude=("val", "test"))
    assert len(apart.image_ids) == 36
    assert "val and test of patients-60-20-20-s0" in apart.title


def test_test_patients_are_learnt_from_only_when_nothing_is_excluded(data):
    every = data.manifest["image_id"].to_list()
    assert pretraining_pool(data, every, exclude=()).image_ids == every
    with pytest.raises(HilumError, match="expected train, val or test; found dev"):
        pretraining_pool(data, every, exclude=("dev",))


def test_a_share_is_of_patients_and_a_smaller_one_is_in_a_larger_one(data):
    every = data.manifest["image_id"].to_list()
    half, tenth = (pretraining_pool(data, every, percent=percent) for percent in (50, 10))
    assert (len(half.image_ids), len(tenth.image_ids)) == (20, 4)  # of 20 patients with two images each
    assert set(tenth.image_ids) < set(half.image_ids)
    assert half.title.endswith("50 % of the patients at random (s0)")
    other = pretraining_pool(data, every, percent=50, seed=1)
    assert other.image_ids != half.image_ids


def test_test_patients_of_one_data_set_are_not_learnt_from_under_the_name_of_another(data):
    """As with RSNA's images, which are ChestX-ray14's: same patients, other images, no list."""
    again = unlisted(data)
    renamed = again.manifest.with_columns(pl.format("r{}", "image_id").alias("image_id"))
    again = replace(again, name="again", dataset=replace(again.dataset, manifest=renamed))
    sets = {"cxr": data, "again": again}
    pools = {name: pretraining_pool(each, each.manifest["image_id"].to_list()) for name, each in sets.items()}
    assert (len(pools["cxr"].image_ids), len(pools["again"].image_ids)) == (40, 60)
    cleared = without_excluded_elsewhere(sets, pools)
    assert cleared["cxr"] == pools["cxr"]
    assert cleared["again"].image_ids == [f"rf{row}" for row in range(20, 60)]
    assert "20 images of patients that another data set excludes were excluded" in map(str, cleared["again"].notes)


def test_what_is_reported_of_several_data_sets_names_each_and_counts_shared_patients(data):
    every = data.manifest["image_id"].to_list()
    pool = pretraining_pool(data, every)
    assert pool_of_all({"cxr": pool}, PooledImages(None, [], [], [], [])) is pool
    parts = [PoolPart("cxr", 40, 20), PoolPart("again", 40, 20)]
    people = [f"chestxray14:p{row // 2}" for row in range(40)]
    joined = pool_of_all({"cxr": pool, "again": pool}, PooledImages(None, ["a"], [], people, parts))
    assert joined.title.count(" (40 images of 20 patients)") == 2
    assert "20 patients are in more than one of the data sets" in map(str, joined.notes)
