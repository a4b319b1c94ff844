import numpy as np
import pytest

from hilum.evaluation.estimation import arms_of_layers, bootstrap_layers, seed_weights, stratify_by_rarest_label
from hilum.evaluation.metrics import aurocs, bootstrap_roc_auc
from hilum.evaluation.predictions.align import align

BOTH = np.array([True, True])


def bootstrap_arms(aligned, **options):
    return arms_of_layers(aligned, bootstrap_layers(aligned, **options))


def test_the_estimate_is_the_mean_over_seeds(make_predictions):
    seeds = [make_predictions(scores_seed=number) for number in range(3)]
    arm = bootstrap_arms(align({"a": seeds}), n_bootstrap=64, seed=0, included=BOTH)["a"]
    assert arm.auroc.estimate[:2] == pytest.approx(
        np.mean([aurocs(s.labels, s.scores) for s in seeds], axis=0), abs=1e-12
    )


def test_each_resample_is_the_mean_of_the_seeds_drawn_there(make_predictions):
    aligned = align({"a": [make_predictions(scores_seed=number) for number in range(3)]})
    arm = bootstrap_arms(aligned, n_bootstrap=70, seed=5, included=BOTH)["a"]
    single = bootstrap_roc_auc(aligned.labels, aligned.scores["a"], aligned.patients, n_bootstrap=70, seed=5)
    weights = seed_weights(3, n_bootstrap=70, seed=5)
    slow = [[sum(weights[s, b] * single[s, f, b] for s in range(3)) for b in range(70)] for f in range(2)]
    assert arm.auroc.resampled[:2] == pytest.approx(np.array(slow), abs=1e-12)


def test_equal_seeds_are_as_one(make_predictions):
    one = make_predictions()
    arms = bootstrap_arms(align({"once": [one], "thrice": [one, one, one]}), n_bootstrap=200, seed=0, included=BOTH)
    assert arms["thrice"].auroc.resampled == pytest.approx(arms["once"].auroc.resampled, abs=1e-12)


def test_seeds_that_differ_widen_the_resamples(make_predictions):
    unlike = [make_predictions(patients=200, scores_seed=number, signal=1.0 + number) for number in range(3)]
    aligned = align({"a": unlike})
    patients_only = bootstrap_roc_auc(
        aligned.labels, aligned.scores["a"], aligned.patients, n_bootstrap=500, seed=0
    ).mean(axis=0)
    arm = bootstrap_arms(aligned, n_bootstrap=500, seed=0, included=BOTH)["a"]
    assert np.all(arm.auroc.resampled[:2].std(axis=1) > 1.5 * patients_only.std(axis=1))


def test_seed_weights_have_the_mean_and_variance_of_drawing_with_replacement():
    weights = seed_weights(4, n_bootstrap=20_000, seed=0)
    assert weights.sum(axis=0) == pytest.approx(1)
    assert weights.mean(axis=1) == pytest.approx(0.25, abs=0.01)
    assert weights.var(axis=1) == pytest.approx(0.25 * 0.75 / 4, rel=0.05)


def test_arms_with_the_same_number_of_seeds_get_the_same_seeds(make_predictions):
    seeds = [make_predictions(scores_seed=number) for number in range(2)]
    arms = bootstrap_arms(align({"a": seeds, "b": seeds}), n_bootstrap=100, seed=0, included=BOTH)
    assert np.array_equal(arms["a"].auroc.resampled, arms["b"].auroc.resampled)


def test_macro_is_the_mean_of_the_included_findings_in_every_resample(make_predictions):
    aligned = align({"a": [make_predictions()]})
    both, second, none = (
        bootstrap_arms(aligned, n_bootstrap=64, seed=0, included=np.array(included))["a"].auroc
        for included in ([True, True], [False, True], [False, False])
    )
    assert both.estimate[2] == pytest.approx(both.estimate[:2].mean())
    assert both.resampled[2] == pytest.approx(both.resampled[:2].mean(axis=0))
    assert second.estimate[2] == second.estimate[1]
    assert np.isnan(none.estimate[2])


def test_the_jackknife_leaves_out_each_patient_in_turn(make_predictions):
    predictions = make_predictions(patients=70)
    arm = bootstrap_arms(align({"a": [predictions]}), n_bootstrap=64, seed=0, included=BOTH, jackknife=True)["a"]
    owners = np.array(predictions.patients)
    slow = [
        aurocs(predictions.labels[owners != patient], predictions.scores[owners != patient])
        for patient in np.unique(owners)
    ]
    assert arm.auroc.jackknife[:2] == pytest.approx(np.array(slow).T, abs=1e-12)


def test_strata_are_of_the_rarest_finding_a_patient_has():
    labels = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0], [np.nan, 0]])
    strata = stratify_by_rarest_label(labels, np.array([0, 1, 2, 3, 4, 3], dtype=np.int32))
    assert strata.tolist() == [2, 1, 1, 0, 2]


def test_resamples_within_strata_keep_the_number_of_positive_patients(make_predictions):
    aligned = align({"a": [make_predictions(patients=30, images_each=1, prevalence={"Hernia": 0.1})]})
    strata = stratify_by_rarest_label(aligned.labels, aligned.patients)
    one = np.array([True])
    free = bootstrap_arms(aligned, n_bootstrap=500, seed=0, included=one)["a"].auroc.resampled
    selected = bootstrap_layers(aligned, n_bootstrap=500, seed=0, included=one, strata=strata).resampled["auroc"]
    assert np.isnan(free).any()
    assert not np.isnan(selected).any()
