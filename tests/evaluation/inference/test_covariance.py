import numpy as np
import pytest

from hilum.evaluation import delong
from hilum.evaluation.inference import auroc_covariance, bootstrap_covariance
from hilum.evaluation.metrics import bootstrap_roc_auc


@pytest.fixture
def scored():
    """Labels (N, F) with unknown ones, scores (M, N, F) with ties, owners (N,) with several images each."""
    rng = np.random.default_rng(0)
    owner = np.unique(np.sort(rng.integers(0, 150, 500)), return_inverse=True)[1].astype(np.int32)
    sick = rng.random(owner.max() + 1)[owner]
    labels = np.stack([sick + 0.3 * rng.random(len(owner)) > bound for bound in (0.7, 0.9, 1.0)], axis=1).astype(float)
    labels[::17, 1] = np.nan
    of_patient = rng.normal(size=(owner.max() + 1, 1))[owner]
    noise = rng.normal(size=(4, len(owner), 3))
    return labels, np.round(np.nan_to_num(labels) + of_patient + noise, 1), owner


def test_of_one_finding_it_is_obuchowskis(scored):
    labels, layers, owner = scored
    known = auroc_covariance(labels, layers, owner, mean_over=np.ones(3, dtype=bool), threads=2)
    for finding in range(3):
        one = delong(labels[:, finding], layers[:, :, finding], owner)
        assert known.estimates[finding] == pytest.approx(one.aurocs, abs=1e-12)
        assert known.covariance[finding] == pytest.approx(one.covariance, abs=1e-15)


def test_the_mean_over_findings_sums_components_of_a_patients_images_over_all_findings(scored):
    """The definition, in loops: components by comparing each positive with each negative."""
    labels, layers, owner = scored
    units, chosen = owner.max() + 1, [0, 2]
    summed, single, own = np.zeros((4, units)), np.zeros((4, 4)), np.zeros((4, 4))
    for finding in chosen:
        positive, negative = (np.flatnonzero(labels[:, finding] == side) for side in (1, 0))
        parts = np.zeros((4, units))
        for model in range(4):
            score = layers[model, :, finding]
            wins = (score[positive][:, None] > score[negative]) + 0.5 * (score[positive][:, None] == score[negative])
            area = wins.mean()
            np.add.at(parts[model], owner[positive], (wins.mean(axis=1) - area) / len(positive))
            np.add.at(parts[model], owner[negative], (wins.mean(axis=0) - area) / len(negative))
        summed += parts
        own += parts @ parts.T
        single += delong(labels[:, finding], layers[:, :, finding], owner).covariance
    expected = (single + units / (units - 1) * (summed @ summed.T - own)) / 4
    known = auroc_covariance(labels, layers, owner, mean_over=np.array([True, False, True]))
    assert known.covariance[-1] == pytest.approx(expected, abs=1e-15)
    assert known.estimates[-1] == pytest.approx(known.estimates[chosen].mean(axis=0))


def test_resamples_of_patients_have_that_covariance(scored):
    labels, layers, owner = scored
    drawn = bootstrap_roc_auc(labels, layers, owner, n_bootstrap=4000, seed=0)
    known = auroc_covariance(labels, layers, owner, mean_over=np.ones(3, dtype=bool))
    macro = bootstrap_covariance(known.estimates[-1:].T, drawn.mean(axis=1, keepdims=True))
    assert macro.covariance[0] == pytest.approx(known.covariance[-1], rel=0.12)


def test_a_mean_over_no_finding_has_no_number(scored):
    labels, layers, owner = scored
    labels[:, 2] = 0
    known = auroc_covariance(labels, layers, owner, mean_over=np.zeros(3, dtype=bool))
    assert np.isnan(known.covariance[-1]).all()
    assert np.isnan(known.covariance[2]).all()
    assert np.isfinite(known.covariance[:2]).all()
