import numpy as np
import polars as pl
import pytest

from hilum.data.balance import (
    class_weights,
    negatives_per_positive,
    resampled_counts,
    resampled_rows,
)
from hilum.data.resampling import COPIES, Resampling
from hilum.errors import HilumError


@pytest.fixture
def common_and_rare(images):
    """300 images: No Finding in 280 (weight 0.36), Mass in 15 (6.7), Edema in 5 (20)."""
    kinds = ["Edema"] * 5 + ["Mass"] * 15 + ["No Finding"] * 280
    order = np.random.default_rng(0).permutation(300)
    codes = {name: [int(kinds[place] == name) for place in order] for name in ("Edema", "Mass", "No Finding")}
    return images([f"p{number}" for number in range(300)], **codes)


CLASSES = ["Edema", "Mass", "No Finding"]
RULE = Resampling(above=10, below=0.5, keep=0.4)


def resampling_plan(manifest, classes, rule, seed):
    labels = manifest.select(pl.col(classes).eq_missing(1)).to_numpy()
    rows, copies = resampled_rows(manifest["image_id"].to_list(), labels, rule, seed)
    return pl.DataFrame({"image_id": manifest["image_id"].gather(rows), "copy": copies})


def test_weights_of_classes_are_images_over_classes_times_images_of_the_class():
    weights = class_weights({"a": 10, "b": 30, "c": 0})
    assert weights == {"a": 40 / 30, "b": 40 / 90, "c": 1.0}


def test_the_mean_weight_over_all_images_is_one():
    counts = {"a": 3, "b": 10, "c": 87}
    weights = class_weights(counts)
    assert sum(counts[name] * weights[name] for name in counts) / 100 == pytest.approx(1)


def test_weights_of_findings_balance_positives_and_negatives():
    positives = {"a": 20, "b": 100, "c": 0}
    assert negatives_per_positive(positives, 100) == {"a": 4, "b": 0, "c": 1}
    with pytest.raises(HilumError, match="at most 99 positives; found b"):
        negatives_per_positive(positives, 99)


def test_the_plan_visits_as_many_images_of_each_class_as_the_rule_says(common_and_rare):
    plan = resampling_plan(common_and_rare, CLASSES, RULE, seed=0)
    visited = plan.join(common_and_rare, on="image_id", how="left")
    expected = resampled_counts({name: int(common_and_rare[name].sum()) for name in CLASSES}, RULE)
    assert expected == {"Edema": 30, "Mass": 15, "No Finding": 112}
    assert {name: int(visited[name].sum()) for name in CLASSES} == expected


def test_a_rare_image_comes_as_itself_and_in_every_copy_and_a_common_one_at_most_once(common_and_rare):
    plan = resampling_plan(common_and_rare, CLASSES, RULE, seed=0)
    copies = plan.group_by("image_id").agg("copy").join(common_and_rare, on="image_id")
    for finding, numbers in (("Edema", [0, 1, 2, 3, 4, 5]), ("Mass", [0]), ("No Finding", [0])):
        assert copies.filter(pl.col(finding) == 1)["copy"].to_list() == [numbers] * len(
            copies.filter(pl.col(finding) == 1)
        )


def test_the_plan_keeps_the_order_of_the_images_and_its_draw_does_not_depend_on_it(common_and_rare):
    plan = resampling_plan(common_and_rare, CLASSES, RULE, seed=0)
    assert plan["image_id"].unique(maintain_order=True).is_in(common_and_rare["image_id"].implode()).all()
    place = {image_id: number for number, image_id in enumerate(common_and_rare["image_id"])}
    assert [place[image_id] for image_id in plan["image_id"]] == sorted(
        place[image_id] for image_id in plan["image_id"]
    )
    backwards = resampling_plan(common_and_rare.reverse(), CLASSES, RULE, seed=0)
    assert set(backwards.rows()) == set(plan.rows())
    assert set(resampling_plan(common_and_rare, CLASSES, RULE, seed=1).rows()) != set(plan.rows())


def test_every_common_image_can_be_kept(common_and_rare):
    selected: dict[str, int] = {}
    for seed in range(50):
        for image_id in resampling_plan(common_and_rare, CLASSES, RULE, seed).filter(pl.col("copy") == 0)["image_id"]:
            selected[image_id] = selected.get(image_id, 0) + 1
    # 50 draws at 0.4: 20 expected, standard deviation 3.5; 280 images stay within five deviations, none is always out
    common = common_and_rare.filter(pl.col("No Finding") == 1)["image_id"]
    assert min(selected.get(image_id, 0) for image_id in common) > 2
    assert max(selected[image_id] for image_id in common) < 38


def test_images_of_no_class_or_of_two_are_refused(images):
    with pytest.raises(HilumError, match="expected images of exactly one class; found 2 others, first a0"):
        resampling_plan(images(["p", "q", "r"], Mass=[1, 0, 1], Edema=[1, None, 0]), ["Mass", "Edema"], RULE, 0)


def test_rules_that_cannot_be_followed_are_refused():
    with pytest.raises(HilumError, match="resampling: expected below <= above"):
        Resampling(above=0.05)
    for wrong in ({"keep": 0}, {"keep": 1.01}, {"copies": len(COPIES) + 1}):
        with pytest.raises(HilumError, match=rf"resampling\.{next(iter(wrong))}: expected a"):
            Resampling(**wrong)


def test_the_copies_are_a_flip_and_four_rotations():
    # Elwirehardja et al. 2025, section 3.2
    assert [(copy.flip, copy.degrees) for copy in COPIES] == [
        (True, 0),
        (False, -40),
        (False, -20),
        (False, 20),
        (False, 40),
    ]
