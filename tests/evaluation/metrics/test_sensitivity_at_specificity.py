import numpy as np
import pytest

from hilum.errors import HilumError
from hilum.evaluation import choose_threshold, compare_predictions, evaluate_predictions
from hilum.evaluation.bootstrap import BLOCK, bootstrap_counts
from hilum.evaluation.metrics import confusion_at, specificity_of
from hilum.evaluation.metrics.sensitivity_at_specificity import (
    sensitivity_at_specificity,
    sensitivity_at_specificity_statistic,
)


def slow(label, score, specificity):
    """Sensitivity at the threshold that `specificity=S` chooses."""
    threshold = choose_threshold(label, score, f"specificity={specificity}")
    calls = confusion_at(label, score, threshold)
    return float(calls.true_positives / (calls.true_positives + calls.false_negatives))


@pytest.mark.parametrize("specificity", [0.5, 0.9, 0.95])
def test_it_is_the_sensitivity_at_the_threshold_chosen_by_the_rule(specificity):
    for number in range(20):
        rng = np.random.default_rng(number)
        label = (rng.random(70) < 0.4).astype(float)
        score = np.round(label + rng.normal(size=70), 1)
        assert sensitivity_at_specificity(label, score, specificity) == pytest.approx(slow(label, score, specificity))


def test_in_resamples_the_threshold_is_chosen_anew():
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(40, dtype=np.int32), 2)
    label = (rng.random(80) < 0.4).astype(float)
    score = np.round(label + rng.normal(size=80), 1)
    counts = bootstrap_counts(40, draws=40, n_bootstrap=BLOCK, seed=1)
    statistic = sensitivity_at_specificity_statistic([(label, score)], owner, specificity=0.8)
    expected = [slow(np.repeat(label, counts[owner, b]), np.repeat(score, counts[owner, b]), 0.8) for b in range(BLOCK)]
    assert statistic(counts)[0] == pytest.approx(np.array(expected))


def test_arms_are_compared_at_the_same_specificity(make_predictions):
    arms = [[make_predictions(patients=200, signal=signal, scores_seed=s) for s in (0, 1)] for signal in (2.0, 0.5)]
    name = "sensitivity_at_specificity_0.9"
    row = compare_predictions(*arms, metrics=[name], n_bootstrap=200).row(1, named=True)
    each = [evaluate_predictions(arm, metrics=[name], n_bootstrap=200)["estimate"][1] for arm in arms]
    assert row["difference"] == pytest.approx(each[0] - each[1])
    assert row["p"] < 0.05
    slowly = np.mean([slow(one.labels[:, 0], one.scores[:, 0], 0.9) for one in arms[0]])
    assert each[0] == pytest.approx(slowly)


def test_other_names_are_refused(make_predictions):
    assert specificity_of("sensitivity_at_specificity_1.5") is specificity_of("auroc") is None
    with pytest.raises(HilumError, match=r"sensitivity_at_specificity_0\.9 \(or another specificity\)"):
        evaluate_predictions([make_predictions()], metrics=["sensitivity_at_specificity_x"], n_bootstrap=100)
