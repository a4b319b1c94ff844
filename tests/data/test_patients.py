from hilum.data.patients import issuer_of, mark_generated, patient_names


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
