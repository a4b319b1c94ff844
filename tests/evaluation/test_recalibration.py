import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from hilum.errors import HilumError
from hilum.evaluation import as_predictions, auroc, brier, recalibrate
from hilum.evaluation.recalibration import fit_isotonic, fit_platt, fit_temperature


@pytest.fixture
def overconfident():
    """20,000 labels whose true logit is 0.5 x the given one - 1."""
    rng = np.random.default_rng(0)
    given = rng.normal(0, 3, 20_000)
    return (rng.random(20_000) < expit(0.5 * given - 1)).astype(float), expit(given)


def test_platt_finds_the_slope_and_shift_that_made_the_labels(overconfident):
    scaling = fit_platt(*overconfident)
    at = np.array([0.0, 1.0])
    shift, slope_and_shift = logit(scaling(expit(at)))
    assert (slope_and_shift - shift, shift) == pytest.approx((0.5, -1.0), abs=0.05)


def test_platt_is_scikit_learns_logistic_regression_on_logits(overconfident):
    labels, scores = overconfident
    model = LogisticRegression(C=np.inf, tol=1e-8).fit(logit(scores)[:, None], labels)
    expected = model.predict_proba(logit(scores[:50])[:, None])[:, 1]
    assert fit_platt(labels, scores)(scores[:50]) == pytest.approx(expected, abs=1e-4)


def test_temperature_is_the_likeliest_by_brute_force(overconfident):
    labels, scores = overconfident

    def loss(slope):
        return -np.mean(
            labels * np.log(expit(slope * logit(scores))) + (1 - labels) * np.log(expit(-slope * logit(scores)))
        )

    slopes = np.linspace(0.2, 1, 401)
    best = slopes[np.argmin([loss(slope) for slope in slopes])]
    assert logit(fit_temperature(labels, scores)(expit(np.array([1.0])))) == pytest.approx([best], abs=0.003)


def test_isotonic_rises_and_improves_brier(overconfident):
    labels, scores = overconfident
    scaled = fit_isotonic(labels, scores)(np.linspace(0, 1, 50))
    assert np.all(np.diff(scaled) >= 0)
    assert brier(labels, fit_isotonic(labels, scores)(scores)) < brier(labels, scores) - 0.05


def test_scaling_on_validation_keeps_images_and_order_and_says_so(make_table):
    validation = as_predictions(
        make_table(labels_seed=1).with_columns(pl.format("v{}", "image_id").alias("image_id")), name="val.csv"
    )
    test = as_predictions(make_table(), name="test.csv")
    scaled = recalibrate(test, validation, "temperature")
    assert str(scaled.notes[-1]) == "Probabilities are recalibrated (temperature) on test."
    assert scaled.image_ids == test.image_ids
    assert not np.allclose(scaled.scores, test.scores)
    assert auroc(scaled.labels[:, 0], scaled.scores[:, 0]) == auroc(test.labels[:, 0], test.scores[:, 0])


def test_a_finding_without_positives_in_validation_stays_as_it_is(make_table):
    validation = make_table(labels_seed=1).with_columns(
        pl.format("v{}", "image_id").alias("image_id"), pl.lit(0).alias("y_Pneumonia")
    )
    test = as_predictions(make_table(), name="test.csv")
    scaled = recalibrate(test, as_predictions(validation, name="v"), "platt")
    assert np.array_equal(scaled.scores[:, 1], test.scores[:, 1])
    assert str(scaled.notes[-1]).endswith("without positives or negatives there: Pneumonia.")


def test_fitting_on_the_images_that_are_judged_is_refused(make_table):
    test = as_predictions(make_table(), name="test.csv")
    with pytest.raises(HilumError, match="expected other images to fit on; found 120 images in both"):
        recalibrate(test, test)
    with pytest.raises(HilumError, match="expected temperature, platt, isotonic; found beta"):
        recalibrate(test, test, "beta")
