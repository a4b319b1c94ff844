import numpy as np
import pytest
from scipy import stats

from hilum.evaluation import delong
from hilum.evaluation.inference import compare_seeds, joint_test, joint_test_of_seeds


@pytest.fixture
def three_arms():
    rng = np.random.default_rng(4)
    label = (np.arange(200) < 60).astype(float)
    scores = label * np.array([[1.0], [1.3], [1.1]]) + 0.6 * rng.normal(size=200) + 0.8 * rng.normal(size=(3, 200))
    return delong(label, scores)


def test_of_two_arms_it_is_delongs_test(three_arms):
    two = joint_test(three_arms.aurocs[:2], three_arms.covariance[:2, :2])
    assert two.df == 1
    assert two.p == pytest.approx(three_arms.difference(0, 1)[3])


def test_of_three_arms_it_is_delongs_contrast_whichever_arm_comes_first(three_arms):
    contrast = np.array([[1, -1, 0], [0, 1, -1]])
    difference = contrast @ three_arms.aurocs
    statistic = difference @ np.linalg.inv(contrast @ three_arms.covariance @ contrast.T) @ difference
    test = joint_test(three_arms.aurocs, three_arms.covariance)
    assert test.statistic == pytest.approx(statistic)
    assert test.p == pytest.approx(stats.chi2.sf(statistic, 2))
    turned = joint_test(three_arms.aurocs[::-1], three_arms.covariance[::-1, ::-1])
    assert turned.statistic == pytest.approx(statistic)


def test_the_same_model_twice_adds_no_degree_of_freedom(three_arms):
    twice = [0, 1, 1]
    test = joint_test(three_arms.aurocs[twice], three_arms.covariance[np.ix_(twice, twice)])
    assert test.df == 1
    assert test.p == pytest.approx(joint_test(three_arms.aurocs[:2], three_arms.covariance[:2, :2]).p)
    assert joint_test(np.full(3, 0.7), np.zeros((3, 3))).p == 1


def test_of_two_arms_with_seeds_it_is_obuchowski_and_rockettes():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(8, 30)) * 0.003 + 0.01 * rng.normal(size=30)
    covariance, values = root @ root.T, 0.8 + 0.02 * rng.normal(size=8)
    test = joint_test_of_seeds([values[:4], values[4:]], covariance)
    pair = compare_seeds(values[:4], values[4:], covariance)
    assert test.p == pytest.approx(pair.p())
    assert test.df_error == pytest.approx(pair.df)


def test_equal_arms_are_claimed_to_differ_in_5_percent():
    rng = np.random.default_rng(1)
    claims, trials, seeds = 0, 2000, 4
    covariance = np.kron(0.0004 * np.eye(3) + 0.0004, np.ones((seeds, seeds))) + 0.0002 * np.eye(3 * seeds)
    root = np.linalg.cholesky(covariance)
    for _ in range(trials):
        values = root @ rng.normal(size=3 * seeds) + 0.015 * rng.normal(size=3 * seeds)
        claims += joint_test_of_seeds(list(values.reshape(3, seeds)), covariance).p < 0.05
    assert claims / trials == pytest.approx(0.05, abs=0.015)


def test_where_seeds_of_different_arms_vary_together_more_than_their_own_nothing_becomes_negative():
    """As Obuchowski and Rockette take 0 for the variance that is left of a pair."""
    seeds, arms = 2, 3
    between, within = 4e-4, 3e-4  # Cov3 above Cov2
    covariance = np.kron(np.full((arms, arms), between), np.ones((seeds, seeds)))
    for arm in range(arms):
        covariance[arm * seeds : (arm + 1) * seeds, arm * seeds : (arm + 1) * seeds] = within
    covariance += 1e-4 * np.eye(seeds * arms)
    values = [np.array([0.70, 0.71]), np.array([0.70, 0.715]), np.array([0.85, 0.86])]
    test = joint_test_of_seeds(values, covariance)
    mean_square = sum(np.sum((each - each.mean()) ** 2) for each in values) / arms
    means = np.array([each.mean() for each in values])
    assert test.statistic == pytest.approx(np.sum((means - means.mean()) ** 2) / (mean_square / seeds))
    assert test.df == 2
    assert test.p < 0.01
