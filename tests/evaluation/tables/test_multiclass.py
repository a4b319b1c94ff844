import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

from hilum.errors import HilumError
from hilum.evaluation import as_predictions, class_calls, evaluate_multiclass
from hilum.evaluation.bootstrap import bootstrap_counts

CLASSES = ["No Finding", "Mass", "Nodule"]


@pytest.fixture
def table() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    true = rng.choice(3, 240, p=[0.6, 0.3, 0.1])
    scores = rng.random((240, 3)) + 0.6 * np.eye(3)[true]
    scores /= scores.sum(axis=1, keepdims=True)
    columns = {
        "image_id": [f"{i:03d}" for i in range(240)],
        "patient_id": [str(i // 2) for i in range(240)],
        "split": ["test"] * 240,
    }
    for at, name in enumerate(CLASSES):
        columns |= {"y_" + name: (true == at).astype(int), "p_" + name: scores[:, at]}
    return pl.DataFrame(columns)


def test_the_confusion_matrix_equals_scikit_learn(table):
    calls = class_calls(as_predictions(table, name="t"))
    assert calls.classes == CLASSES
    assert np.array_equal(calls.confusion, sk.confusion_matrix(calls.true, calls.called))


def test_numbers_and_their_resamples_equal_scikit_learn(table):
    predictions = as_predictions(table, name="t")
    calls = class_calls(predictions)
    rows = {(row["class"], row["metric"]): row for row in evaluate_multiclass([predictions], n_bootstrap=60).to_dicts()}
    owners = np.unique(predictions.patients, return_inverse=True)[1]
    counts = bootstrap_counts(120, draws=120, n_bootstrap=60, seed=0)

    def slow(metric, average, **choices):
        resampled = [
            np.atleast_1d(
                metric(calls.true, calls.called, sample_weight=counts[owners, b], average=average, **choices)
            )[-1]
            for b in range(60)
        ]
        return np.quantile(resampled, [0.025, 0.975])

    macro = rows["macro", "f1"]
    assert macro["estimate"] == pytest.approx(sk.f1_score(calls.true, calls.called, average="macro"), abs=1e-12)
    assert (macro["ci_low"], macro["ci_high"]) == pytest.approx(slow(sk.f1_score, "macro"), abs=1e-12)
    named = rows["No Finding", "precision"]
    expected = sk.precision_score(calls.true, calls.called, labels=[0], average=None)[0]
    assert named["estimate"] == pytest.approx(expected, abs=1e-12)
    assert (named["ci_low"], named["ci_high"]) == pytest.approx(slow(sk.precision_score, None, labels=[0]), abs=1e-12)
    accuracy = sk.accuracy_score(calls.true, calls.called)
    assert rows["macro", "accuracy"]["estimate"] == pytest.approx(accuracy, abs=1e-12)
    recall = sk.recall_score(calls.true, calls.called, average="macro")
    assert rows["macro", "recall"]["estimate"] == pytest.approx(recall, abs=1e-12)


def test_classes_without_images_are_left_out_of_the_means_and_stated(table):
    with_empty = table.with_columns(pl.lit(0).alias("y_Hernia"), pl.lit(0.0).alias("p_Hernia"))
    whole, more = (evaluate_multiclass([as_predictions(t, name="t")], n_bootstrap=40) for t in (table, with_empty))
    assert more["estimate"][0] == whole["estimate"][0]
    assert more["note"][0] == "without images, excluded: Hernia"


def test_images_of_several_classes_or_none_are_refused(table):
    several = table.with_columns(pl.lit(1).alias("y_Mass"))
    with pytest.raises(HilumError, match="exactly one positive class for each image"):
        class_calls(as_predictions(several, name="t"))
