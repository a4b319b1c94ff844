import json
import re

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.errors import HilumError
from hilum.evaluation import auroc


@pytest.fixture
def tables(tmp_path):
    """Two models on two test sets, good at home and bad away; "there" has one finding more."""
    for number, (trained, tested) in enumerate([("here", "here"), ("here", "there"), ("there", "there")]):
        images, scores = np.random.default_rng(tested == "there"), np.random.default_rng([number, 9])
        columns = {
            "image_id": [f"{tested}{i}" for i in range(300)],
            "patient_id": [f"{tested}:{i // 2}" for i in range(300)],
            "split": ["test"] * 300,
        }
        for finding in ("Mass", "Edema", *(["Hernia"] if tested == "there" else [])):
            label = images.random(300) < 0.3
            columns[f"y_{finding}"] = label.astype(int)
            signal = 2.5 if trained == tested else 0.5
            columns[f"p_{finding}"] = 1 / (1 + np.exp(-signal * label - scores.normal(size=300)))
        pl.DataFrame(columns).write_parquet(tmp_path / f"{trained}-{tested}.parquet")
    return tmp_path


def run(*words: object):
    return CliRunner().invoke(hilum.cli.make_app(), [str(word) for word in words])


def cells(tables, *pairs):
    return [f"{pair}={tables / pair.replace(':', '-')}.parquet" for pair in pairs]


EVERY = ("here:here", "here:there", "there:there")


def test_the_matrix_is_written_and_printed_with_the_drop(tables, tmp_path):
    ran = run("external-validation", *cells(tables, *EVERY), "--out", tmp_path / "out", "--n-bootstrap", 200)
    assert ran.exit_code == 0, ran.output
    written = pl.read_parquet(tmp_path / "out" / "external.parquet")
    row = written.row(
        by_predicate=(pl.col("trained_on") == "here")
        & (pl.col("tested_on") == "there")
        & (pl.col("finding") == "Mass"),
        named=True,
    )
    away, home = (pl.read_parquet(tables / name) for name in ("here-there.parquet", "here-here.parquet"))
    assert row["estimate"] == auroc(away["y_Mass"], away["p_Mass"])
    assert row["generalisation_gap"] == pytest.approx(auroc(home["y_Mass"], home["p_Mass"]) - row["estimate"])
    assert row["in_distribution"] is not None
    assert "there: 300 images of 150 patients · split test" in ran.stdout
    assert "findings that are not in all tables are excluded: Hernia" in ran.stdout
    assert (tmp_path / "out" / "external.csv").exists()


def test_json_is_pure_and_says_what_was_tested_on_what(tables, tmp_path):
    ran = run("external-validation", *cells(tables, *EVERY), "--out", tmp_path / "out", "--n-bootstrap", 100, "--json")
    reported = json.loads(ran.stdout)
    assert [(cell["trained_on"], cell["tested_on"], cell["images"]) for cell in reported["cells"]] == [
        ("here", "here", 300), ("here", "there", 300), ("there", "there", 300),
    ]  # fmt: skip
    assert reported["external"] == pl.read_parquet(tmp_path / "out" / "external.parquet").to_dicts()


def test_the_report_of_the_folder_shows_the_matrix(tables, tmp_path):
    run("external-validation", *cells(tables, *EVERY), "--out", tmp_path / "out", "--n-bootstrap", 100)
    answer = run("report", tmp_path / "out", "--n-bootstrap", 100)
    assert answer.exit_code == 0, answer.output
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "External validation" in page
    assert "Tested on there" in page


def test_several_tables_of_one_pair_are_seeds(tables, tmp_path):
    pairs = cells(tables, "here:here", "here:there", "here:there")
    ran = run("external-validation", *pairs, "--out", tmp_path / "out", "--n-bootstrap", 100, "--json")
    assert [len(cell["predictions"]) for cell in json.loads(ran.stdout)["cells"]] == [1, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["here=a.csv"], r"TRAINED:TESTED=FILE: expected two data sets and a file; found 'here=a.csv'"),
        (["here:here=a.csv"], r"expected at least one external test set; found here:here"),
        (["a:b=a.csv", "--trained-on", "b=card.json"], r"--trained-on: expected TRAINED=FILE, TRAINED one of a;"),
        (["a:b=none.csv"], r"none.csv: expected a table of predictions; found no such file"),
    ],
)
def test_what_cannot_be_meant_is_refused(words, message, tmp_path):
    ran = run("external-validation", *words, "--out", tmp_path / "out")
    assert isinstance(ran.exception, HilumError)
    assert re.search(message, str(ran.exception)), ran.exception
    assert not (tmp_path / "out").exists()


def test_a_patient_that_a_model_was_trained_on_is_refused_away_from_home_too(tables, tmp_path):
    (tmp_path / "trained.txt").write_text("there:7\n")
    ran = run(
        "external-validation",
        *cells(tables, *EVERY),
        "--trained-on",
        f"here={tmp_path / 'trained.txt'}",
        "--out",
        tmp_path / "out",
    )
    assert "1 training patient of" in str(ran.exception)
