from itertools import pairwise

import polars as pl
import pytest

from hilum.data.collections import read_collection
from hilum.data.doctor import as_checked_dataset
from hilum.data.doctor.counts import AGE_BANDS, banded, count, missing
from hilum.phantom.layouts import LAYOUTS, write_layout


def test_every_code_is_counted_once(images, data_set):
    manifest = images(
        list("ppqq"),
        split=["train", "train", "test", None],
        view=["PA", "PA", "AP", None],
        sex=["F", "F", "M", None],
        age=[30, 31, 80, None],
        Mass=[1, 1, -1, None],
    )
    assert count([data_set(manifest)]).rows() == [
        ("ours", "train", "Mass", "PA", "F", "18–39", 2, 1, 2, 1, 0, 0, 0),
        ("ours", "test", "Mass", "AP", "M", "80+", 1, 1, 0, 0, 1, 0, 0),
        ("ours", "unlisted", "Mass", "unknown", "unknown", "unknown", 1, 1, 0, 0, 0, 0, 1),
    ]


def test_a_data_set_without_labels_is_counted_too(images, data_set):
    counted = count([data_set(images(["p", "q"]))])
    assert counted.select("finding", "images", "patients").rows() == [(None, 2, 2)]


@pytest.mark.parametrize(
    ("age", "band"),
    [(0, "0–17"), (17.9, "0–17"), (18, "18–39"), (39, "18–39"), (79, "60–79"), (80, "80+"), (120, "80+")],
)
def test_ages_fall_into_bands(images, age, band):
    assert banded(images(["p"], age=[age]))["age_band"].to_list() == [band]


def test_bands_leave_no_gap():
    assert all(below == start for (_, _, below), (_, start, _) in pairwise(AGE_BANDS))


def test_shares_of_what_is_missing(images, data_set):
    table = missing([data_set(images(list("pqrs"), sex=["F", None, "M", "F"], Mass=[1, None, None, None]))])
    shares = dict(table.select("column", "share").iter_rows())
    assert shares == {"view": 1, "age": 1, "sex": 0.25, "study_id": 1, "split": 1, "Mass": 0.75}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_generated_images_of_every_layout_are_counted_as_they_were_made(layout, tmp_path, data_set):
    written = write_layout(layout, tmp_path / "images", images=4, size=32, seed=1)
    labels = tmp_path / "images" / "labels.csv" if layout == "folder" else None
    read = as_checked_dataset(read_collection(layout, tmp_path / "images", labels=labels))
    known = data_set(written.manifest, read.name, layout)
    assert count([read]).equals(count([known]))
    assert count([read]).group_by("finding").agg(pl.col("images").sum())["images"].unique().to_list() == [4]
