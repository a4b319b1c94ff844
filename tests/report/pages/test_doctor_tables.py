from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.data.collections import empty_rejected
from hilum.data.doctor import CheckedDataset, diagnose
from hilum.data.doctor.images import describe
from hilum.data.doctor.measurements import ImageMeasurements
from hilum.data.duplicates import thumbnail
from hilum.report.pages import tables


@pytest.fixture
def made(tmp_path: Path) -> dict[str, list[list[str]]]:
    ids = [f"a{number}" for number in range(4)]
    manifest = pl.DataFrame(
        {
            "image_id": ids,
            "path": ids,
            "patient_id": ["p", "p", "q", "r"],
            "study_id": pl.Series([None] * 4, dtype=pl.String),
            "view": ["PA", "PA", "AP", None],
            "age": [30.0, 31.0, 50.0, None],
            "sex": ["F", "F", "M", None],
            "split": ["train", "train", "test", None],
            "Mass": pl.Series([1, 0, -1, None], dtype=pl.Int8),
        }
    )
    images = [np.random.default_rng(number).integers(0, 256, (70, 80), dtype=np.uint8) for number in range(4)]
    rows = [{"reason": None, "likeness": None} | vars(describe(image, "png")) for image in images]
    types = {"reason": pl.String, "likeness": pl.Float64}
    table = pl.DataFrame(rows, schema_overrides=types).insert_column(0, manifest["image_id"])
    measured = ImageMeasurements(table, np.array([thumbnail(image) for image in images]))
    diagnosis = diagnose([CheckedDataset("ours", "folder", tmp_path, manifest, empty_rejected())], [measured])
    return {
        table.name: [[column.title for column in table.columns], *([cell.text for cell in row] for row in table.rows)]
        for table in tables(diagnosis)
    }


def test_images_are_counted_by_split(made):
    assert made["images"][1:] == [
        ["ours", "train", "2", "1", "100.0 %", "30–31–31", "PA"],
        ["ours", "test", "1", "1", "0.0 %", "50–50–50", "AP"],
        ["ours", "unlisted", "1", "1", "–", "–", "unknown"],
    ]


def test_findings_are_counted_by_code_and_split(made):
    assert made["findings"] == [
        ["finding", "positive", "uncertain", "not mentioned", "train", "test", "unlisted"],
        ["Mass", "1", "1", "1", "1", "0", "0"],
    ]


def test_shares_are_of_the_images_that_say_yes_or_no(made):
    assert made["subgroups"] == [
        ["finding", "PA", "AP", "unknown", "F", "M", "18–39", "40–59"],
        ["Mass", "50.0 %", "–", "–", "50.0 %", "–", "50.0 %", "–"],
    ]


def test_images_are_summed_up(made):
    assert made["pixel_statistics"][1][:5] == ["ours", "4", "png", "8 bits", "80 × 70"]
    assert made["pixel_statistics"][1][-1] == "–"


def test_what_is_blank_is_listed_and_what_is_not_is_left_out(made):
    assert ["ours", "age", "1", "25.0 %"] in made["missing"]
    assert ["ours", "study_id", "4", "100.0 %"] in made["missing"]
    assert all(width == len(table[0]) for table in made.values() for width in map(len, table))
