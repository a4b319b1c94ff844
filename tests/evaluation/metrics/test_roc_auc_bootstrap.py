import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.metrics import roc_auc_score

from hilum.evaluation.bootstrap import bootstrap_counts
from hilum.evaluation.metrics import bootstrap_roc_auc


def images(images=400, patients=90, findings=3, models=2, digits=2, seed=0):
    rng = np.random.default_rng(seed)
    owners = np.unique(rng.integers(0, patients, images), return_inverse=True)[1].astype(np.int32)
    labels = (rng.random((images, findings)) < [0.5, 0.2, 0.05][:findings]).astype(float)
    scores = np.round(rng.normal(size=(models, images, findings)) + labels, digits)
    return labels, scores, owners


def slowly_resampled(labels, scores, owners, n_bootstrap, seed):
    """scikit-learn, weighted by how often each image's patient was drawn."""
    units = owners.max() + 1
    counts = bootstrap_counts(units, draws=units, n_bootstrap=n_bootstrap, seed=seed)
    out = np.full((len(scores), labels.shape[1], n_bootstrap), np.nan)
    for model, finding, resample in np.ndindex(out.shape):
        weight = counts[owners, resample].astype(float)
        used = (weight > 0) & ~np.isnan(labels[:, finding])
        label = labels[used, finding]
        if 0 < label.sum() < len(label):
            out[model, finding, resample] = roc_auc_score(
                label, scores[model, used, finding], sample_weight=weight[used]
            )
    return out


@pytest.mark.parametrize("digits", [0, 1, 16])
def test_equals_scikit_learn_on_the_same_resamples(digits):
    labels, scores, owners = images(digits=digits)
    labels[::7, 1] = np.nan
    fast = bootstrap_roc_auc(labels, scores, owners, n_bootstrap=70, seed=3)
    assert np.allclose(fast, slowly_resampled(labels, scores, owners, 70, 3), rtol=0, atol=1e-12, equal_nan=True)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=12))
def test_equals_scikit_learn_in_the_smallest_cases(rows):
    label, score, owner = np.array(rows).T
    owners = np.unique(owner, return_inverse=True)[1].astype(np.int32)
    labels, scores = label[:, None].astype(float), score[None, :, None].astype(float)
    fast = bootstrap_roc_auc(labels, scores, owners, n_bootstrap=20, seed=0)
    assert np.allclose(fast, slowly_resampled(labels, scores, owners, 20, 0), rtol=0, atol=1e-12, equal_nan=True)


def test_patients_are_resampled_not_images():
    labels, scores, owners = images(images=80, patients=10**6)  # one image a patient
    copies = [np.repeat(part, 4, axis=axis) for part, axis in ((labels, 0), (scores, 1), (owners, 0))]
    once = bootstrap_roc_auc(labels, scores, owners, n_bootstrap=200, seed=0)
    assert np.allclose(bootstrap_roc_auc(*copies, n_bootstrap=200, seed=0), once, rtol=0, atol=1e-12, equal_nan=True)
    as_patients = bootstrap_roc_auc(copies[0], copies[1], np.arange(320, dtype=np.int32), n_bootstrap=200, seed=0)
    assert np.std(as_patients[0, 0]) < 0.65 * np.std(once[0, 0])  # a half, were there infinitely many resamples


def test_the_same_seed_gives_the_same_numbers_with_any_number_of_threads():
    labels, scores, owners = images()
    one, three = (bootstrap_roc_auc(labels, scores, owners, n_bootstrap=200, seed=1, threads=n) for n in (1, 3))
    assert np.array_equal(one, three, equal_nan=True)


def test_a_resample_is_the_same_among_100_and_among_1000():
    labels, scores, owners = images()
    few, many = (bootstrap_roc_auc(labels, scores, owners, n_bootstrap=n, seed=1) for n in (100, 1000))
    assert np.array_equal(few, many[..., :100], equal_nan=True)


def test_a_finding_does_not_depend_on_the_others_beside_it():
    labels, scores, owners = images()
    alone = bootstrap_roc_auc(labels[:, 1:2], scores[1:, :, 1:2], owners, n_bootstrap=64, seed=1)
    assert np.array_equal(alone[0, 0], bootstrap_roc_auc(labels, scores, owners, n_bootstrap=64, seed=1)[1, 1])


def test_resamples_without_a_positive_are_undefined():
    labels = np.zeros((30, 1))
    labels[0] = 1
    resampled = bootstrap_roc_auc(
        labels, np.arange(30.0)[None, :, None], np.arange(30, dtype=np.int32), n_bootstrap=2000, seed=0
    )
    share = np.isnan(resampled).mean()
    assert share == pytest.approx((1 - 1 / 30) ** 30, abs=0.04)  # the chance that the one positive is never drawn
    assert set(np.unique(resampled[~np.isnan(resampled)])) == {0.0}


def test_progress_ends_at_the_number_of_resamples():
    message = []
    labels, scores, owners = images()
    bootstrap_roc_auc(
        labels,
        scores,
        owners,
        n_bootstrap=100,
        seed=0,
        on_progress=lambda done, total, note: message.append((done, total)),
    )
    assert message == [(64, 100), (100, 100)]
