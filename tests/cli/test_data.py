import json

from typer.testing import CliRunner

import hilum.cli
from hilum.errors import HilumError
from hilum.phantom import write_layout


def run(*words: object):
    return CliRunner().invoke(hilum.cli.make_app(), ["data", *map(str, words)], catch_exceptions=True)


def test_the_list_has_every_data_set():
    rows = json.loads(run("list", "--json").output)
    assert {row["name"]: row["images"] for row in rows}["chestxray14"] == 112_120
    assert "vindr_cxr" in run("list").output


def test_where_names_terms_page_and_files():
    answer = run("where", "kermany")
    assert answer.exit_code == 0
    for text in ("CC BY 4.0", "data.mendeley.com/datasets/rscbjbr9sj", "train/NORMAL", "hilum data check FOLDER"):
        assert text in answer.output
    assert isinstance(run("where", "kermani").exception, HilumError)


def test_check_finds_out_what_a_folder_holds_and_fails_where_something_needed_is_missing(tmp_path):
    write_layout("tbx11k", tmp_path / "tb", images=24, size=32, seed=0)
    answer = run("check", tmp_path / "tb")
    assert answer.exit_code == 0, answer.output
    assert "tbx11k" in answer.output
    assert "fewer images than the data set" in answer.output
    answer = run("check", tmp_path / "tb", "--as", "kermany", "--json")
    assert answer.exit_code == 1
    assert not json.loads(answer.output)["readable"]


def test_check_of_a_folder_of_other_files_says_what_to_do(tmp_path):
    answer = run("check", tmp_path)
    assert isinstance(answer.exception, HilumError)
    assert "--as folder" in str(answer.exception)
