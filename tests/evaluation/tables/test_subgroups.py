import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.evaluation import Thresholds, age_bands, as_predictions, auroc, evaluate_subgroups
from hilum.evaluation.inference import percentile_interval
from hilum.evaluation.metrics import bootstrap_roc_auc


@pytest.fixture
def women_and_men(make_table):
    """A model that says nothing about the women, who are every second patient."""
    table = make_table(patients=400, signal=2.0)
    woman = np.array([int(patient) % 2 == 0 for patient in table["patient_id"]])
    flat = pl.Series("p_Pneumonia", np.where(woman, np.random.default_rng(5).random(800), table["p_Pneumonia"]))
    predictions = as_predictions(table.with_columns(flat), name="model")
    sex = {image: "F" if w else "M" for image, w in zip(table["image_id"], woman, strict=True)}
    return predictions, sex


def rows_of(table: pl.DataFrame) -> dict:
    return {(row["group"], row["finding"], row["metric"]): row for row in table.to_dicts()}


def test_each_group_is_measured_and_its_gap_found(women_and_men):
    predictions, sex = women_and_men
    rows = rows_of(evaluate_subgroups([predictions], {"sex": sex}, n_bootstrap=400))
    women = np.array([sex[image] == "F" for image in predictions.image_ids])
    expected = auroc(predictions.labels[women, 1], predictions.scores[women, 1])
    woman, man = rows["F", "Pneumonia", "auroc"], rows["M", "Pneumonia", "auroc"]
    assert woman["estimate"] == pytest.approx(expected, abs=1e-12)
    assert woman["gap"] == pytest.approx(woman["estimate"] - man["estimate"]) == pytest.approx(-man["gap"])
    assert woman["gap_ci_high"] < 0
    assert woman["p_adjusted"] < 0.05
    assert rows["F", "Pleural Effusion", "auroc"]["p_adjusted"] > 0.05


def test_groups_are_on_the_same_resamples_of_patients(women_and_men):
    predictions, sex = women_and_men
    table = evaluate_subgroups([predictions], {"sex": sex}, n_bootstrap=200, seed=3)
    women = np.array([sex[image] == "F" for image in predictions.image_ids])
    owners = np.unique(predictions.patients, return_inverse=True)[1].astype(np.int32)
    each = [
        bootstrap_roc_auc(
            np.where(side, predictions.labels[:, 0], np.nan)[:, None],
            predictions.scores[None, :, :1],
            owners,
            n_bootstrap=200,
            seed=3,
        )[0, 0]
        for side in (women, ~women)
    ]
    row = rows_of(table)["F", "Pleural Effusion", "auroc"]
    rarer = min(row["positive_patients"], rows_of(table)["M", "Pleural Effusion", "auroc"]["positive_patients"])
    assert (row["gap_ci_low"], row["gap_ci_high"]) == percentile_interval(each[0] - each[1], patients=rarer)


def test_two_groups_are_one_test(women_and_men):
    predictions, sex = women_and_men
    table = evaluate_subgroups([predictions], {"sex": sex}, n_bootstrap=100)
    rows = rows_of(table)
    for finding in predictions.findings:
        p, mirrored = (rows[group, finding, "auroc"]["p_adjusted"] for group in ("F", "M"))
        assert p == mirrored
    smallest = min(row["p"] for row in rows.values())
    assert rows["F", "Pneumonia", "auroc"]["p_adjusted"] == pytest.approx(min(1, 2 * smallest))


def test_underdiagnosis_is_the_share_of_the_sick_that_is_called_healthy(make_table):
    table = make_table(patients=200, prevalence={"No Finding": 0.5, "Mass": 0.3})
    predictions = as_predictions(table, name="model")
    sex = {image: "FM"[int(image[:5]) % 3 == 0] for image in predictions.image_ids}
    thresholds = Thresholds("0.6", None, {"No Finding": 0.6, "Mass": 0.6})
    rows = rows_of(
        evaluate_subgroups(
            [predictions], {"sex": sex}, metrics=["underdiagnosis"], thresholds=[thresholds], n_bootstrap=40
        )
    )
    women = np.array([sex[image] == "F" for image in predictions.image_ids])
    healthy = predictions.labels[:, predictions.findings.index("No Finding")] == 1
    called_healthy = predictions.scores[:, predictions.findings.index("No Finding")] >= 0.6
    assert rows["F", "No Finding", "underdiagnosis"]["estimate"] == pytest.approx(
        called_healthy[women & ~healthy].mean()
    )
    mass = predictions.labels[:, predictions.findings.index("Mass")] == 1
    missed = predictions.scores[:, predictions.findings.index("Mass")] < 0.6
    assert rows["F", "Mass", "underdiagnosis"]["estimate"] == pytest.approx(missed[women & mass].mean())


def test_small_groups_get_no_number_and_images_without_a_group_do_not_count(women_and_men):
    predictions, _ = women_and_men
    view = {image: "LATERAL" if at < 12 else "PA" for at, image in enumerate(predictions.image_ids) if at < 700}
    rows = rows_of(evaluate_subgroups([predictions], {"view": view}, n_bootstrap=40))
    lateral, frontal = rows["LATERAL", "Pneumonia", "auroc"], rows["PA", "Pneumonia", "auroc"]
    assert lateral["estimate"] is lateral["p"] is None
    assert "fewer than 20): not reported" in lateral["note"]
    assert (lateral["n"], frontal["n"]) == (12, 688)
    assert frontal["estimate"] is not None
    assert frontal["note"].endswith("no gap")


def test_age_bands_hold_their_lower_end():
    assert age_bands([0, 17, 18, 59.5, 60, 95, None, -1]) == [
        "0-17",
        "0-17",
        "18-39",
        "40-59",
        "60-79",
        "80+",
        None,
        None,
    ]


def test_groups_of_no_image_are_refused(women_and_men):
    with pytest.raises(HilumError, match="groups of sex: expected a group for some image; found none"):
        evaluate_subgroups([women_and_men[0]], {"sex": {"other.png": "F"}}, n_bootstrap=40)
