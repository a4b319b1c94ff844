from itertools import product

import numpy as np
import pytest

from hilum.evaluation import auroc
from hilum.evaluation.inference import permutation_p


def few(rng, patients=9, images=3, better=0.0):
    owner = np.repeat(np.arange(patients, dtype=np.int32), images)
    label = (rng.random(len(owner)) < 0.4).astype(float)
    label[:2] = 0, 1
    return label, label + rng.normal(size=len(owner)), (1 + better) * label + rng.normal(size=len(owner)), owner


def test_it_nears_the_p_of_all_exchanges():
    label, first, second, owner = few(np.random.default_rng(3))
    ranks = [np.argsort(np.argsort(arm)) for arm in (first, second)]
    observed = abs(auroc(label, first) - auroc(label, second))
    beyond = 0
    for coins in product([False, True], repeat=9):
        turned = np.array(coins)[owner]
        one, two = np.where(turned, ranks[1], ranks[0]), np.where(turned, ranks[0], ranks[1])
        beyond += abs(auroc(label, one) - auroc(label, two)) >= observed - 1e-12
    found = permutation_p(label, first, second, owner, permutations=20_000)
    assert found == pytest.approx(beyond / 2**9, abs=0.01)


def test_an_arm_does_not_differ_from_itself_on_another_scale():
    label, first, _, owner = few(np.random.default_rng(0))
    assert permutation_p(label, first, np.exp(first), owner, permutations=200) == 1.0


def test_unknown_labels_count_for_nothing_and_none_of_a_side_gives_no_number():
    label, first, second, owner = few(np.random.default_rng(0))
    holes = np.concatenate([label, [np.nan] * 3])
    more = [np.concatenate([arm, [9.0] * 3]) for arm in (first, second)]
    owners = np.concatenate([owner, [0, 1, 2]]).astype(np.int32)
    known = permutation_p(label, first, second, owner, permutations=300)
    assert permutation_p(holes, *more, owners, permutations=300) == known
    assert np.isnan(permutation_p(np.zeros(27), first, second, owner))


def test_equal_arms_are_claimed_to_differ_in_5_percent():
    p = [
        permutation_p(*few(np.random.default_rng(number), patients=20), permutations=99, seed=number)
        for number in range(300)
    ]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.035)


def test_seeds_are_exchanged_together():
    label, first, second, owner = few(np.random.default_rng(1), patients=40, better=2.0)
    one, two = np.stack([first, first]), np.stack([second, second])
    assert permutation_p(label, one, two, owner) == permutation_p(label, first, second, owner)
