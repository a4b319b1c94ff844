import json

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hilum.data.patients import own_salt, pseudonym, pseudonymised_names
from hilum.errors import HilumError
from hilum.evaluation import TrainedOn, as_predictions, read_predictions, read_trained_on
from hilum.notes import Code


def test_a_card_names_its_patients_with_their_collection(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps({"training_patients": ["chestxray14:00000013"]}))
    for path in (tmp_path, tmp_path / "card.json"):
        assert read_trained_on(path).patients == {"chestxray14:00000013"}


def test_statements_of_authors_on_a_card_are_noted_since_a_table_cannot_be_compared_with_them(tmp_path, make_table):
    stated = {"collection": "chexpert", "certainty": "stated", "source": "a paper"}
    web = {"certainty": "not_stated", "source": "a paper"}
    for statements, codes in ([stated, web], [Code.STATEMENTS_NOT_COMPARED]), ([web], []), ([], []):
        card = {"training_patients": ["ours:of nobody here"], "statements": statements}
        (tmp_path / "card.json").write_text(json.dumps(card))
        read = as_predictions(make_table(), name="t", split="test", trained_on=read_trained_on(tmp_path))
        assert [each.code for each in read.notes if each.code is Code.STATEMENTS_NOT_COMPARED] == codes
    (tmp_path / "card.json").write_text(json.dumps({"training_patients": ["ours:1"], "statements": ["a sentence"]}))
    with pytest.raises(HilumError, match="expected statements of authors"):
        read_trained_on(tmp_path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_of_a_table_with_splits_only_training_and_validation_count(tmp_path, kind):
    table = pl.DataFrame({"patient_id": ["007", "008", "009"], "split": ["train", "test", "val"]})
    getattr(table, f"write_{kind}")(tmp_path / f"t.{kind}")
    assert read_trained_on(tmp_path / f"t.{kind}").patients == {"007", "009"}


def test_a_text_file_holds_one_patient_a_line(tmp_path):
    (tmp_path / "patients.txt").write_text("007\n\n 008 \n")
    assert read_trained_on(tmp_path / "patients.txt").patients == {"007", "008"}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("card.json", "{}", "expected a card with training_patients"),
        ("card.json", "no json", "expected a card with training_patients"),
        ("t.csv", "name\n1\n", "expected patients or images that were trained on; found none"),
        ("t.txt", "\n", "found none"),
    ],
)
def test_what_names_nobody_is_refused(tmp_path, name, content, expected):
    (tmp_path / name).write_text(content)
    with pytest.raises(HilumError, match=expected):
        read_trained_on(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(HilumError, match="no such file"):
        read_trained_on(tmp_path / "absent.csv")


PATIENTS = 12


def any_writing(draw: st.DrawFn, numbers: list[int]) -> pl.Series:
    """Patient ids as tables have them: with zeros, with .0, with blanks, as whole numbers or as floats."""
    kind = draw(st.sampled_from(["text", "int", "float", "decimal", "category"]))
    if kind == "int":
        return pl.Series(numbers, dtype=draw(st.sampled_from([pl.Int64, pl.UInt32, pl.Int16])))
    if kind == "float":
        return pl.Series(numbers, dtype=draw(st.sampled_from([pl.Float64, pl.Float32])))
    if kind == "decimal":
        return pl.Series(numbers).cast(pl.Decimal(20, 2))
    width, decimals, blank = (
        draw(st.integers(0, 10)),
        draw(st.sampled_from(["", ".0", "."])),
        draw(st.sampled_from(" _")),
    )
    text = pl.Series([f"{number:0{width}d}{decimals}{blank.strip('_')}" for number in numbers])
    return text.cast(pl.Categorical) if kind == "category" else text


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.data(), st.sampled_from(["csv", "parquet"]), st.sampled_from(["csv", "parquet", "card", "txt"]), st.booleans()
)
def test_who_was_trained_on_is_found_whatever_the_writing_of_ids(tmp_path, data, kind, known, leaking):
    tested = list(range(1, PATIENTS + 1))
    trained = [PATIENTS + 7, *([PATIENTS] if leaking else [])]
    frame = pl.DataFrame(
        {
            "image_id": [f"i{number}.png" for number in tested],
            data.draw(st.sampled_from(["patient_id", "PatientID", "Patient ID", "subject_id"])): any_writing(
                data.draw, tested
            ),
            "y_Mass": [0, 1] * (PATIENTS // 2),
            "p_Mass": [0.5] * PATIENTS,
        }
    )
    path = tmp_path / f"predictions.{kind}"
    getattr(frame, f"write_{kind}")(path)
    ids = any_writing(data.draw, trained)
    if known == "card":
        beside = tmp_path / "card.json"
        beside.write_text(json.dumps({"training_patients": [f"ours:{patient}" for patient in ids.cast(pl.String)]}))
    elif known == "txt":
        beside = tmp_path / "trained.txt"
        beside.write_text("\n".join(ids.cast(pl.String)))
    else:
        beside = tmp_path / f"trained.{known}"
        getattr(pl.DataFrame({"Patient ID": ids}), f"write_{known}")(beside)
    if leaking:
        with pytest.raises(HilumError, match=rf"1 training patient of .* \({PATIENTS}\)"):
            read_predictions(path, held_out=True, trained_on=read_trained_on(beside))
    else:
        read = read_predictions(path, held_out=True, trained_on=read_trained_on(beside))
        assert read.patients == [str(number) for number in tested]


@pytest.mark.parametrize(("patient", "card"), [("chestxray14:13", "13"), ("13", "chestxray14:0013"), ("a:13", "a:13")])
def test_an_id_without_a_collection_could_be_anybodys_on_either_side(patient, card):
    table = pl.DataFrame({"image_id": ["a"], "patient_id": [patient]})
    assert len(TrainedOn("it", frozenset([card])).problems_of(table)) == 1
    assert (
        TrainedOn("it", frozenset(["b:13"])).problems_of(pl.DataFrame({"image_id": ["a"], "patient_id": ["a:13"]}))
        == []
    )


def test_images_are_compared_whatever_their_zeros():
    table = pl.DataFrame({"image_id": ["0007", "8.0", "x.png"], "patient_id": ["a", "b", "c"]})
    (problem,) = TrainedOn("it", frozenset(), frozenset(["7.0", "08"])).problems_of(table)
    assert problem.startswith("image_id: 2 training images of")


def test_words_for_splits_are_understood_and_other_words_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("PatientID,Set\n1,Training\n2,testing\n3,valid\n4,train_val\n5,\n")
    assert read_trained_on(path).patients == {"1", "3", "4"}
    path.write_text("PatientID,split\n1,train\n2,fold3\n")
    with pytest.raises(HilumError, match="expected the splits train, val, test; found fold3"):
        read_trained_on(path)


def test_a_table_that_cannot_be_compared_is_refused():
    table = pl.DataFrame({"image_id": ["a", "b"], "y_Mass": [0, 1], "p_Mass": [0.1, 0.2]})
    with pytest.raises(HilumError, match="patient_id: there is none, so it is not known whether it contains"):
        as_predictions(table, name="mine", held_out=True, trained_on=TrainedOn("it", frozenset("7")))
    as_predictions(table, name="mine", held_out=True, trained_on=TrainedOn("it", frozenset("7"), frozenset("z")))


@pytest.mark.parametrize(("content", "message"), [(b"\xff\xfe1\0", "UTF-16"), (b"caf\xe9\n", "0xe9 in line 1")])
def test_a_text_file_in_another_encoding_is_refused(tmp_path, content, message):
    (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(HilumError, match=f"expected text, UTF-8; found .*{message}"):
        read_trained_on(tmp_path / "t.txt")


OTHER = b"the salt of another site"


def judged(*patients, images=None):
    return pl.DataFrame(
        {"image_id": images or [f"{n}.png" for n in range(len(patients))], "patient_id": list(patients)}
    )


def test_a_card_names_patients_by_pseudonyms_and_still_finds_them():
    known = TrainedOn("card.json", frozenset(pseudonymised_names(["ours:17", "chestxray14:13"])))
    assert known.problems_of(judged("18", "14", "ours:18", *pseudonymised_names(["ours:19"]))) == []
    for patient in ("17", "ours:17", "13", *pseudonymised_names(["ours:17"]), pseudonym("17", own_salt())):
        (problem,) = known.problems_of(judged("18", patient))
        assert problem.startswith("patient_id: 1 training patient of card.json (")


def test_what_cannot_be_compared_is_a_problem_and_not_a_no():
    known = TrainedOn("card.json", frozenset(pseudonymised_names(["ours:17"], OTHER)))
    (problem,) = known.problems_of(judged("18"))
    assert problem.startswith(
        "patient_id: it is not known whether patients are training patients of card.json: the ledger has"
    )
    assert "set HILUM_PATIENT_SALT to the salt" in problem
    assert known.problems_of(judged("chestxray14:18")) == []


def test_images_without_patient_ids_meet_as_images():
    known = TrainedOn("card.json", frozenset(pseudonymised_names(["ours:?a.png"])))
    assert len(known.problems_of(judged("a.png", images=["a.png"]))) == 1
    assert known.problems_of(judged("b.png", images=["b.png"])) == []
    (problem,) = known.problems_of(judged("17", images=["b.png"]))
    assert "without patient ids   add the patient ids, or evaluate other images" in problem
