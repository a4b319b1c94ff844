import polars as pl
import pytest

from hilum.data.splits import check_patients_apart, listed_split
from hilum.errors import HilumError


def test_official_lists_keep_their_test_images_and_divide_the_rest_by_patient(many, patients):
    many = many.with_columns(
        pl.when(pl.col("patient_id") < "p100").then(pl.lit("test")).otherwise(pl.lit("train_val")).alias("split")
    )
    split = listed_split(many, "official", validation=20, seed=3)
    assert split.name == "official-val20-s3"
    assert patients(split, "test") == {f"p{number:03d}" for number in range(100)}
    assert len(patients(split, "val")) == 80
    assert split.assignment["image_id"].to_list() == many["image_id"].to_list()
    check_patients_apart(split.assignment, "split")


def test_lists_with_their_own_validation_images_are_taken_as_they_are(images):
    manifest = images(["p", "q", "r", "s"], split_chexnet=["train", "val", "test", None])
    split = listed_split(manifest, "chexnet")
    assert split.name == "chexnet"
    assert split.assignment["split"].to_list() == ["train", "val", "test"]
    with pytest.raises(HilumError, match="its own validation images; found 20 %"):
        listed_split(manifest, "chexnet", validation=20)


def test_a_list_that_is_not_there_is_reported_with_those_that_are(images):
    manifest = images(["p"], split_chexnet=["train"])
    with pytest.raises(HilumError, match=r"a published split of this data set \(chexnet\); found 'official'"):
        listed_split(manifest, "official")


def test_official_lists_need_a_validation_share(images):
    with pytest.raises(HilumError, match=r"split.validation: expected a fraction"):
        listed_split(images(["p", "q"], split=["train_val", "test"]), "official")
