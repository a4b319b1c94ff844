import hashlib

import polars as pl
import pytest

from hilum.data.splits import Split, check_patients_apart, listed_split, patient_split
from hilum.errors import HilumError


def test_the_hash_is_that_of_the_sorted_lines(images):
    split = patient_split(images(["p", "q", "r", "s"]), (50, 25, 25), seed=0)
    lines = sorted(f"{image_id} {part}" for image_id, _, part in split.assignment.rows())
    assert split.hash == hashlib.sha256("\n".join(lines).encode()).hexdigest()[:6]
    assert split.title == f"patients-50-25-25-s0 ({split.hash})"


def test_a_patient_on_both_sides_is_named(images):
    manifest = images(["p", "p", "q"], split=["train", "test", "test"])
    with pytest.raises(HilumError, match="expected every patient in one part only; found patient p in test and train"):
        check_patients_apart(manifest, "lists")
    with pytest.raises(HilumError, match="list 'official'"):
        listed_split(manifest, "official", validation=20)


@pytest.fixture
def leaking(images):
    """One patient in train and val, by the one published rule that lets it."""
    images = images(["p", "p", "q", "r"], split=["train", "val", "train", "test"])
    return Split(
        "elwirehardja2025-images-s0", images.select("image_id", "patient_id", "split"), sharing=("train", "val")
    )


def test_a_rule_that_leaks_says_so_in_the_title_of_its_split(leaking):
    assert leaking.title == f"elwirehardja2025-images-s0 ({leaking.hash}); train and val share patients"
    assert Split("patients-70-10-20-s0", leaking.assignment).sharing == ()


def test_the_leak_of_a_rule_is_allowed_between_its_parts_only(leaking):
    with pytest.raises(HilumError, match="patient p in train and val"):
        check_patients_apart(leaking.assignment, "split")
    tested = leaking.assignment.with_columns(split=pl.Series(["train", "test", "train", "test"]))
    with pytest.raises(HilumError, match="patient p in test and train and val"):
        check_patients_apart(tested, "split", sharing=leaking.sharing)


def test_no_split_may_share_a_test_patient(leaking):
    with pytest.raises(HilumError, match="expected test patients in no other part"):
        Split("mine", leaking.assignment, sharing=("val", "test"))
