import pytest
from hypothesis import given, strategies as st

from hilum.data.patients import canonical_patient_id, issuer_of, mark_generated, patient_names


def test_a_patient_is_named_by_who_gave_the_number():
    assert patient_names(["7", "12"], "padchest") == ["padchest:7", "padchest:12"]


def test_a_number_that_names_its_collection_keeps_it():
    assert patient_names(["chestxray14:7", "a:7"], "rsna_pneumonia") == ["chestxray14:7", "rsna_pneumonia:a:7"]


def test_public_sets_are_their_own_issuers_whatever_a_study_calls_them(tmp_path):
    assert issuer_of(tmp_path, "chexpert", "mine") == "chexpert"
    assert issuer_of(tmp_path, "folder", "mine") == "mine"


def test_generated_patients_are_never_taken_for_real_ones(tmp_path):
    mark_generated(tmp_path, seed=3)
    assert issuer_of(tmp_path, "chestxray14", "mine") == issuer_of(tmp_path, "folder", "mine") == "phantom-s3"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("00000013", "13"),
        ("13.0", "13"),
        (" 13 ", "13"),
        ("013.", "13"),
        ("000", "0"),
        ("0.0", "0"),
        ("chestxray14:00000013", "chestxray14:13"),
        ("rsna_pneumonia:chestxray14:013", "rsna_pneumonia:chestxray14:13"),
        ("patient00001", "patient00001"),
        ("13.5", "13.5"),
        ("1e5", "1e5"),
        ("p:", "p:"),
        ("", ""),
    ],
)
def test_a_number_is_one_patient_however_it_is_written(written, canonical):
    assert canonical_patient_id(written) == canonical
    assert canonical_patient_id(canonical) == canonical


@given(st.integers(0, 10**20), st.integers(0, 12), st.sampled_from(["", ".", ".0", ".000"]), st.sampled_from(["", " "]))
def test_zeros_and_blanks_never_make_another_patient(number, zeros, decimals, blank):
    written = f"{blank}{'0' * zeros}{number}{decimals}{blank}"
    assert canonical_patient_id(written) == str(number)
    assert patient_names([written], "padchest") == [f"padchest:{number}"]
    assert patient_names([f"chestxray14:{written}"], "ours") == [f"chestxray14:{number}"]


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_other_numbers_stay_other_patients(one, other):
    assert (canonical_patient_id(f"{one:012d}") == canonical_patient_id(f"{other}.0")) == (one == other)
