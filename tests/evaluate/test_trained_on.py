import json

import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.evaluate import read_trained_on


def test_a_card_names_its_patients_with_their_collection(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps({"patients_seen": ["chestxray14:00000013"]}))
    for path in (tmp_path, tmp_path / "card.json"):
        assert read_trained_on(path).patients == {"chestxray14:00000013"}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_of_a_table_with_splits_only_training_and_validation_count(tmp_path, kind):
    table = pl.DataFrame({"patient_id": ["007", "008", "009"], "split": ["train", "test", "val"]})
    getattr(table, f"write_{kind}")(tmp_path / f"t.{kind}")
    assert read_trained_on(tmp_path / f"t.{kind}").patients == {"007", "009"}


def test_a_text_file_holds_one_patient_a_line(tmp_path):
    (tmp_path / "patients.txt").write_text("007\n\n 008 \n")
    assert read_trained_on(tmp_path / "patients.txt").patients == {"007", "008"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("card.json", "{}", "expected a card with patients_seen"),
        ("card.json", "no json", "expected a card with patients_seen"),
        ("t.csv", "name\n1\n", "expected patients or images that were trained on; found none"),
        ("t.txt", "\n", "found none"),
    ],
)
def test_what_names_nobody_is_refused(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(HilumError, match=said):
        read_trained_on(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(HilumError, match="no such file"):
        read_trained_on(tmp_path / "absent.csv")
