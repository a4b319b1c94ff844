import numpy as np
import pytest

from hilum.explanation.selection import (
    RULES,
    at_random,
    chosen_images,
    hardest_negatives,
    hardest_positives,
    most_confident,
    true_positives,
)

LABELS = np.array([1, 1, 1, 0, 0, np.nan])
SCORES = np.array([[0.9, 0.8, 0.1, 0.7, 0.2, 0.99], [0.9, 0.2, 0.6, 0.3, 0.5, 0.99]])
LOT = np.array([5, 4, 3, 2, 1, 0])


def test_correct_by_both_are_positives_among_the_highest_of_every_model():
    # three are positive: model 1 calls images 0, 1, 3 positive, model 2 calls 0, 2, 4; the unknown image is in nobody's way
    assert true_positives(LABELS, SCORES, LOT).tolist() == [0]
    assert true_positives(LABELS, SCORES[:1], LOT).tolist() == [1, 0]
    assert len(true_positives(LABELS * 0, SCORES, LOT)) == 0


def test_the_other_rules_ask_all_models_too():
    assert most_confident(LABELS, SCORES, LOT).tolist() == [0, 1, 2]
    assert hardest_positives(LABELS, SCORES, LOT).tolist() == [2, 1, 0]
    assert hardest_negatives(LABELS, SCORES, LOT).tolist() == [3, 4]
    assert at_random(LABELS, SCORES, LOT).tolist() == [2, 1, 0]


def test_without_labels_there_are_scores_and_lots():
    unknown = np.full(6, np.nan)
    assert most_confident(unknown, SCORES, LOT)[0] == 5
    assert at_random(unknown, SCORES, LOT).tolist() == LOT.tolist()
    assert [
        len(RULES[name](unknown, SCORES, LOT)) for name in ("true positive", "hardest positive", "hardest negative")
    ] == [0, 0, 0]


def test_an_image_is_shown_once():
    ids = [f"film{n}" for n in range(6)]
    chosen = chosen_images(ids, LABELS, SCORES, count=2, seed=0)
    assert len({image_id for _, image_id in chosen}) == len(chosen) == 5
    assert chosen[0] == ("true positive", "film0")
    assert "film0" not in {image_id for _, image_id in chosen[1:]}


@pytest.mark.parametrize("seed", [0, 1])
def test_lots_depend_on_the_seed_and_not_on_the_order_of_images(seed):
    ids = [f"film{n}" for n in range(40)]
    labels, scores = np.ones(40), np.full((1, 40), 0.5)
    forwards = chosen_images(ids, labels, scores, count=3, seed=seed)
    assert forwards == chosen_images(ids[::-1], labels, scores, count=3, seed=seed)
    assert forwards != chosen_images(ids, labels, scores, count=3, seed=seed + 2)
