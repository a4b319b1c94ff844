import json

import pytest
from typer.testing import CliRunner

from hilum.cli import make_app
from hilum.errors import HilumError
from hilum.findings import SHORT_NAMES, findings_by_collection, labelled_by


def shown(*words: str) -> str:
    answer = CliRunner().invoke(make_app(), ["findings", *words], catch_exceptions=False)
    assert answer.exit_code == 0
    return answer.output


def test_the_table_has_a_row_a_finding_and_fits_a_terminal_of_100_columns():
    lines = shown().splitlines()
    names = [row.finding for row in findings_by_collection()]
    assert [line[:27].rstrip() for line in lines[1 : 1 + len(names)]] == names
    assert max(len(line.rstrip()) for line in lines) <= 100
    widest = max(map(len, names)) + sum(2 + len(short) for short in SHORT_NAMES.values())
    assert widest <= 100, "with every collection labelled"


def test_a_mark_stands_below_every_collection_that_labels_a_finding():
    head, *rows = shown().splitlines()
    emphysema = next(line for line in rows if line.startswith("Emphysema "))
    nodule_or_mass = next(line for line in rows if line.startswith("Nodule/Mass "))
    assert emphysema[head.index("CXR14")] == "x"
    assert emphysema[head.index("CheXp")] == " "
    assert nodule_or_mass[head.index("CXR14")] == "+"


def test_a_collection_is_listed_with_its_own_names():
    text = shown("--collection", "chestxray14")
    assert "Pleural_Thickening" in text
    assert "derived from Nodule, Mass" in text
    assert "Lung Lesion" not in text
    assert "no fixed findings" in shown("--collection", "folder")


def test_a_finding_is_listed_with_who_labels_it_by_any_spelling():
    lines = shown("--finding", "effusion").splitlines()
    assert lines[0].split() == ["collection", "name", "of", "Pleural", "Effusion"]
    assert ["chestxray14", "Effusion"] in [line.split() for line in lines]
    assert "No data set that Hilum reads labels Other." in shown("--finding", "Other")


def test_json_says_the_same():
    rows = json.loads(shown("--json"))
    assert {
        row["finding"]: row["labelled_by"].get("chexpert") for row in rows if "chexpert" in row["labelled_by"]
    } == dict(labelled_by("chexpert"))
    (both,) = json.loads(shown("--json", "--finding", "Nodule/Mass", "--collection", "chestxray14"))
    assert both == {
        "finding": "Nodule/Mass",
        "labelled_by": {},
        "follows_from": {"chestxray14": ["Nodule", "Mass"]},
    }


@pytest.mark.parametrize(
    ("words", "message"), [(("--collection", "mimic"), "one of"), (("--finding", "Edemo"), "Edema")]
)
def test_unknown_names_are_refused(words, message):
    with pytest.raises(HilumError, match=message):
        shown(*words)
