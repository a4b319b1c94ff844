import polars as pl
import pytest

from hilum.data.splits import PAPER_RULES, check_patients_apart, image_wise_validation, listed_split, paper_split
from hilum.errors import HilumError


@pytest.fixture
def single_label(images):
    """50 patients of four images; Mass in 40, Edema in 60, No Finding in 100 images; patients from p40 on are test."""
    patients = [f"p{number:02d}" for number in range(50) for _ in range(4)]
    kinds = [number % 5 for number in range(200)]
    return images(
        patients,
        **{
            "Mass": [int(kind == 0) for kind in kinds],
            "Edema": [int(kind == 1 or (kind == 2 and number < 100)) for number, kind in enumerate(kinds)],
            "No Finding": [int(kind > 2 or (kind == 2 and number >= 100)) for number, kind in enumerate(kinds)],
        },
        split=["test" if patient >= "p40" else "train_val" for patient in patients],
    )


def test_study_1_draws_a_fifth_of_the_images_of_each_class(single_label):
    split = paper_split("elwirehardja2025", single_label, "chestxray14", seed=3)
    assert split.name == "elwirehardja2025-images-s3"
    parts = single_label.drop("split").join(split.assignment.select("image_id", "split"), on="image_id")
    for finding in ("Mass", "Edema", "No Finding"):
        of_class = parts.filter(pl.col(finding) == 1)
        outside_test = of_class.filter(pl.col("split") != "test")
        assert (outside_test["split"] == "val").sum() == len(outside_test) // 5
    assert split.assignment.filter(pl.col("split") == "test")["image_id"].to_list() == [
        f"a{n}" for n in range(160, 200)
    ]


def test_study_1_leaks_between_train_and_val_and_never_into_test(single_label):
    split = image_wise_validation(single_label, seed=0)
    with pytest.raises(HilumError, match="in train and val"):
        check_patients_apart(split.assignment, "split")
    check_patients_apart(split.assignment, "split", sharing=split.sharing)
    assert split.title.endswith("train and val share patients")


def test_study_1_draws_by_image_and_seed_whatever_the_order_of_the_rows(single_label):
    assert image_wise_validation(single_label.reverse(), 0).hash == image_wise_validation(single_label, 0).hash
    assert image_wise_validation(single_label, 1).hash != image_wise_validation(single_label, 0).hash


def test_study_1_needs_images_of_one_label_and_official_lists(images):
    with pytest.raises(HilumError, match="1 of 2 images with another number"):
        image_wise_validation(images(["p", "q"], Mass=[1, 1], Edema=[0, 1], split=["test", "train_val"]), 0)
    with pytest.raises(HilumError, match="expected official test images"):
        image_wise_validation(images(["p", "q"], Mass=[1, 1], split=["train_val", None]), 0)
    with pytest.raises(HilumError, match="patient p in"):
        image_wise_validation(images(["p", "p"], Mass=[1, 1], split=["train_val", "test"]), 0)


def test_studies_2_and_3_take_published_lists(images):
    manifest = images(["p", "q", "r"], split_chexnet=["train", "val", "test"], split=["test", "train", "val"])
    assert paper_split("toh2023", manifest, "chestxray14").title == listed_split(manifest, "chexnet").title
    assert paper_split("gowtham2023", manifest, "kermany").title == listed_split(manifest, "official").title
    with pytest.raises(HilumError, match="a rule for chestxray14"):
        paper_split("gowtham2023", manifest, "chestxray14")


def test_study_4_keeps_official_test_images_where_it_says_so(many, patients):
    official = pl.when(pl.col("patient_id") < "p100").then(pl.lit("test")).otherwise(pl.lit("train_val"))
    listed = many.with_columns(official.alias("split"))
    split = paper_split("tayebiarasteh2024", listed, "chestxray14", validation=10, seed=2)
    assert split.name == "tayebiarasteh2024-val10-s2"
    assert patients(split, "test") == {f"p{number:03d}" for number in range(100)}
    assert len(patients(split, "val")) == 40


def test_study_4_draws_a_fifth_of_the_patients_elsewhere_the_same_whatever_validates(many, patients):
    ten, twenty = (paper_split("tayebiarasteh2024", many, "mimic_cxr_jpg", validation=v, seed=0) for v in (10, 20))
    assert patients(ten, "test") == patients(twenty, "test")
    assert [len(patients(ten, part)) for part in ("train", "val", "test")] == [360, 40, 100]
    assert [len(patients(twenty, part)) for part in ("train", "val", "test")] == [320, 80, 100]
    assert ten.assignment["image_id"].to_list() == many["image_id"].to_list()
    check_patients_apart(ten.assignment, "split")
    with pytest.raises(HilumError, match="1 to 99 percent"):
        paper_split("tayebiarasteh2024", many, "padchest", validation=0)


def test_study_5_tests_on_chexperts_validation_images_and_validates_on_a_fifth_of_the_others(many, patients):
    part = pl.when(pl.col("patient_id") < "p050").then(pl.lit("val")).when(pl.col("patient_id") < "p060").then(None)
    listed = many.with_columns(part.otherwise(pl.lit("train")).alias("split"))
    split = paper_split("kivotova2021", listed, "chexpert", seed=1)
    assert split.name == "kivotova2021-s1"
    assert patients(split, "test") == {f"p{number:03d}" for number in range(50)}
    assert [len(patients(split, part)) for part in ("train", "val")] == [352, 88]
    check_patients_apart(split.assignment, "split")
    with pytest.raises(HilumError, match="official training and validation images; found 1,320 and 0"):
        paper_split("kivotova2021", listed.filter(pl.col("split") != "val"), "chexpert")


def test_study_5_divides_its_pools_in_five(many, patients):
    split = paper_split("kivotova2021", many, "tbx11k")
    assert [len(patients(split, part)) for part in ("train", "val", "test")] == [400, 100, 0]


def test_an_unknown_paper_is_reported_with_those_that_have_rules(images):
    with pytest.raises(HilumError, match=", ".join(PAPER_RULES)):
        paper_split("irvin2019", images(["p"]), "chexpert")
