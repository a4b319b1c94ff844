import gzip

import polars as pl
import pytest

from hilum.encoders.published import published_weights, statements_of
from hilum.encoders.statements import Statement, describe_statements, find_contamination

IMAGES = pl.DataFrame(
    {
        "image_id": ["a", "b", "c", "d", "e"],
        "patient_id": ["1", "1", "2", "3", "3"],
        "split": ["train", "train", "test", "test", "test"],
        "split_theirs": ["train", "val", "train", "val", None],
    }
)
TEST = ["c", "d", "e"]


def statement(**expected: object) -> Statement:
    return Statement.model_validate({"collection": "chestxray14", "certainty": "stated", "source": "paper", **expected})


def test_a_list_says_which_images_exactly():
    seen = find_contamination([statement(list="split_theirs", parts=("train",))], "chestxray14", IMAGES, TEST)
    assert (seen.certainty, seen.images, seen.patients) == ("yes", 1, 1)
    assert (seen.of_images, seen.of_patients) == (3, 2)
    both = find_contamination([statement(list="split_theirs", parts=("train", "val"))], "chestxray14", IMAGES, TEST)
    assert (both.images, both.patients) == (2, 2)
    assert both.by_part == {"split_theirs train": 1, "split_theirs val": 1}
    assert both.message == ("YES: 2 of 3 test images, 2 of 2 test patients (split_theirs train 1, split_theirs val 1)")


def test_all_images_are_all_and_other_collections_are_none():
    assert find_contamination([statement()], "chestxray14", IMAGES, TEST).images == 3
    other = find_contamination([statement(collection="chexpert")], "chestxray14", IMAGES, TEST)
    assert (other.certainty, other.images, other.message) == ("no", 0, "no")
    assert find_contamination([], "chestxray14", IMAGES, TEST).certainty == "no"


def test_a_list_without_test_images_is_a_no_with_its_reason():
    seen = find_contamination([statement(list="split", parts=("train",))], "chestxray14", IMAGES, TEST)
    assert (seen.certainty, seen.message) == ("no", "no (chestxray14: split train)")


@pytest.mark.parametrize(
    ("expected", "collection"),
    [
        ({"certainty": "part"}, "chestxray14"),
        ({"list": "split_unknown", "parts": ("train",)}, "chestxray14"),
        ({}, "rsna_pneumonia"),  # the same images under other names
        ({"collection": "vindr_cxr", "list": "split", "parts": ("train",)}, "vinbigdata"),
    ],
)
def test_where_nobody_can_tell_which_it_may_have(expected, collection):
    seen = find_contamination([statement(**expected)], collection, IMAGES, TEST)
    assert (seen.certainty, seen.images) == ("may", 3)
    assert seen.message.startswith("MAY HAVE")


def test_an_exact_list_goes_before_a_guess():
    expected = [statement(certainty="part"), statement(list="split_theirs", parts=("val",))]
    assert find_contamination(expected, "chestxray14", IMAGES, TEST).certainty == "yes"


def test_words_gather_what_is_not_known():
    expected = [
        statement(),
        statement(collection="padchest", certainty="part"),
        statement(collection="brax", certainty="part"),
    ]
    assert describe_statements(expected) == "chestxray14: all images; parts, not known which, of padchest, brax"
    assert describe_statements([]) == "no radiographs"


@pytest.fixture(scope="module")
def chestxray14(shared_data) -> pl.DataFrame:
    """The real lists of ChestX-ray14 as columns of a manifest."""
    folder = shared_data / "chestxray14_metadata"

    def names(file: str, part: str) -> pl.DataFrame:
        with gzip.open(folder / file, "rt") as lines:
            return pl.DataFrame({"image_id": [line.split()[0] for line in lines], "part": part})

    def lists(files: dict[str, str], column: str) -> pl.DataFrame:
        return pl.concat([names(file, part) for part, file in files.items()]).rename({"part": column})

    official = lists({part: f"{part}_list.txt.gz" for part in ("train_val", "test")}, "split")
    chexnet = lists({part: f"chexnet_{part}_list.txt.gz" for part in ("train", "val", "test")}, "split_chexnet")
    patients = pl.col("image_id").str.split("_").list.first().alias("patient_id")
    return official.join(chexnet, on="image_id").with_columns(patients)


@pytest.mark.shared_data
def test_chexnet_was_trained_on_17920_of_the_official_test_images(chestxray14):
    test = chestxray14.filter(pl.col("split") == "test")["image_id"].to_list()
    assert len(test) == 25_596
    seen = find_contamination(statements_of(published_weights()["chexnet"]), "chestxray14", chestxray14, test)
    assert seen.certainty == "yes"
    assert seen.by_part == {"split_chexnet train": 17_920, "split_chexnet val": 2_463}
    assert seen.images == 17_920 + 2_463
    assert seen.of_patients == 2_797
    assert seen.message.startswith("YES: 20,383 of 25,596 test images")


@pytest.mark.shared_data
def test_chexnet_was_trained_on_none_of_its_own_test_images(chestxray14):
    test = chestxray14.filter(pl.col("split_chexnet") == "test")["image_id"].to_list()
    seen = find_contamination(statements_of(published_weights()["chexnet"]), "chestxray14", chestxray14, test)
    assert (seen.certainty, seen.images, seen.of_images) == ("no", 0, 22_433)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "certainty"),
    [("rad_dino", "yes"), ("torchxrayvision_nih", "may"), ("medical_mae_vits16", "no"), ("dinov2_vitb14", "no")],
)
def test_other_weights_on_the_official_test_images(name, certainty, chestxray14):
    test = chestxray14.filter(pl.col("split") == "test")["image_id"].to_list()
    seen = find_contamination(statements_of(published_weights()[name]), "chestxray14", chestxray14, test)
    assert seen.certainty == certainty
