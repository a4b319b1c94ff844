from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import hilum.cli


@pytest.fixture
def results(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    label = draw.random(120) < 0.4
    for name, signal in (("mine", 1.5), ("theirs", 0.2)):
        table = pl.DataFrame(
            {
                "image_id": [f"{i:04d}" for i in range(120)],
                "patient_id": [str(i // 2) for i in range(120)],
                "split": ["test"] * 120,
                "y_Mass": label.astype(int),
                "p_Mass": 1 / (1 + np.exp(-signal * label - draw.standard_normal(120))),
            }
        )
        table.write_csv(tmp_path / f"{name}.csv")
    return tmp_path


def run(*words: object):
    return CliRunner().invoke(hilum.cli.make_app(), ["report", *map(str, words)], catch_exceptions=True)


def test_predictions_in_a_folder_become_a_page(results):
    answer = run(results, "--reference", "theirs", "--n-bootstrap", 100, "--question", "Is mine better?")
    assert answer.exit_code == 0, answer.output
    assert "mine beats theirs" in answer.output
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "Is mine better?" in page
    assert (results / "tables/results_auroc.csv").is_file()


def test_a_second_page_is_the_same_and_does_not_take_its_own_tables_for_results(results):
    run(results, "--n-bootstrap", 100)
    first = (results / "report.html").read_bytes()
    answer = run(results, "--n-bootstrap", 100)
    assert answer.exit_code == 0, answer.output
    assert (results / "report.html").read_bytes() == first


def test_the_page_of_a_study_is_not_replaced_by_one_that_tells_less(results):
    (results / "plan.json").write_text("[]")
    (results / "report.html").write_text("the study's own")
    assert run(results, "--n-bootstrap", 100).exit_code == 0
    assert (results / "report.html").read_text() == "the study's own"
    assert (results / "report" / "report.html").is_file()


def test_an_empty_folder_is_refused(tmp_path):
    answer = run(tmp_path)
    assert answer.exit_code != 0
    assert "none of them" in str(answer.exception)
