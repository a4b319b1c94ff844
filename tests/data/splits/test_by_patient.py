from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from hilum.data.splits import check_patients_apart, label_fraction, patient_split
from hilum.errors import HilumError

SHARES = {"Hernia": 0.02, "Mass": 0.2, "Edema": 0.5}  # of the patients in `many`


@pytest.mark.parametrize("percent", [(70, 10, 20), (64, 16, 20), (80, 20, 0), (34, 33, 33)])
def test_patients_fall_on_the_parts_in_the_shares_asked_for(many, percent, patients):
    split = patient_split(many, percent, seed=0)
    check_patients_apart(split.assignment, "split")
    assert split.assignment["image_id"].to_list() == many["image_id"].to_list()
    for part, share in zip(("train", "val", "test"), percent, strict=True):
        assert len(patients(split, part)) == pytest.approx(5 * share, abs=1)


@pytest.mark.parametrize("seed", range(5))
def test_every_finding_falls_on_the_parts_in_proportion(many, seed, patients):
    split = patient_split(many, (70, 10, 20), seed)
    for finding, share in SHARES.items():
        positive = set(many.filter(pl.col(finding) == 1)["patient_id"])
        for part, percent in (("train", 70), ("val", 10), ("test", 20)):
            expected = 500 * share * percent / 100
            # An unstratified draw of 20 of 100 has a standard deviation of 3.6.
            assert len(positive & patients(split, part)) == pytest.approx(expected, abs=2.5)


def test_every_patient_can_come_into_every_part(many, patients):
    tested = np.zeros(500)
    for seed in range(60):
        split = patient_split(many, (50, 25, 25), seed)
        tested += np.isin(sorted(set(many["patient_id"])), sorted(patients(split, "test")))
    # 60 draws at 1/4: 15 expected, standard deviation 3.4; none of 500 beyond five deviations, none fixed
    assert tested.min() > 0
    assert tested.max() < 33
    assert tested.mean() == pytest.approx(15)


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_the_rows(many):
    split = patient_split(many, (70, 10, 20), seed=0)
    assert patient_split(many.reverse(), (70, 10, 20), seed=0).hash == split.hash
    assert patient_split(many, (70, 10, 20), seed=1).hash != split.hash
    assert split.name == "patients-70-10-20-s0"


@pytest.mark.parametrize("percent", [(70, 10, 10), (110, -10, 0), (50, 50)])
def test_shares_that_do_not_sum_to_100_are_refused(images, percent):
    with pytest.raises(HilumError, match="expected three fractions that sum to 1"):
        patient_split(images(["p", "q"]), percent, seed=0)


def test_too_few_patients_are_refused(images):
    with pytest.raises(HilumError, match=r"expected enough patients for 10 % val; found 3"):
        patient_split(images(["p", "q", "r"]), (70, 10, 20), seed=0)


def test_smaller_fractions_of_labels_are_within_larger_ones(many, patients):
    whole = patient_split(many, (70, 10, 20), seed=0)
    tenth, third = label_fraction(whole, 10, seed=1), label_fraction(whole, 30, seed=1)
    assert len(patients(tenth, "train")) == 35
    assert len(patients(third, "train")) == 105
    assert patients(tenth, "train") < patients(third, "train") < patients(whole, "train")
    assert patients(tenth, "val") == patients(whole, "val")
    assert patients(tenth, "test") == patients(whole, "test")
    assert tenth.name == "patients-70-10-20-s0-10pct"
    assert label_fraction(whole, 10, seed=2).hash != tenth.hash
    with pytest.raises(HilumError, match="more than 0 and at most 100 percent"):
        label_fraction(whole, 0, seed=1)


@settings(max_examples=40, deadline=None)
@given(
    images_of_patients=st.lists(st.integers(1, 4), min_size=20, max_size=60),
    percent=st.sampled_from([(70, 10, 20), (64, 16, 20), (80, 0, 20), (33, 33, 34)]),
    seed=st.integers(0, 2**64 - 1),
    smaller=st.floats(0.1, 100),
    larger=st.floats(0.1, 100),
)
def test_whatever_the_images_patients_stay_together_and_fractions_nest(
    images_of_patients, percent, seed, smaller, larger
):
    owners = [f"p{number}" for number, count in enumerate(images_of_patients) for _ in range(count)]
    manifest = pl.DataFrame(
        {
            "image_id": [f"a{number}" for number in range(len(owners))],
            "patient_id": owners,
            "Mass": [len(owner) % 2 for owner in owners],
        }
    )
    split = patient_split(manifest, percent, seed)
    assert split.assignment["image_id"].to_list() == manifest["image_id"].to_list()
    check_patients_apart(split.assignment, "split")
    few, many = (
        label_fraction(split, share, seed).assignment.filter(pl.col("split") == "train")["patient_id"].to_list()
        for share in sorted((smaller, larger))
    )
    assert 0 < len(few) <= len(many)
    assert set(few) <= set(many)
    assert all(count == owners.count(owner) for owner, count in Counter(few).items())
