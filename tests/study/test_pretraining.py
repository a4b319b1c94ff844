"""Whose films a pretraining outside of a study learns from."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from hilum.data.collections import Collected
from hilum.data.named import NamedData
from hilum.errors import HilumError
from hilum.study.pretraining import pretraining_pool


@pytest.fixture
def data():
    """60 films of 30 patients; patients 0 to 9 are on the official test list with their first film only."""
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
    return NamedData("cxr", Collected(manifest, None, Path("nowhere"), "chestxray14", [], {}), "chestxray14")


def unlisted(data):
    manifest = data.manifest.with_columns(pl.lit(None, pl.String).alias("split"))
    return replace(data, collected=replace(data.collected, manifest=manifest))


def test_all_films_of_official_test_patients_are_left_out_also_those_on_no_list(data):
    every = data.manifest["image_id"].to_list()
    pool = pretraining_pool(data, every)
    assert pool.image_ids == every[20:]
    assert pool.title.startswith("cxr, all but test of official-val20-s0 (")
    assert "20 films of 10 test patients are not learnt from" in pool.notes


def test_films_that_cannot_be_read_are_counted(data):
    pool = pretraining_pool(data, [f"f{row}" for row in range(30, 60)])
    assert len(pool.image_ids) == 30
    assert pool.notes[0] == "30 films could not be read and were set aside"
    with pytest.raises(HilumError, match="films to learn from; found none"):
        pretraining_pool(data, [])


def test_without_an_official_list_all_films_are_learnt_from_and_patients_may_be_kept_apart(data):
    films = unlisted(data)
    every = films.manifest["image_id"].to_list()
    pool = pretraining_pool(films, every)
    assert (pool.image_ids, pool.title) == (every, "cxr, all films")
    assert "no official test list" in pool.notes[0]
    apart = pretraining_pool(films, every, split="patients", exclude=("val", "test"))
    assert len(apart.image_ids) == 36
    assert "val and test of patients-60-20-20-s0" in apart.title


def test_test_patients_are_learnt_from_only_when_nothing_is_excluded(data):
    every = data.manifest["image_id"].to_list()
    assert pretraining_pool(data, every, exclude=()).image_ids == every
    with pytest.raises(HilumError, match="expected train, val or test; found dev"):
        pretraining_pool(data, every, exclude=("dev",))
