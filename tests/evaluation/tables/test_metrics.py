import numpy as np
import polars as pl
import pytest
from scipy import stats

from hilum.errors import HilumError
from hilum.evaluation import (
    METRICS,
    Thresholds,
    as_predictions,
    auroc,
    choose_thresholds,
    evaluate_arms,
    evaluate_predictions,
)
from hilum.evaluation.bootstrap import bootstrap_counts
from hilum.evaluation.inference import effective_n_patients, percentile_interval, score_interval
from hilum.evaluation.metrics import bootstrap_roc_auc
from hilum.evaluation.predictions import count_cases
from hilum.evaluation.tables import METRICS_SCHEMA


def by_finding(table: pl.DataFrame) -> dict[str, dict]:
    return {row["finding"]: row for row in table.to_dicts()}


THRESHOLDS = Thresholds("0.6", None, {"Pleural Effusion": 0.6, "Pneumonia": 0.7})


def test_rows_are_macro_and_every_finding_with_estimate_interval_and_counts(make_predictions):
    predictions = make_predictions()
    table = evaluate_predictions([predictions], n_bootstrap=200)
    assert dict(table.schema) == METRICS_SCHEMA
    assert table["finding"].to_list() == ["macro", "Pleural Effusion", "Pneumonia"]
    rows = by_finding(table)
    effusion = rows["Pleural Effusion"]
    assert effusion["estimate"] == auroc(predictions.labels[:, 0], predictions.scores[:, 0])
    assert (effusion["n"], effusion["patients"]) == (120, 60)
    assert effusion["positives"] == predictions.labels[:, 0].sum()
    assert rows["macro"]["estimate"] == pytest.approx((effusion["estimate"] + rows["Pneumonia"]["estimate"]) / 2)
    assert all(row["ci_low"] < row["estimate"] < row["ci_high"] for row in rows.values())


def test_the_interval_is_the_percentiles_of_resampled_patients(make_predictions):
    predictions = make_predictions(patients=150)
    owners = np.unique(predictions.patients, return_inverse=True)[1].astype(np.int32)
    resampled = bootstrap_roc_auc(predictions.labels, predictions.scores[None], owners, n_bootstrap=300, seed=9)[0]
    rows = by_finding(evaluate_predictions([predictions], n_bootstrap=300, seed=9, interval="percentile"))
    assert (rows["Pneumonia"]["ci_low"], rows["Pneumonia"]["ci_high"]) == percentile_interval(resampled[1])
    assert (rows["macro"]["ci_low"], rows["macro"]["ci_high"]) == percentile_interval(resampled.mean(axis=0))


def test_findings_with_too_few_patients_are_left_out_of_macro_and_stated(make_predictions):
    prevalence = {"Effusion": 0.3, "Hernia": 0.05, "Mass": 0.0, "Nodule": 1.0}
    table = evaluate_predictions([make_predictions(prevalence=prevalence)], n_bootstrap=200)
    rows = by_finding(table)
    assert rows["macro"]["estimate"] == rows["Pleural Effusion"]["estimate"]
    assert rows["macro"]["note"].startswith("mean over 1 finding, 3 excluded")
    assert rows["Hernia"]["note"].startswith("excluded from macro: ")
    assert rows["Hernia"]["note"].count("positive patients (fewer than 10)") == 1
    assert rows["Hernia"]["ci_low"] is not None
    assert (rows["Mass"]["note"], rows["Mass"]["estimate"]) == ("no positives: excluded", None)
    assert (rows["Nodule"]["note"], rows["Nodule"]["estimate"]) == ("no negatives: excluded", None)


def test_a_number_that_would_rest_on_one_patient_is_not_given(make_table):
    one = make_table().with_columns((pl.col("patient_id") == "0000").cast(pl.Int8).alias("y_Pneumonia"))
    row = by_finding(evaluate_predictions([as_predictions(one, name="one")], n_bootstrap=100))["Pneumonia"]
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == (None, None, None)
    assert (row["positives"], row["note"]) == (2, "one positive patient: excluded")


def test_without_any_finding_that_has_enough_the_macro_row_says_so(make_predictions):
    macro = evaluate_predictions([make_predictions(patients=8)], n_bootstrap=100).row(0, named=True)
    assert macro["estimate"] is None
    assert macro["note"].startswith("no finding has 10 positive and 10 negative patients")


def test_resamples_without_positives_are_counted_in_the_note(make_predictions):
    table = evaluate_predictions([make_predictions(patients=40, prevalence={"Hernia": 0.04})], n_bootstrap=2000)
    row = by_finding(table)["Hernia"]
    assert "of 2000 resamples undefined and not used" in row["note"]
    assert 0 <= row["ci_low"] <= row["estimate"] <= row["ci_high"] <= 1


def test_constant_scores_are_worth_a_half_and_stated(make_predictions):
    table = evaluate_predictions([make_predictions(signal=0, prevalence={"Mass": 0.5})], n_bootstrap=100)
    assert "constant" not in by_finding(table)["Mass"]["note"]
    constant = make_predictions().frame.with_columns(pl.lit(0.3).alias("p_Pneumonia"))
    row = by_finding(evaluate_predictions([as_predictions(constant, name="c")], n_bootstrap=100))["Pneumonia"]
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == (0.5, 0.5, 0.5)
    assert "constant scores" in row["note"]


def test_unknown_labels_change_nothing_but_their_own_finding(make_table):
    table = make_table()
    holes = pl.when(pl.int_range(pl.len()) % 5 > 0).then("y_Pneumonia").alias("y_Pneumonia")
    whole, masked = (
        by_finding(evaluate_predictions([as_predictions(t, name="t")], n_bootstrap=100, seed=2))
        for t in (table, table.with_columns(holes))
    )
    assert masked["Pleural Effusion"] == whole["Pleural Effusion"]
    assert masked["Pneumonia"]["n"] == 96
    selected = table.filter(pl.int_range(pl.len()) % 5 > 0)
    assert masked["Pneumonia"]["estimate"] == auroc(selected["y_Pneumonia"], selected["p_Pneumonia"])


def test_the_number_of_seeds_is_reported(make_predictions):
    seeds = [make_predictions(scores_seed=number) for number in range(3)]
    assert (
        "one seed: the interval does not include the variance between runs"
        in evaluate_predictions(seeds[:1])["note"][0]
    )
    assert evaluate_predictions(seeds)["note"][0].endswith("3 seeds")


def test_too_few_resamples_are_refused(make_predictions):
    with pytest.raises(HilumError, match="n_bootstrap: expected a whole number from 40 to 1,000,000; found 39"):
        evaluate_predictions([make_predictions()], n_bootstrap=39)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """300 made-up test sets of 80 patients, two correlated images each; the true AUROC is known in closed form."""
    truth = stats.norm.cdf(1.2 / np.sqrt(2))
    owners = np.repeat(np.arange(80, dtype=np.int32), 2)
    covered = {"patients": 0, "images": 0}
    for test_set in range(300):
        rng = np.random.default_rng([7, test_set])
        labels = np.repeat(rng.random(80) < 0.4, 2).astype(float)
        habit, noise = np.repeat(rng.normal(size=80), 2), rng.normal(size=160)
        scores = 1.2 * labels + np.sqrt(0.8) * habit + np.sqrt(0.2) * noise
        for unit, owner in (("patients", owners), ("images", np.arange(160, dtype=np.int32))):
            resampled = bootstrap_roc_auc(
                labels[:, None], scores[None, :, None], owner, n_bootstrap=400, seed=test_set, threads=1
            )
            low, high = percentile_interval(resampled[0, 0])
            covered[unit] += low <= truth <= high
    assert 0.90 <= covered["patients"] / 300 <= 0.99
    assert covered["images"] / 300 < 0.88  # what resampling images would have claimed


def test_every_metric_has_a_row_for_each_average_and_finding(make_predictions):
    averages = ["macro", "weighted", "micro"]
    table = evaluate_predictions(
        [make_predictions(patients=150)], metrics=METRICS, averages=averages, thresholds=[THRESHOLDS], n_bootstrap=100
    )
    assert table["metric"].unique(maintain_order=True).to_list() == list(METRICS)
    assert table.filter(pl.col("metric") == "f1")["finding"].to_list() == [*averages, "Pleural Effusion", "Pneumonia"]
    assert all(row["ci_low"] <= row["estimate"] <= row["ci_high"] for row in table.to_dicts())


def test_intervals_are_expanded_by_the_patients_of_the_rarer_side(make_predictions):
    predictions = make_predictions(patients=150)
    owners = np.unique(predictions.patients, return_inverse=True)[1].astype(np.int32)
    resampled = bootstrap_roc_auc(predictions.labels, predictions.scores[None], owners, n_bootstrap=300, seed=9)[0]
    rows = by_finding(evaluate_predictions([predictions], n_bootstrap=300, seed=9))
    cases = count_cases(predictions.labels, owners)
    rarer = np.minimum(cases.positive_patients, cases.negative_patients)
    macro = percentile_interval(resampled.mean(axis=0), patients=effective_n_patients(rarer))
    assert (rows["macro"]["ci_low"], rows["macro"]["ci_high"]) == macro
    low, high = score_interval(
        rows["Pneumonia"]["estimate"], int(cases.positive_patients[1]), int(cases.negative_patients[1])
    )
    assert (rows["Pneumonia"]["ci_low"], rows["Pneumonia"]["ci_high"]) == (low, high)
    assert rows["Pneumonia"]["note"] == f"{rarer[1]} positive patients (fewer than 100): Newcombe's score interval"


def test_with_several_seeds_the_score_interval_only_widens(make_predictions):
    seeds = [make_predictions(patients=150, signal=0.5 + 2 * number, scores_seed=number) for number in range(2)]
    message, plain = (
        by_finding(evaluate_predictions(seeds, n_bootstrap=300, interval=kind))["Pneumonia"]
        for kind in ("expanded", "percentile")
    )
    assert message["ci_low"] <= plain["ci_low"]
    assert message["ci_high"] >= plain["ci_high"]


def test_thresholds_stay_fixed_in_resamples(make_predictions):
    predictions = make_predictions(patients=150)
    choices = {"metrics": ["sensitivity"], "thresholds": [THRESHOLDS], "interval": "percentile"}
    table = evaluate_predictions([predictions], n_bootstrap=300, seed=4, **choices)
    owners = np.unique(predictions.patients, return_inverse=True)[1].astype(np.int32)
    counts = bootstrap_counts(150, draws=150, n_bootstrap=300, seed=4)
    positive = predictions.labels[:, 0] == 1
    found = positive & (predictions.scores[:, 0] >= 0.6)
    slow = [counts[owners[found], b].sum() / counts[owners[positive], b].sum() for b in range(300)]
    row = by_finding(table)["Pleural Effusion"]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(percentile_interval(np.array(slow)), abs=1e-12)


def test_thresholds_chosen_on_the_judged_images_are_marked(make_predictions):
    test, validation = make_predictions(patients=150), make_predictions(patients=150, labels_seed=1)
    validation.frame.replace_column(0, ("val " + validation.frame["image_id"]).alias("image_id"))
    for chosen_on, marked in ((test, True), (validation, False)):
        thresholds = choose_thresholds(chosen_on, "youden", evaluated=test)
        table = evaluate_predictions([test], metrics=["auroc", "npv"], thresholds=[thresholds], n_bootstrap=100)
        for metric, note in table.select("metric", "note").iter_rows():
            assert ("optimistic" in note) == (marked and metric == "npv")


def test_bca_intervals_and_strata_change_the_interval_and_not_the_estimate(make_predictions):
    predictions = make_predictions(patients=150, signal=2)
    tables = [
        evaluate_predictions([predictions], n_bootstrap=400, **choices)
        for choices in ({}, {"interval": "percentile"}, {"interval": "bca"}, {"stratified": True})
    ]
    assert len({tuple(table["estimate"]) for table in tables}) == 1
    assert len({tuple(table["ci_low"]) for table in tables}) == 4


def test_few_patients_that_are_separated_get_an_interval_with_width(make_table):
    table = make_table(patients=15, signal=20, prevalence={"Mass": 0.4})
    row = by_finding(evaluate_predictions([as_predictions(table, name="t")], n_bootstrap=400))["Mass"]
    assert (row["estimate"], row["ci_high"]) == (1, 1)
    assert row["ci_low"] < 0.9
    assert "patients (fewer than 100): Newcombe's score interval" in row["note"]


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"metrics": ["auc"]}, "metrics: expected any of auroc, auprc"),
        ({"metrics": ["ppv"]}, "thresholds: expected thresholds, for ppv; found none"),
        ({"metrics": ["ppv"], "thresholds": []}, "expected one for each of 1 seeds; found 0"),
        ({"averages": ["mean"]}, "averages: expected macro or weighted or micro; found mean"),
        ({"interval": "normal"}, "interval: expected one of expanded, percentile, bca; found normal"),
        ({"metrics": ["f1"], "thresholds": [Thresholds("f1", "val", {"Mass": 0.1})]}, "none of Pleural Effusion"),
    ],
)
def test_choices_that_do_not_exist_are_refused(make_predictions, choices, expected):
    with pytest.raises(HilumError) as caught:
        evaluate_predictions([make_predictions()], n_bootstrap=40, **choices)
    assert expected in str(caught.value)


@pytest.mark.parametrize("metric", ["auroc", "auprc", "brier", "sensitivity"])
def test_one_finding_is_one_row_with_one_interval(make_predictions, metric):
    """Macro was the same number again, with another interval."""
    predictions = [make_predictions(prevalence={"Pneumonia": 0.3}, scores_seed=seed) for seed in (0, 1)]
    thresholds = [choose_thresholds(one, "youden") for one in predictions]
    table = evaluate_predictions(
        predictions, metrics=[metric], averages=["macro", "weighted", "micro"], thresholds=thresholds, n_bootstrap=100
    )
    assert table["finding"].to_list() == ["Pneumonia"]
    assert table["ci_low"][0] < table["estimate"][0] < table["ci_high"][0]


def test_arms_on_one_finding_are_compared_in_one_primary_family(make_predictions):
    arms = {
        name: [make_predictions(prevalence={"Pneumonia": 0.3}, scores_seed=seed)] for seed, name in enumerate("abc")
    }
    metrics, comparisons = evaluate_arms(arms, reference="a", n_bootstrap=100)
    assert metrics.select("arm", "finding").rows() == [(name, "Pneumonia") for name in "abc"]
    assert comparisons["finding"].unique().to_list() == ["Pneumonia"]
    assert comparisons["family"].unique().to_list() == [
        "Pneumonia, primary: 2 comparisons = 2 tests, Benjamini-Hochberg"
    ]
