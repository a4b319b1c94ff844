"""Ingest, doctor and preview from Python: results print, know their directory, and are those of the commands."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import hilum
from hilum.cli import make_app
from hilum.errors import HilumError
from hilum.phantom import write_layout


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "CXR8"
    write_layout("chestxray14", folder, images=12, size=32, seed=0)
    return folder


def test_ingest_gives_the_tables_that_it_writes(root, tmp_path):
    result = hilum.ingest("chestxray14", root, tmp_path / "out")
    for name, table in result.tables.items():
        assert pl.read_parquet(tmp_path / "out" / f"{name}.parquet").equals(table)
    words = ["ingest", "chestxray14", str(root), "--out", str(tmp_path / "cli"), "--json"]
    assert json.loads(CliRunner().invoke(make_app(), words).stdout) == json.loads(json.dumps(result.about))
    assert result.findings["positive"].sum() > 0
    assert "12 images of" in repr(result)
    with pytest.raises(HilumError, match="expected a new folder"):
        hilum.ingest("chestxray14", root, root)


def test_doctor_gives_the_tables_that_it_writes(root, tmp_path):
    result = hilum.doctor("chestxray14", root, tmp_path / "out", workers=1)
    assert pl.read_parquet(tmp_path / "out" / "doctor.parquet").equals(result.tables["issues"])
    assert len(result.tables["images"]) == 12
    assert result.page.is_file()
    assert result.has_errors == any(issue["severity"] == "error" for issue in result.about["issues"])
    assert len(result.row_notes) == len(result.issues)
    assert result.notes == []
    assert all(issue.message in repr(result) for issue in result.issues)
    assert "DoctorResult" in result._repr_html_()
    ingested = hilum.ingest("chestxray14", root, tmp_path / "ingested").directory
    both = hilum.doctor("chestxray14", root, tmp_path / "both", also={"ingested": ingested}, workers=1)
    assert [one["images"] for one in both.about["data_sets"]] == [12, 12]
    assert sum(both.about["copies"].values()) >= 12


@pytest.mark.parametrize("name", ["sheet.html", "sheet.png"])
def test_preview_shows_a_recipe_given_as_steps(root, tmp_path, name):
    steps = [{"square": "crop"}, {"resize": 24}]
    result = hilum.preview(root / "images", tmp_path / name, recipe=steps, count=3)
    assert result.sheet.stat().st_size > 1000
    assert result.about["images"] == 3
    assert "resize: 24" in result.about["preprocess"]
