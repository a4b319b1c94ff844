import base64
import re
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from hilum.data.collections import empty_rejected
from hilum.data.doctor import CheckedDataset, Diagnosis, Issue, diagnose
from hilum.data.doctor.images import describe
from hilum.data.doctor.measurements import ImageMeasurements
from hilum.data.duplicates import thumbnail
from hilum.notes import Code, note
from hilum.report.pages import write_doctor_page


def canvas(number: int) -> np.ndarray:
    coarse = np.random.default_rng(number).integers(0, 256, (9, 9), dtype=np.uint8)
    return cv2.resize(coarse, (300, 200), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def diagnosis(tmp_path: Path) -> Diagnosis:
    """Three images, two of which are one image in two parts; a name that is HTML."""
    ids = ["one", "<b>two</b>", "three"]
    manifest = pl.DataFrame(
        {
            "image_id": ids,
            "path": ids,
            "patient_id": ["p", "q", "r"],
            "study_id": pl.Series([None] * 3, dtype=pl.String),
            "view": ["PA", "PA", "AP"],
            "age": [30.0, 50.0, None],
            "sex": ["F", "M", None],
            "split": ["train", "test", "train"],
            "Mass": pl.Series([1, 0, None], dtype=pl.Int8),
        }
    )
    images = [canvas(0), canvas(0), canvas(1)]
    rows = [
        {"reason": None, "likeness": 0.5 - number / 10} | vars(describe(image)) for number, image in enumerate(images)
    ]
    table = pl.DataFrame(rows, schema_overrides={"reason": pl.String}).insert_column(0, manifest["image_id"])
    measured = ImageMeasurements(table, np.array([thumbnail(image) for image in images]))
    return diagnose(
        [
            CheckedDataset(
                "ours", "folder", tmp_path, manifest, empty_rejected(), [note(Code.UNCODED, text="read as reported")]
            )
        ],
        [measured],
    )


@pytest.fixture
def page(diagnosis: Diagnosis, tmp_path: Path) -> str:
    write_doctor_page(diagnosis, lambda data_set, image_id: canvas(image_id == "three"), tmp_path / "doctor.html")
    return (tmp_path / "doctor.html").read_text(encoding="utf-8")


def test_the_page_needs_nothing_beside_it(page):
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "<script src" not in page


def test_the_worst_comes_first_with_what_to_do(page):
    headings = re.findall(r'<span class="severity">(\w+)</span> ([^<]+) <', page)
    assert headings[0] == ("error", "Duplicates across the split")
    order = ["error", "warning", "note"]
    assert [severity for severity, _ in headings] == sorted((s for s, _ in headings), key=order.index)
    assert "Keep each image in one part only" in page
    assert "fix the errors before anything is trained" in page


def test_pairs_stand_side_by_side_small_and_whole(page):
    pair = re.search(r'<div class="pair">(.*?)</div>', page, flags=re.DOTALL)[1]
    sources = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', pair)
    shown = [cv2.imdecode(np.frombuffer(base64.b64decode(source), np.uint8), 0) for source in sources]
    assert [image.shape for image in shown] == [(117, 176)] * 2
    assert np.abs(shown[0].astype(int) - cv2.resize(canvas(0), (176, 117), interpolation=cv2.INTER_AREA)).mean() < 4
    assert "patient p · train" in pair
    assert "patient q · test" in pair


def test_names_are_text_and_never_markup(page):
    assert "<b>two</b>" not in page
    assert "&lt;b&gt;two&lt;/b&gt;" in page


def test_atypical_images_are_shown_least_typical_first(page):
    section = page[page.index('id="atypical"') : page.index('id="counts"')]
    assert re.findall(r'alt="([^"]+)"', section) == ["three", "&lt;b&gt;two&lt;/b&gt;", "one"]
    assert "ours · 0.300" in section


def test_what_reading_the_tables_stated_is_reported(page):
    assert "ours: read as reported" in page


def test_an_image_without_an_image_leaves_a_gap(diagnosis, tmp_path):
    write_doctor_page(diagnosis, lambda data_set, image_id: None, tmp_path / "doctor.html")
    text = (tmp_path / "doctor.html").read_text(encoding="utf-8")
    assert "data:image" not in text
    assert "no image" in text


def test_images_beyond_those_shown_are_counted(diagnosis, tmp_path):
    many = Issue(
        "note", "bars", "ours", "message", "fix", ["one", "three", *(f"gone {number}" for number in range(20))]
    )
    only = Diagnosis(
        diagnosis.data_sets,
        "official",
        [many],
        *(getattr(diagnosis, name) for name in ("counts", "missing", "images", "copies")),
    )
    write_doctor_page(only, lambda data_set, image_id: canvas(0), tmp_path / "doctor.html")
    assert "20 more in doctor.parquet" in (tmp_path / "doctor.html").read_text(encoding="utf-8")


def test_nothing_found_is_reported(diagnosis, tmp_path):
    sound = Diagnosis(
        diagnosis.data_sets,
        "official",
        [],
        *(getattr(diagnosis, name) for name in ("counts", "missing", "images", "copies")),
    )
    write_doctor_page(sound, lambda data_set, image_id: None, tmp_path / "doctor.html")
    assert "No issues were found." in (tmp_path / "doctor.html").read_text(encoding="utf-8")
