import numpy as np
import pytest
from scipy import stats

from hilum.evaluation import auroc, delong
from hilum.evaluation.inference import cluster_jackknife


def test_of_a_mean_it_is_the_t_interval():
    values = np.random.default_rng(0).normal(size=12)
    patients = np.arange(12, dtype=np.int32)
    mean, error, low, high = cluster_jackknife(lambda selected: float(values[selected].mean()), patients)
    expected = stats.t.interval(0.95, 11, loc=values.mean(), scale=stats.sem(values))
    assert (mean, error) == pytest.approx((values.mean(), stats.sem(values)))
    assert (low, high) == pytest.approx(expected)


def test_of_an_auroc_it_is_nearly_obuchowskis():
    rng = np.random.default_rng(1)
    owner = np.repeat(np.arange(80, dtype=np.int32), 2)
    label = (rng.random(160) < 0.4).astype(float)
    score = label + rng.normal(size=80)[owner] + rng.normal(size=160)
    _, error, _, _ = cluster_jackknife(lambda selected: auroc(label[selected], score[selected]), owner)
    assert error == pytest.approx(np.sqrt(delong(label, score, owner).covariance[0, 0]), rel=0.05)


def test_where_a_patient_is_all_there_is_of_a_side_there_is_no_interval():
    label, score = np.array([1.0, 0.0, 0.0]), np.array([0.9, 0.2, 0.4])
    whole, error, _, _ = cluster_jackknife(
        lambda selected: auroc(label[selected], score[selected]), np.arange(3, dtype=np.int32)
    )
    assert whole == 1
    assert np.isnan(error)
