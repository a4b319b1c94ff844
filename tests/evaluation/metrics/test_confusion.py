import numpy as np
import pytest

from hilum.evaluation.metrics import THRESHOLD_METRICS, Confusion, confusion_at


def of(tp, fp, fn, tn) -> dict[str, float]:
    calls = Confusion(*(np.asarray(float(cell)) for cell in (tp, fp, fn, tn)))
    return {name: float(metric(calls)) for name, metric in THRESHOLD_METRICS.items()}


def test_a_table_of_two_by_two_worked_by_hand():
    numbers = of(tp=30, fp=20, fn=10, tn=140)
    assert numbers == pytest.approx(
        {
            "sensitivity": 0.75,
            "specificity": 0.875,
            "accuracy": 0.85,
            "balanced_accuracy": 0.8125,
            "ppv": 0.6,
            "npv": 140 / 150,
            "f1": 60 / 90,
            "mcc": (30 * 140 - 20 * 10) / np.sqrt(50 * 40 * 160 * 150),
        }
    )


def test_what_is_undefined_is_nan_and_not_zero():
    without_calls = of(tp=0, fp=0, fn=5, tn=5)
    assert np.isnan(without_calls["ppv"])
    assert (without_calls["f1"], without_calls["mcc"], without_calls["npv"]) == (0, 0, 0.5)
    without_positives = of(tp=0, fp=2, fn=0, tn=8)
    assert np.isnan([without_positives[name] for name in ("sensitivity", "balanced_accuracy", "f1", "mcc")]).all()


def test_a_score_at_the_threshold_is_called_positive_and_unknown_labels_are_left_out():
    calls = confusion_at([1, 1, 0, 0, np.nan], [0.5, 0.4, 0.5, 0.1, 0.9], 0.5)
    cells = (calls.true_positives, calls.false_positives, calls.false_negatives, calls.true_negatives)
    assert [float(cell) for cell in cells] == [1, 1, 1, 1]
