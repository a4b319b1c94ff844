import hashlib

import polars as pl
import pytest

from hilum.data.splits import LEAKING, Split, check_patients_apart, listed_split, patient_split, read_split, write_split
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


def test_a_split_reads_back_with_its_name(tmp_path, many):
    split = patient_split(many, (70, 10, 20), seed=0)
    write_split(split, tmp_path / "split.parquet")
    again = read_split(tmp_path / "split.parquet")
    assert again.title == split.title
    assert again.assignment.equals(split.assignment)


def test_a_split_file_with_a_patient_on_both_sides_is_refused(tmp_path, images):
    torn = images(["p", "p"], split=["train", "test"]).select("image_id", "patient_id", "split", name=pl.lit("mine"))
    torn.write_parquet(tmp_path / "split.parquet")
    with pytest.raises(HilumError, match="patient p in test and train"):
        read_split(tmp_path / "split.parquet")
    torn.drop("name").write_parquet(tmp_path / "split.parquet")
    with pytest.raises(HilumError, match="and one name"):
        read_split(tmp_path / "split.parquet")
    with pytest.raises(HilumError, match="no such file"):
        read_split(tmp_path / "absent.parquet")


@pytest.fixture
def leaking(images):
    """One patient in train and val, by the one published rule that lets it."""
    images = images(["p", "p", "q", "r"], split=["train", "val", "train", "test"])
    return Split("elwirehardja2025-images-s0", images.select("image_id", "patient_id", "split"))


def test_a_rule_that_leaks_says_so_in_the_title_of_its_split(leaking):
    assert leaking.title == f"elwirehardja2025-images-s0 ({leaking.hash}); train and val share patients"
    assert Split("patients-70-10-20-s0", leaking.assignment).sharing == ()


def test_the_leak_of_a_rule_is_allowed_between_its_parts_only(tmp_path, leaking):
    write_split(leaking, tmp_path / "split.parquet")
    assert read_split(tmp_path / "split.parquet").title == leaking.title
    with pytest.raises(HilumError, match="patient p in train and val"):
        check_patients_apart(leaking.assignment, "split")
    tested = leaking.assignment.with_columns(split=pl.Series(["train", "test", "train", "test"]))
    with pytest.raises(HilumError, match="patient p in test and train and val"):
        check_patients_apart(tested, "split", sharing=leaking.sharing)


def test_no_published_rule_may_share_a_test_patient():
    assert all("test" not in parts for parts in LEAKING.values())
