"""Hilum from Python: the page docs/tutorials/python.md is run, block after block, and its first block is a notebook's 25
lines."""

import doctest
import importlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import hilum
from hilum.cli import make_app
from hilum.errors import HilumError
from hilum.phantom import write_layout
from hilum.study.generate import write_labels

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs/tutorials/python.md").read_text(encoding="utf-8"), flags=re.DOTALL
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What is there after all blocks of the page have run, in a folder with images and labels.csv."""
    folder = tmp_path_factory.mktemp("python")
    write_layout("chestxray14", folder / "CXR8", images=80, size=40, seed=0)
    shutil.copytree(folder / "CXR8" / "images", folder / "images")
    write_labels(folder / "CXR8", folder / "labels.csv")
    labels = (folder / "labels.csv").read_text(encoding="utf-8").replace("CXR8/images/", "")
    (folder / "labels.csv").write_text(labels, encoding="utf-8")
    namespace: dict[str, Any] = {"folder": folder}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in BLOCKS:
            exec(compile(block, "docs/tutorials/python.md", "exec"), namespace)
        yield namespace


def test_the_first_block_is_a_notebook_of_at_most_25_lines():
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    assert len(lines) <= 25
    for verb in ("pretrain", "probe", "finetune", "evaluate", "compare", "explain"):
        assert f"hilum.{verb}(" in BLOCKS[0]


def test_the_heat_map_of_one_image_is_on_the_whole_image(page):
    assert page["heat_map"].shape == (224, 224)
    assert np.isfinite(page["heat_map"]).all()
    assert page["heat_map"].min() >= 0
    with pytest.raises(HilumError, match="no map"):
        page["maps"].heat_map(page["image_id"], "Hernia")


@pytest.mark.parametrize("name", ["encoder", "probed", "tuned", "numbers", "gain", "maps"])
def test_results_print_and_give_their_tables(page, name):
    result = page[name]
    assert type(result).__name__ in repr(result)
    assert type(result).__name__ in result._repr_html_()
    assert "<table" in result._repr_html_()
    assert result.tables
    assert all(isinstance(table, pl.DataFrame) for table in result.tables.values())
    assert result.directory is None or (page["folder"] / result.directory).is_dir()


def test_numbers_from_python_are_those_of_the_command_line(page, tmp_path):
    given = str(page["folder"] / page["tuned"].predictions)
    arguments = ["evaluate", given, "--n-bootstrap", "100", "--out", str(tmp_path / "cli")]
    answer = CliRunner().invoke(make_app(), arguments)
    assert answer.exit_code == 0, answer.output
    assert pl.read_parquet(tmp_path / "cli" / "metrics.parquet").equals(page["numbers"].metrics)


def test_patients_of_the_test_are_apart_and_scored_once(page):
    tuned = page["tuned"]
    table = pl.read_parquet(page["folder"] / tuned.predictions)
    assert set(table["split"]) == {"val", "test"}
    assert table["image_id"].n_unique() == len(table) == tuned.about["images"]["val"] + tuned.about["images"]["test"]
    sides = [set(table.filter(split=side)["patient_id"]) for side in ("val", "test")]
    assert sides[0].isdisjoint(sides[1])
    tested = [f"ours:{patient}" for patient in sides[1]]
    assert not tuned.card.ledger.contains(tested).any()
    assert not (page["folder"] / tuned.model / "predictions.parquet").exists()


def test_a_run_that_is_done_is_found_done_and_another_seed_is_not(page):
    settings = {"init": page["encoder"], "split": "patients", "settings": {"epochs": 1}}
    again = hilum.finetune(page["ours"], "runs/tuned", **settings, **page["same"])
    assert again.about["was_done"]
    other = hilum.finetune(page["ours"], "runs/other", **settings, **(page["same"] | {"seed": 1}))
    assert not other.about["was_done"]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"settings": {"epoch": 1}}, "do you mean epochs?"),
        ({"settings": {"epochs": "many"}}, "epochs: "),
        ({"label_fraction": 2}, "above 0, at most 1"),
        ({"encoder": None}, "an encoder or initial weights"),
        ({"findings": ["Mas"]}, "Mas"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(page, tmp_path, wrong, expected):
    with pytest.raises(HilumError, match=re.escape(expected)):
        hilum.finetune(page["ours"], tmp_path / "out", **({"encoder": "resnet18", "labels": "labels.csv"} | wrong))
    assert not (tmp_path / "out").exists()


def test_a_loaded_classifier_gives_the_probabilities_that_were_scored(page):
    classifier, tuned = page["classifier"], page["tuned"]
    row = pl.read_parquet(page["folder"] / tuned.predictions).filter(split="test").row(0, named=True)
    image = classifier.preprocess(page["folder"] / "images" / row["image_id"])
    given = classifier(image)[0].tolist()
    assert given == pytest.approx([row[f"p_{finding}"] for finding in classifier.findings], abs=2e-3)
    assert set(classifier.thresholds) == set(classifier.findings)


@pytest.mark.parametrize("name", hilum.__all__)
def test_examples_of_the_face_do_what_they_show(name):
    function = getattr(hilum, name)
    assert ">>>" in function.__doc__
    found = doctest.DocTestFinder(recurse=False).find(function, name, importlib.import_module(function.__module__))
    for each in found:
        runner = doctest.DocTestRunner()
        runner.run(each)
        assert not runner.failures


def test_a_scale_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(HilumError, match="scale: expected full or tiny; found 'nano'"):
        hilum.run_study("demo", tmp_path / "out", scale="nano")
    assert not (tmp_path / "out").exists()
