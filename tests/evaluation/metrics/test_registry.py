import numpy as np
import pytest
from sklearn import metrics as sk

from hilum.evaluation import brier, expected_calibration_error
from hilum.evaluation.bootstrap import bootstrap_counts, bootstrap_statistics, point_estimate_counts
from hilum.evaluation.metrics import AVERAGES, METRICS, Scored, compute_metrics, statistics_for

FINDINGS, MODELS = 3, 2


@pytest.fixture
def scored() -> Scored:
    rng = np.random.default_rng(0)
    labels = (rng.random((300, FINDINGS)) < [0.5, 0.2, 0.1]).astype(float)
    layers = np.round(1 / (1 + np.exp(-rng.normal(size=(MODELS, 300, FINDINGS)) - labels + 1)), 2)
    labels[::9, 1] = np.nan
    owners = np.unique(rng.integers(0, 80, 300), return_inverse=True)[1].astype(np.int32)
    included = np.array([True, True, False])
    thresholds = np.array([[0.4, 0.5, 0.3], [0.55, 0.4, 0.45]])
    return Scored(labels, layers, owners, included, thresholds, AVERAGES)


def with_scikit_learn(label, score, called, weight) -> dict[str, float]:
    weights = {"sample_weight": weight}
    return {
        "auroc": sk.roc_auc_score(label, score, **weights),
        "auprc": sk.average_precision_score(label, score, **weights),
        "partial_auroc": sk.roc_auc_score(label, score, max_fpr=0.1, **weights),
        "sensitivity": sk.recall_score(label, called, **weights),
        "specificity": sk.recall_score(label, called, pos_label=0, **weights),
        "accuracy": sk.accuracy_score(label, called, **weights),
        "balanced_accuracy": sk.balanced_accuracy_score(label, called, **weights),
        "ppv": sk.precision_score(label, called, **weights),
        "npv": sk.precision_score(label, called, pos_label=0, **weights),
        "f1": sk.f1_score(label, called, **weights),
        "mcc": sk.matthews_corrcoef(label, called, **weights),
        "brier": sk.brier_score_loss(label, score, **weights),
    }


def slowly(scored: Scored, counts) -> list[list[dict[str, float]]]:
    """All metrics of one resample by scikit-learn, per model: findings, then macro, weighted, micro."""
    rows = []
    for layer, thresholds in zip(scored.layers, scored.thresholds, strict=True):
        parts = []
        for finding in range(FINDINGS):
            weight = counts[scored.patients].astype(float)
            used = (weight > 0) & ~np.isnan(scored.labels[:, finding])
            score = layer[used, finding]
            parts.append((scored.labels[used, finding], score, score >= thresholds[finding], weight[used]))
        single = [with_scikit_learn(*part) for part in parts]
        positives = [label @ weight for label, _, _, weight in parts]
        macro = {name: np.mean([single[0][name], single[1][name]]) for name in single[0]}
        weighted = {name: np.average([single[0][name], single[1][name]], weights=positives[:2]) for name in single[0]}
        micro = with_scikit_learn(*(np.concatenate([parts[0][k], parts[1][k]]) for k in range(4)))
        rows.append([*single, macro, weighted, micro])
    return rows


def test_every_metric_equals_scikit_learn_in_every_resample_and_for_every_average(scored):
    names = [name for name in METRICS if name != "ece"]
    resampled = bootstrap_statistics(statistics_for(scored, names), scored.units, n_bootstrap=70, seed=1)
    fast = compute_metrics(resampled, scored, names)
    counts = bootstrap_counts(scored.units, draws=scored.units, n_bootstrap=70, seed=1)
    for resample in (0, 1, 69):
        slow = slowly(scored, counts[:, resample])
        for name in names:
            expected = [[row[name] for row in model] for model in slow]
            assert fast[name][:, :, resample] == pytest.approx(np.array(expected), abs=1e-12), name


def test_the_estimate_is_the_resample_that_draws_everybody_once(scored):
    names = [name for name in METRICS if name != "ece"]
    once = {
        name: values[:, None]
        for name, values in point_estimate_counts(statistics_for(scored, names), scored.units).items()
    }
    fast, slow = compute_metrics(once, scored, names), slowly(scored, np.ones(scored.units))
    for name in names:
        expected = [[row[name] for row in model] for model in slow]
        assert fast[name][:, :, 0] == pytest.approx(np.array(expected), abs=1e-12), name


def test_calibration_error_equals_the_definition(scored):
    once = {
        k: values[:, None] for k, values in point_estimate_counts(statistics_for(scored, ["ece"]), scored.units).items()
    }
    fast = compute_metrics(once, scored, ["ece"])["ece"][..., 0]
    for model, finding in np.ndindex(MODELS, FINDINGS):
        expected = expected_calibration_error(scored.labels[:, finding], scored.layers[model, :, finding])
        assert fast[model, finding] == pytest.approx(expected, abs=1e-12)
    pooled = expected_calibration_error(scored.labels[:, :2].ravel(), scored.layers[0][:, :2].ravel())
    assert fast[0, -1] == pytest.approx(pooled, abs=1e-12)


def test_metrics_do_not_depend_on_which_others_are_asked_for(scored):
    for name in ("auroc", "f1", "brier"):
        alone = compute_metrics(
            bootstrap_statistics(statistics_for(scored, [name]), scored.units, n_bootstrap=64, seed=0), scored, [name]
        )
        among = compute_metrics(
            bootstrap_statistics(statistics_for(scored, METRICS), scored.units, n_bootstrap=64, seed=0), scored, METRICS
        )
        assert np.array_equal(alone[name], among[name])


def test_brier_of_one_finding_is_the_mean_square(scored):
    once = {
        k: values[:, None]
        for k, values in point_estimate_counts(statistics_for(scored, ["brier"]), scored.units).items()
    }
    fast = compute_metrics(once, scored, ["brier"])["brier"][0, :, 0]
    expected = [brier(scored.labels[:, finding], scored.layers[0, :, finding]) for finding in range(FINDINGS)]
    assert fast[:FINDINGS] == pytest.approx(expected, abs=1e-12)
