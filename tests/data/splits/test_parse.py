import polars as pl
import pytest

from hilum.data.splits import images_of_part, listed_split, parse_split, patient_split
from hilum.errors import HilumError


@pytest.fixture
def manifest():
    def make(**columns):
        rows = 60
        table = pl.DataFrame(
            {
                "image_id": [f"f{row}" for row in range(rows)],
                "path": [f"f{row}.png" for row in range(rows)],
                "patient_id": [f"p{row // 2}" for row in range(rows)],
                "study_id": ["s"] * rows,
                "view": ["PA"] * rows,
                "age": [50.0] * rows,
                "sex": ["F"] * rows,
            }
        )
        parts = {
            name: pl.Series([of(row // 2) for row in range(rows)], dtype=pl.String) for name, of in columns.items()
        }
        return table.with_columns(**parts)

    return make


def test_auto_is_the_official_list_where_it_has_test_images_and_patients_by_lot_elsewhere(manifest):
    listed = manifest(split=lambda patient: "test" if patient < 10 else "train_val")
    split = parse_split(listed, "auto", seed=3)
    assert split.name == listed_split(listed, "official", validation=20, seed=3).name
    assert len(split.image_ids("test")) == 20
    assert split.image_ids("val")
    unlisted = manifest(split=lambda patient: None)
    assert parse_split(unlisted, "auto", seed=3).title == patient_split(unlisted, (60, 20, 20), 3).title
    only_train = manifest(split=lambda patient: "train")
    assert parse_split(only_train, "auto").name == "patients-60-20-20-s0"


def test_a_list_with_validation_images_of_its_own_is_taken_as_it_is(manifest):
    images = manifest(split=lambda patient: None, split_chexnet=lambda patient: ("train", "val", "test")[patient % 3])
    split = parse_split(images, "chexnet")
    assert split.name == "chexnet"
    assert len(split.image_ids("val")) == 20


def test_a_list_that_is_not_there_is_reported(manifest):
    with pytest.raises(HilumError, match="a published split of this data set"):
        parse_split(manifest(split=lambda patient: None), "chexnet")


def test_a_part_is_one_of_the_published_split(manifest):
    listed = manifest(split=lambda patient: "test" if patient < 10 else None if patient < 20 else "train")
    assert set(images_of_part(listed, "test")["patient_id"]) == {f"p{patient}" for patient in range(10)}
    with pytest.raises(
        HilumError, match=r"expected a part of the published split, test or train; found patients\. Omit"
    ):
        images_of_part(listed, "patients")
    with pytest.raises(HilumError, match=r"expected a data set with a published split; found none\. Omit --split"):
        images_of_part(manifest(split=lambda patient: None), "test")
