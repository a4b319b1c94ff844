import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.evaluation.tables import groups_by_column

IDS = ["c", "a", "b"]


def images(**columns):
    return pl.DataFrame({"image_id": ["a", "b", "c", "d"], **columns})


def test_ages_become_bands_and_other_columns_stay_as_they_are():
    table = images(age=[17.0, 45.0, 45.5, 90.0], sex=["F", "M", None, "M"])
    groups, notes = groups_by_column(table, ["age", "sex"], IDS, where="images.csv")
    assert groups == {"age": {"c": "40-59", "a": "0-17", "b": "40-59"}, "sex": {"c": None, "a": "F", "b": "M"}}
    assert [str(each) for each in notes] == ["sex: unknown for 1 of 3 images; these are in no group."]


def test_a_column_that_does_not_divide_the_images_is_left_out_and_stated():
    table = images(view=["PA", "PA", "PA", "AP"], sex=["F", "M", "F", "F"])
    groups, notes = groups_by_column(table, ["view", "sex"], IDS, where="images.csv")
    assert list(groups) == ["sex"]
    assert [str(each) for each in notes] == ["view: all images are PA, so no groups."]
    with pytest.raises(HilumError, match=r"expected two groups or more; found view: all images are PA"):
        groups_by_column(table, ["view"], IDS, where="images.csv")


def test_images_that_are_not_in_the_table_are_in_no_group():
    groups, notes = groups_by_column(images(sex=["F", "M", "F", "F"]), ["sex"], [*IDS, "z"], where="images.csv")
    assert groups["sex"]["z"] is None
    assert [str(each) for each in notes] == ["sex: unknown for 1 of 4 images; these are in no group."]


def test_an_unknown_column_is_refused_with_those_that_are_there():
    with pytest.raises(HilumError, match=r"images.csv: expected the columns image_id, source; found no source; .* sex"):
        groups_by_column(images(sex=["F", "M", "F", "F"]), ["source"], IDS, where="images.csv")


def test_one_image_in_two_rows_is_refused():
    with pytest.raises(HilumError, match="expected each image_id once; found a several times"):
        groups_by_column(pl.DataFrame({"image_id": ["a", "a"], "sex": ["F", "M"]}), ["sex"], ["a"], where="images.csv")


def test_ages_that_are_no_numbers_are_refused():
    with pytest.raises(HilumError, match=r"images.csv, age: expected years, as numbers; found '058Y'"):
        groups_by_column(images(age=["058Y", None, "40", "3"]), ["age"], IDS, where="images.csv")
