import json

import polars as pl
import pytest

from hilum.data.pseudonyms import own_salt, pseudonym, sealed
from hilum.errors import HilumError
from hilum.evaluate import TrainedOn, read_trained_on


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


OTHER = b"the salt of another site"


def judged(*patients, images=None):
    return pl.DataFrame(
        {"image_id": images or [f"{n}.png" for n in range(len(patients))], "patient_id": list(patients)}
    )


def test_a_card_names_patients_by_pseudonyms_and_still_finds_them():
    known = TrainedOn("card.json", frozenset(sealed(["ours:17", "chestxray14:13"])))
    assert known.problems_of(judged("18", "14", "ours:18", *sealed(["ours:19"]))) == []
    for patient in ("17", "ours:17", "13", *sealed(["ours:17"]), pseudonym("17", own_salt())):
        (problem,) = known.problems_of(judged("18", patient))
        assert problem.startswith("patient_id: 1 patients are among those trained on, says card.json (")


def test_what_cannot_be_compared_is_a_problem_and_not_a_no():
    known = TrainedOn("card.json", frozenset(sealed(["ours:17"], OTHER)))
    (problem,) = known.problems_of(judged("18"))
    assert problem.startswith(
        "patient_id: whether patients are among those of card.json cannot be told: the ledger has"
    )
    assert "set HILUM_PATIENT_SALT to the salt" in problem
    assert known.problems_of(judged("chestxray14:18")) == []


def test_images_without_patient_ids_meet_as_images():
    known = TrainedOn("card.json", frozenset(sealed(["ours:?a.png"])))
    assert len(known.problems_of(judged("a.png", images=["a.png"]))) == 1
    assert known.problems_of(judged("b.png", images=["b.png"])) == []
    (problem,) = known.problems_of(judged("17", images=["b.png"]))
    assert "without patient ids   write the patient ids, or judge others" in problem
