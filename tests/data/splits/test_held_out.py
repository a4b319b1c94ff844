"""Who is kept from pretraining: validation and test patients with all their images, in the task or not."""

import polars as pl
from hypothesis import given, strategies as st

from hilum.data.splits import Split, held_out_images, held_out_patients, listed_split, paper_split, parse_split


def test_patients_of_the_split_are_held_out_with_images_outside_of_it(images):
    manifest = images(["p", "p", "q", "r", "s"], Mass=[1, None, 0, 1, None])
    assignment = pl.DataFrame(
        {"image_id": ["a0", "a2", "a3"], "patient_id": ["p", "q", "r"], "split": ["test", "val", "train"]}
    )
    assert held_out_patients(manifest, Split("x", assignment)) == {"p", "q"}
    assert held_out_patients(manifest, Split("x", assignment), ["test"]) == {"p"}


def test_patients_on_a_published_test_list_are_held_out_though_the_task_has_no_image_of_theirs(images):
    manifest = images(["p", "q", "r", "s"], Mass=[1, 0, 1, 0], split=["train_val", "train_val", "test", "test"])
    split = listed_split(manifest.filter(pl.col("image_id") != "a3"), "official", validation=50)
    (validating,) = split.assignment.filter(pl.col("split") == "val")["patient_id"]
    assert held_out_patients(manifest, split) == {validating, "r", "s"}


def test_a_rule_that_tests_on_the_lists_validation_images_holds_them_out(images):
    patients = [f"p{number}" for number in range(12)]
    manifest = images(patients, Mass=[1, 0] * 6, split=["train"] * 10 + ["val"] * 2)
    split = paper_split("kivotova2021", manifest.head(11), "chexpert")
    assert {"p10", "p11"} < held_out_patients(manifest, split)


def test_a_rule_that_divides_images_keeps_back_images(images):
    manifest = images(["p"] * 10 + ["q"], Mass=[1] * 11, split=["train_val"] * 10 + ["test"])
    split = paper_split("elwirehardja2025", manifest, "chestxray14")
    assert held_out_patients(manifest, split) == {"q"}
    assert len(held_out_images(split)) == 2


@given(labelled=st.lists(st.booleans(), min_size=40, max_size=60), seed=st.integers(0, 99))
def test_unlabelled_images_are_never_dealt_out(labelled, seed):
    labelled[:20] = [True] * 20
    ids = [f"a{number}" for number in range(len(labelled))]
    codes = [number % 2 if is_labelled else None for number, is_labelled in enumerate(labelled)]
    manifest = pl.DataFrame(
        {
            "image_id": ids,
            "patient_id": ids,
            "split": pl.Series([None] * len(ids), dtype=pl.String),
            "labelled": labelled,
            "Mass": codes,
        }
    )
    dealt = parse_split(manifest, "patients", seed=seed).assignment
    assert set(dealt["image_id"]) == {
        image_id for image_id, is_labelled in zip(ids, labelled, strict=True) if is_labelled
    }
