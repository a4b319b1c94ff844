import polars as pl
import pytest

from hilum.data.patients import patients_of_many_images, with_canonical_patients
from hilum.notes import Code


def ids(*written: str | None) -> pl.DataFrame:
    return pl.DataFrame({"patient_id": pl.Series(written, dtype=pl.String)})


def test_ids_that_fall_together_are_one_patient_and_that_is_noted():
    table, notes = with_canonical_patients(ids("P07", "p07", "\N{FULLWIDTH LATIN SMALL LETTER P}07 ", "P7", None))
    assert table["patient_id"].to_list() == ["P07", "P07", "P07", "P7", None]
    (found,) = notes
    assert found.code is Code.SEVERAL_SPELLINGS
    assert dict(found.parameters)["patients"] == 1


def test_one_spelling_keeps_its_capitals_and_is_not_noted():
    table, notes = with_canonical_patients(ids("Ab-1", "Ab-1", "CD", "0013"))
    assert table["patient_id"].to_list() == ["Ab-1", "Ab-1", "CD", "13"]
    assert notes == []


def test_words_for_nobody_are_no_patients_and_counted():
    table, notes = with_canonical_patients(ids("-", "unknown", "0000000", "7654321", "-"))
    assert table["patient_id"].to_list() == [None, None, None, "7654321", None]
    (found,) = notes
    assert found.code is Code.PLACEHOLDER_PATIENT_IDS
    assert dict(found.parameters)["images"] == 4
    assert "examples" not in dict(found.without_examples().parameters)
    assert "0000000" in str(found)
    assert "0000000" not in str(found.without_examples())


@pytest.mark.parametrize(("of_one", "doubted"), [(3, False), (19, False), (60, True)])
def test_a_patient_of_far_more_images_than_others_is_doubted(of_one, doubted):
    patients = [f"p{number // 3}" for number in range(90)] + ["2019"] * of_one
    manifest = pl.DataFrame({"image_id": [str(row) for row in range(len(patients))], "patient_id": patients})
    found = patients_of_many_images(manifest)
    assert [each.code for each in found] == [Code.ONE_PATIENT_OF_MANY] * doubted
    if doubted:
        assert dict(found[0].parameters) == {"examples": "2019", "images": 60, "of": 150}


def test_few_patients_of_many_images_each_are_not_doubted():
    patients = [f"p{number % 12}" for number in range(1200)]
    manifest = pl.DataFrame({"image_id": [str(row) for row in range(1200)], "patient_id": patients})
    assert patients_of_many_images(manifest) == []
