import hashlib

import numpy as np
import polars as pl
import pytest

from hilum.data.splits import (
    check_patients_apart,
    label_fraction,
    listed_split,
    patient_split,
    read_split,
    write_split,
)
from hilum.errors import HilumError


@pytest.fixture
def many(films):
    """1,500 films of 500 patients; Hernia in 1 of 50 patients, Mass in 1 of 5, Edema in half."""
    draw = np.random.default_rng(0)
    patients = [f"p{number:03d}" for number in range(500) for _ in range(3)]
    has = {name: np.repeat(draw.permuted(np.arange(500) < 500 * share), 3) for name, share in SHARES.items()}
    return films(patients, **{name: values.astype(int).tolist() for name, values in has.items()})


SHARES = {"Hernia": 0.02, "Mass": 0.2, "Edema": 0.5}


def _patients(split, part):
    return set(split.assignment.filter(pl.col("split") == part)["patient_id"])


@pytest.mark.parametrize("percent", [(70, 10, 20), (64, 16, 20), (80, 20, 0), (34, 33, 33)])
def test_patients_fall_on_the_parts_in_the_shares_asked_for(many, percent):
    split = patient_split(many, percent, seed=0)
    check_patients_apart(split.assignment, "split")
    assert split.assignment["image_id"].to_list() == many["image_id"].to_list()
    for part, share in zip(("train", "val", "test"), percent, strict=True):
        assert len(_patients(split, part)) == pytest.approx(5 * share, abs=1)


@pytest.mark.parametrize("seed", range(5))
def test_every_finding_falls_on_the_parts_in_proportion(many, seed):
    split = patient_split(many, (70, 10, 20), seed)
    for finding, share in SHARES.items():
        positive = set(many.filter(pl.col(finding) == 1)["patient_id"])
        for part, percent in (("train", 70), ("val", 10), ("test", 20)):
            expected = 500 * share * percent / 100
            # An unstratified draw of 20 of 100 has a standard deviation of 3.6.
            assert len(positive & _patients(split, part)) == pytest.approx(expected, abs=2.5)


def test_every_patient_can_come_into_every_part(many):
    tested = np.zeros(500)
    for seed in range(60):
        split = patient_split(many, (50, 25, 25), seed)
        tested += np.isin(sorted(set(many["patient_id"])), sorted(_patients(split, "test")))
    # 60 draws at 1/4: 15 expected, standard deviation 3.4; none of 500 beyond five deviations, none fixed
    assert tested.min() > 0
    assert tested.max() < 33
    assert tested.mean() == pytest.approx(15)


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_the_rows(many):
    split = patient_split(many, (70, 10, 20), seed=0)
    assert patient_split(many.reverse(), (70, 10, 20), seed=0).hash == split.hash
    assert patient_split(many, (70, 10, 20), seed=1).hash != split.hash
    assert split.name == "patients-70-10-20-s0"


def test_the_hash_is_that_of_the_sorted_lines(films):
    split = patient_split(films(["p", "q", "r", "s"]), (50, 25, 25), seed=0)
    lines = sorted(f"{image_id} {part}" for image_id, _, part in split.assignment.rows())
    assert split.hash == hashlib.sha256("\n".join(lines).encode()).hexdigest()[:6]
    assert split.title == f"patients-50-25-25-s0 ({split.hash})"


@pytest.mark.parametrize("percent", [(70, 10, 10), (110, -10, 0), (50, 50)])
def test_shares_that_do_not_sum_to_100_are_refused(films, percent):
    with pytest.raises(HilumError, match="expected three shares that sum to 100"):
        patient_split(films(["p", "q"]), percent, seed=0)


def test_too_few_patients_are_refused(films):
    with pytest.raises(HilumError, match=r"expected patients enough for 10 % val; found 3"):
        patient_split(films(["p", "q", "r"]), (70, 10, 20), seed=0)


def test_official_lists_keep_their_test_films_and_divide_the_rest_by_patient(many):
    many = many.with_columns(
        pl.when(pl.col("patient_id") < "p100").then(pl.lit("test")).otherwise(pl.lit("train_val")).alias("split")
    )
    split = listed_split(many, "official", validation=20, seed=3)
    assert split.name == "official-val20-s3"
    assert _patients(split, "test") == {f"p{number:03d}" for number in range(100)}
    assert len(_patients(split, "val")) == 80
    assert split.assignment["image_id"].to_list() == many["image_id"].to_list()
    check_patients_apart(split.assignment, "split")


def test_lists_with_their_own_validation_films_are_taken_as_they_are(films):
    manifest = films(["p", "q", "r", "s"], split_chexnet=["train", "val", "test", None])
    split = listed_split(manifest, "chexnet")
    assert split.name == "chexnet"
    assert split.assignment["split"].to_list() == ["train", "val", "test"]
    with pytest.raises(HilumError, match="its own validation films; found 20 %"):
        listed_split(manifest, "chexnet", validation=20)


def test_a_list_that_is_not_there_is_told_with_those_that_are(films):
    manifest = films(["p"], split_chexnet=["train"])
    with pytest.raises(HilumError, match=r"a list that this data set came with \(chexnet\); found 'official'"):
        listed_split(manifest, "official")


def test_official_lists_need_a_validation_share(films):
    with pytest.raises(HilumError, match=r"split.validation: expected a percentage"):
        listed_split(films(["p", "q"], split=["train_val", "test"]), "official")


def test_a_patient_on_both_sides_is_named(films):
    manifest = films(["p", "p", "q"], split=["train", "test", "test"])
    with pytest.raises(HilumError, match="expected every patient in one part only; found patient p in test and train"):
        check_patients_apart(manifest, "lists")
    with pytest.raises(HilumError, match="list 'official'"):
        listed_split(manifest, "official", validation=20)


def test_smaller_fractions_of_labels_lie_within_larger_ones(many):
    whole = patient_split(many, (70, 10, 20), seed=0)
    tenth, third = label_fraction(whole, 10, seed=1), label_fraction(whole, 30, seed=1)
    assert len(_patients(tenth, "train")) == 35
    assert len(_patients(third, "train")) == 105
    assert _patients(tenth, "train") < _patients(third, "train") < _patients(whole, "train")
    assert _patients(tenth, "val") == _patients(whole, "val")
    assert _patients(tenth, "test") == _patients(whole, "test")
    assert tenth.name == "patients-70-10-20-s0-10pct"
    assert label_fraction(whole, 10, seed=2).hash != tenth.hash
    with pytest.raises(HilumError, match="more than 0 and at most 100 percent"):
        label_fraction(whole, 0, seed=1)


def test_a_split_reads_back_with_its_name(tmp_path, many):
    split = patient_split(many, (70, 10, 20), seed=0)
    write_split(split, tmp_path / "split.parquet")
    again = read_split(tmp_path / "split.parquet")
    assert again.title == split.title
    assert again.assignment.equals(split.assignment)


def test_a_split_file_with_a_patient_on_both_sides_is_refused(tmp_path, films):
    torn = films(["p", "p"], split=["train", "test"]).select("image_id", "patient_id", "split", name=pl.lit("mine"))
    torn.write_parquet(tmp_path / "split.parquet")
    with pytest.raises(HilumError, match="patient p in test and train"):
        read_split(tmp_path / "split.parquet")
    torn.drop("name").write_parquet(tmp_path / "split.parquet")
    with pytest.raises(HilumError, match="and one name"):
        read_split(tmp_path / "split.parquet")
    with pytest.raises(HilumError, match="no such file"):
        read_split(tmp_path / "absent.parquet")
