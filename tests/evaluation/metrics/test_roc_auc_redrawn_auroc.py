import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from hilum.evaluation.bootstrap import drawn_counts
from hilum.evaluation.metrics import redrawn_auroc


def images(images=400, patients=90, findings=3, models=2, digits=2, seed=0):
    rng = np.random.default_rng(seed)
    owners = np.unique(rng.integers(0, patients, images), return_inverse=True)[1].astype(np.int32)
    labels = (rng.random((images, findings)) < [0.5, 0.2, 0.05][:findings]).astype(float)
    scores = np.round(rng.normal(size=(models, images, findings)) + labels, digits)
    return labels, scores, owners


def slowly_redrawn(labels, scores, owners, redraws, seed):
    """scikit-learn, weighted by how often each image's patient was drawn."""
    units = owners.max() + 1
    counts = drawn_counts(units, draws=units, redraws=redraws, seed=seed)
    out = np.full((len(scores), labels.shape[1], redraws), np.nan)
    for model, finding, redraw in np.ndindex(out.shape):
        weight = counts[owners, redraw].astype(float)
        used = (weight > 0) & ~np.isnan(labels[:, finding])
        label = labels[used, finding]
        if 0 < label.sum() < len(label):
            out[model, finding, redraw] = roc_auc_score(label, scores[model, used, finding], sample_weight=weight[used])
    return out


@pytest.mark.parametrize("digits", [0, 1, 16])
def test_equals_scikit_learn_on_the_same_redraws(digits):
    labels, scores, owners = images(digits=digits)
    labels[::7, 1] = np.nan
    fast = redrawn_auroc(labels, scores, owners, redraws=70, seed=3)
    assert np.allclose(fast, slowly_redrawn(labels, scores, owners, 70, 3), rtol=0, atol=1e-12, equal_nan=True)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=12))
def test_equals_scikit_learn_in_the_smallest_cases(rows):
    label, score, owner = np.array(rows).T
    owners = np.unique(owner, return_inverse=True)[1].astype(np.int32)
    labels, scores = label[:, None].astype(float), score[None, :, None].astype(float)
    fast = redrawn_auroc(labels, scores, owners, redraws=20, seed=0)
    assert np.allclose(fast, slowly_redrawn(labels, scores, owners, 20, 0), rtol=0, atol=1e-12, equal_nan=True)


def test_patients_are_redrawn_not_images():
    labels, scores, owners = images(images=80, patients=10**6)  # one image a patient
    copies = [np.repeat(part, 4, axis=axis) for part, axis in ((labels, 0), (scores, 1), (owners, 0))]
    once = redrawn_auroc(labels, scores, owners, redraws=200, seed=0)
    assert np.allclose(redrawn_auroc(*copies, redraws=200, seed=0), once, rtol=0, atol=1e-12, equal_nan=True)
    as_patients = redrawn_auroc(copies[0], copies[1], np.arange(320, dtype=np.int32), redraws=200, seed=0)
    assert np.std(as_patients[0, 0]) < 0.65 * np.std(once[0, 0])  # a half, were there infinitely many redraws


def test_the_same_seed_gives_the_same_numbers_with_any_number_of_threads():
    labels, scores, owners = images()
    one, three = (redrawn_auroc(labels, scores, owners, redraws=200, seed=1, threads=n) for n in (1, 3))
    assert np.array_equal(one, three, equal_nan=True)


def test_a_redraw_is_the_same_among_100_and_among_1000():
    labels, scores, owners = images()
    few, many = (redrawn_auroc(labels, scores, owners, redraws=n, seed=1) for n in (100, 1000))
    assert np.array_equal(few, many[..., :100], equal_nan=True)


def test_a_finding_does_not_depend_on_the_others_beside_it():
    labels, scores, owners = images()
    alone = redrawn_auroc(labels[:, 1:2], scores[1:, :, 1:2], owners, redraws=64, seed=1)
    assert np.array_equal(alone[0, 0], redrawn_auroc(labels, scores, owners, redraws=64, seed=1)[1, 1])


def test_redraws_without_a_positive_are_undefined():
    labels = np.zeros((30, 1))
    labels[0] = 1
    redrawn = redrawn_auroc(labels, np.arange(30.0)[None, :, None], np.arange(30, dtype=np.int32), redraws=2000, seed=0)
    share = np.isnan(redrawn).mean()
    assert share == pytest.approx((1 - 1 / 30) ** 30, abs=0.04)  # the chance that the one positive is never drawn
    assert set(np.unique(redrawn[~np.isnan(redrawn)])) == {0.0}


def test_progress_ends_at_the_number_of_redraws():
    told = []
    labels, scores, owners = images()
    redrawn_auroc(
        labels, scores, owners, redraws=100, seed=0, on_progress=lambda done, total, note: told.append((done, total))
    )
    assert told == [(64, 100), (100, 100)]
