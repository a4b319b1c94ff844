import numpy as np
import pytest

from hilum.evaluate.arms import align
from hilum.evaluate.auroc import aurocs
from hilum.evaluate.redrawn_auroc import redrawn_auroc
from hilum.evaluate.replicates import redraw_arms, seed_weights


def test_the_estimate_is_the_mean_over_seeds(make_predictions):
    seeds = [make_predictions(scores_seed=number) for number in range(3)]
    arm = redraw_arms(align({"a": seeds}), redraws=64, seed=0)["a"]
    assert arm.estimate == pytest.approx(np.mean([aurocs(s.labels, s.scores) for s in seeds], axis=0), abs=1e-12)


def test_each_redraw_is_the_mean_of_the_seeds_drawn_there(make_predictions):
    aligned = align({"a": [make_predictions(scores_seed=number) for number in range(3)]})
    arm = redraw_arms(aligned, redraws=70, seed=5)["a"]
    single = redrawn_auroc(aligned.labels, aligned.scores["a"], aligned.patients, redraws=70, seed=5)
    weights = seed_weights(3, redraws=70, seed=5)
    slow = [[sum(weights[s, b] * single[s, f, b] for s in range(3)) for b in range(70)] for f in range(2)]
    assert arm.redrawn == pytest.approx(np.array(slow), abs=1e-12)


def test_equal_seeds_are_as_one(make_predictions):
    one = make_predictions()
    arms = redraw_arms(align({"once": [one], "thrice": [one, one, one]}), redraws=200, seed=0)
    assert arms["thrice"].redrawn == pytest.approx(arms["once"].redrawn, abs=1e-12)


def test_seeds_that_differ_widen_the_redraws(make_predictions):
    unlike = [make_predictions(patients=200, scores_seed=number, signal=1.0 + number) for number in range(3)]
    aligned = align({"a": unlike})
    patients_only = redrawn_auroc(aligned.labels, aligned.scores["a"], aligned.patients, redraws=500, seed=0).mean(
        axis=0
    )
    assert np.all(redraw_arms(aligned, redraws=500, seed=0)["a"].redrawn.std(axis=1) > 1.5 * patients_only.std(axis=1))


def test_seed_weights_have_the_mean_and_variance_of_drawing_with_replacement():
    weights = seed_weights(4, redraws=20_000, seed=0)
    assert weights.sum(axis=0) == pytest.approx(1)
    assert weights.mean(axis=1) == pytest.approx(0.25, abs=0.01)
    assert weights.var(axis=1) == pytest.approx(0.25 * 0.75 / 4, rel=0.05)


def test_arms_with_the_same_number_of_seeds_get_the_same_seeds(make_predictions):
    seeds = [make_predictions(scores_seed=number) for number in range(2)]
    arms = redraw_arms(align({"a": seeds, "b": seeds}), redraws=100, seed=0)
    assert np.array_equal(arms["a"].redrawn, arms["b"].redrawn)


def test_macro_is_the_mean_of_the_included_findings_in_every_redraw(make_predictions):
    arm = redraw_arms(align({"a": [make_predictions()]}), redraws=64, seed=0)["a"]
    estimate, redrawn = arm.macro(np.array([True, True]))
    assert estimate == pytest.approx(arm.estimate.mean())
    assert redrawn == pytest.approx(arm.redrawn.mean(axis=0))
    assert arm.macro(np.array([False, True]))[0] == arm.estimate[1]
    assert np.isnan(arm.macro(np.array([False, False]))[0])
