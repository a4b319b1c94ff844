import numpy as np
import polars as pl
import pytest
from statsmodels.stats.multitest import fdrcorrection

from hilum.errors import HilumError
from hilum.evaluation import (
    as_predictions,
    auroc,
    compare_predictions,
    comparisons_table,
    evaluate_arms,
    evaluate_predictions,
    measure_arms,
)
from hilum.evaluation.inference import Look, auroc_covariance, compare_seeds
from hilum.evaluation.metrics import bootstrap_roc_auc
from hilum.evaluation.tables import COMPARISONS_SCHEMA


@pytest.fixture
def arms(make_predictions):
    """Three arms, the later the better, two seeds each."""
    return {
        name: [make_predictions(patients=150, signal=0.6 + 0.4 * step, scores_seed=10 * step + seed) for seed in (0, 1)]
        for step, name in enumerate(("scratch", "imagenet", "simclr"))
    }


def test_the_difference_is_the_first_minus_the_second(arms):
    first, second = arms["simclr"][:1], arms["scratch"][:1]
    row = compare_predictions(first, second, n_bootstrap=100).row(1, named=True)
    assert row["finding"] == "Pleural Effusion"
    expected = [auroc(arm[0].labels[:, 0], arm[0].scores[:, 0]) for arm in (first, second)]
    assert row["difference"] == pytest.approx(expected[0] - expected[1], abs=1e-12)


def test_turning_the_arms_around_turns_the_difference_around(arms):
    there = compare_predictions(arms["simclr"], arms["scratch"], n_bootstrap=200)
    back = compare_predictions(arms["scratch"], arms["simclr"], n_bootstrap=200)
    assert there["difference"].to_list() == pytest.approx([-d for d in back["difference"]])
    assert there["ci_low"].to_list() == pytest.approx([-high for high in back["ci_high"]])
    assert there["p"].to_list() == back["p"].to_list()


def test_an_arm_does_not_differ_from_itself(arms):
    once = arms["simclr"][:1]
    table = compare_predictions(once, once, n_bootstrap=100)
    assert table["p"].to_list() == table["p_adjusted"].to_list() == [1.0] * 3
    assert not table.select("difference", "ci_low", "ci_high", "minimum_detectable_difference").to_numpy().any()


def test_an_arm_trained_again_may_differ_from_itself(arms):
    """Seeds of two arms are different trainings: the interval holds what training again would change."""
    table = compare_predictions(arms["simclr"], arms["simclr"], n_bootstrap=100)
    assert table["p"].to_list() == [1.0] * 3
    assert (table["ci_low"] < 0).all()
    assert (table["ci_high"] > 0).all()
    resampled = compare_predictions(arms["simclr"], arms["simclr"], n_bootstrap=100, seed_inference="bootstrap")
    assert not resampled.select("ci_low", "ci_high").to_numpy().any()  # the same seeds in each resample


def test_arms_with_several_seeds_get_obuchowski_and_rockettes_test(arms):
    row = compare_predictions(arms["simclr"], arms["scratch"], n_bootstrap=100).row(1, named=True)
    labels = arms["simclr"][0].labels[:, [0]]
    layers = np.stack([one.scores[:, [0]] for name in ("simclr", "scratch") for one in arms[name]])
    owners = np.unique(arms["simclr"][0].patients, return_inverse=True)[1].astype(np.int32)
    known = auroc_covariance(labels, layers, owners, mean_over=np.array([True]))
    rarer = len(np.unique(owners[labels[:, 0] == 1]))
    test = compare_seeds(known.estimates[0, :2], known.estimates[0, 2:], known.covariance[0], patients=rarer)
    assert row["method"] == "obuchowski_rockette"
    assert (row["difference"], row["p"], row["standard_error"]) == pytest.approx(
        (test.difference, test.p(), test.standard_error)
    )
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(test.interval())
    assert row["seeds"] == 2
    assert 0 <= row["prob_replication"] <= 1


def test_with_one_seed_or_on_request_resamples_decide(arms):
    for table in (
        compare_predictions(arms["simclr"][:1], arms["scratch"][:1], n_bootstrap=100),
        compare_predictions(arms["simclr"], arms["scratch"], n_bootstrap=100, seed_inference="bootstrap"),
        compare_predictions(arms["simclr"], arms["scratch"], n_bootstrap=100, interval="percentile"),
    ):
        assert table["method"].unique().to_list() == ["bootstrap"]
        assert table["prob_replication"].is_null().all()


def test_other_metrics_take_their_covariance_from_resamples(arms):
    measured = measure_arms(arms, metrics=["auroc", "brier"], n_bootstrap=400)
    exact, drawn = (measured.covariance["auroc"].covariance[row] for row in (0, 2))
    assert np.isfinite(exact).all()
    assert np.isfinite(drawn).all()
    rows = comparisons_table(measured, reference="scratch").filter(pl.col("metric") == "brier")
    assert rows["method"].unique().to_list() == ["obuchowski_rockette"]


def test_a_factorial_design_takes_out_what_seeds_share(make_predictions):
    lucky = {0: 0.2, 1: 1.4, 2: 2.4}
    first, second = (
        [make_predictions(patients=150, signal=signal + more, scores_seed=10 * more + s) for s, signal in lucky.items()]
        for more in (1, 0)
    )
    nested, factorial = (
        compare_predictions(first, second, n_bootstrap=100, seed_design=design).row(0, named=True)
        for design in ("nested", "factorial")
    )
    assert factorial["standard_error"] < 0.7 * nested["standard_error"]


def test_a_look_is_paid_for(arms):
    measured = measure_arms(arms, n_bootstrap=100)
    once = comparisons_table(measured, reference="scratch")
    first = comparisons_table(measured, reference="scratch", look=Look(2, 3))
    assert first["p"].to_list() == once["p"].to_list()
    expected = np.minimum(1, once["p_adjusted"].to_numpy() * 0.05 / Look(2, 3).significance())
    assert first["p_adjusted"].to_numpy() == pytest.approx(expected)
    assert first["family"][0].endswith("Benjamini-Hochberg, look 2 of 3 (level 0.012)")


def test_p_counts_paired_resamples(arms):
    first, second = arms["imagenet"][0], arms["scratch"][0]
    owners = np.unique(first.patients, return_inverse=True)[1].astype(np.int32)
    layers = np.stack([first.scores, second.scores])
    resampled = bootstrap_roc_auc(first.labels, layers, owners, n_bootstrap=500, seed=3)
    differences = (resampled[0] - resampled[1]).mean(axis=0)
    expected = min(1, 2 * (min((differences <= 0).sum(), (differences >= 0).sum()) + 1) / 501)
    assert compare_predictions([first], [second], n_bootstrap=500, seed=3, interval="percentile")["p"][0] == expected


def test_pairing_tightens_the_interval(make_predictions):
    first = make_predictions(patients=150)
    scores = [pl.col("p_" + finding) * 0.9 + 0.05 * (pl.int_range(pl.len()) % 2) for finding in first.findings]
    second = as_predictions(first.frame.with_columns(scores), name="nearly the same")
    row = compare_predictions([first], [second], n_bootstrap=500).row(0, named=True)
    widths = [
        float(
            (
                evaluate_predictions([one], n_bootstrap=500)["ci_high"]
                - evaluate_predictions([one], n_bootstrap=500)["ci_low"]
            )[0]
        )
        for one in (first, second)
    ]
    assert row["ci_high"] - row["ci_low"] < 0.5 * np.hypot(*widths)


def test_every_arm_is_compared_with_the_one_named(arms):
    metrics, comparisons = evaluate_arms(arms, reference="scratch", n_bootstrap=200)
    assert dict(comparisons.schema) == COMPARISONS_SCHEMA
    assert metrics["arm"].unique(maintain_order=True).to_list() == ["scratch", "imagenet", "simclr"]
    pairs = comparisons.select("arm", "reference").unique(maintain_order=True).rows()
    assert pairs == [("imagenet", "scratch"), ("simclr", "scratch")]


def test_without_a_named_arm_every_pair_is_compared(arms):
    _, comparisons = evaluate_arms(arms, n_bootstrap=100)
    pairs = comparisons.select("arm", "reference").unique(maintain_order=True).rows()
    assert pairs == [("imagenet", "scratch"), ("simclr", "scratch"), ("simclr", "imagenet")]


def test_arms_evaluated_together_get_the_numbers_they_get_alone(arms):
    metrics, comparisons = evaluate_arms(arms, reference="scratch", n_bootstrap=100)
    alone = evaluate_predictions(arms["simclr"], n_bootstrap=100)
    assert metrics.filter(pl.col("arm") == "simclr").drop("arm").equals(alone)
    pair = compare_predictions(arms["simclr"], arms["scratch"], n_bootstrap=100)
    unadjusted = ["finding", "difference", "ci_low", "ci_high", "p", "minimum_detectable_difference"]
    assert comparisons.filter(pl.col("arm") == "simclr").select(unadjusted).equals(pair.select(unadjusted))


def test_macro_and_findings_are_two_families_adjusted_by_themselves(arms):
    _, comparisons = evaluate_arms(arms, reference="scratch", n_bootstrap=500)
    macro = comparisons["finding"] == "macro"
    for family in (macro, ~macro):
        rows = comparisons.filter(family)
        assert rows["p_adjusted"].to_list() == pytest.approx(fdrcorrection(rows["p"].to_numpy())[1].tolist())
    assert comparisons.filter(macro)["family"].unique().to_list() == [
        "macro, primary: 2 comparisons = 2 tests, Benjamini-Hochberg"
    ]
    assert comparisons.filter(~macro)["family"].unique().to_list() == [
        "single findings: 2 findings x 2 comparisons = 4 tests, Benjamini-Hochberg"
    ]


def test_findings_with_too_few_patients_are_not_tested(make_predictions):
    prevalence = {"Effusion": 0.3, "Hernia": 0.05, "Mass": 0.0}
    first, second = (make_predictions(prevalence=prevalence, scores_seed=seed) for seed in (0, 1))
    rows = {row["finding"]: row for row in compare_predictions([first], [second], n_bootstrap=200).to_dicts()}
    assert rows["Hernia"]["p"] is rows["Hernia"]["p_adjusted"] is None
    assert rows["Hernia"]["family"] == "not tested: too few positive or negative patients"
    assert rows["Hernia"]["ci_low"] < rows["Hernia"]["difference"] < rows["Hernia"]["ci_high"]
    assert rows["Mass"]["difference"] is None
    assert rows["Pleural Effusion"]["p_adjusted"] == rows["Pleural Effusion"]["p"]


def test_arms_with_different_numbers_of_seeds_are_compared_and_that_is_reported(arms):
    row = compare_predictions(arms["simclr"], arms["scratch"][:1], n_bootstrap=100).row(0, named=True)
    assert row["note"].endswith("2 and 1 seeds")


def test_detectable_is_2_8_standard_errors_of_the_paired_difference(arms):
    first, second = arms["imagenet"][0], arms["scratch"][0]
    owners = np.unique(first.patients, return_inverse=True)[1].astype(np.int32)
    resampled = bootstrap_roc_auc(
        first.labels, np.stack([first.scores, second.scores]), owners, n_bootstrap=300, seed=0
    )
    standard_error = np.std((resampled[0] - resampled[1]).mean(axis=0), ddof=1)
    detectable = compare_predictions([first], [second], n_bootstrap=300)["minimum_detectable_difference"][0]
    assert detectable == pytest.approx(2.8016 * standard_error, rel=1e-4)


def test_an_unknown_arm_to_compare_with_is_refused(arms):
    with pytest.raises(HilumError, match="reference: expected one of scratch, imagenet, simclr; found none"):
        evaluate_arms(arms, reference="none")


def test_a_single_arm_has_no_comparisons(arms):
    _, comparisons = evaluate_arms({"only": arms["simclr"]}, n_bootstrap=100)
    assert comparisons.is_empty()


def test_with_few_patients_the_interval_is_wider_and_p_larger(make_predictions):
    first, second = (make_predictions(patients=60, scores_seed=seed, signal=seed) for seed in (2, 1))
    plain, expanded = (
        compare_predictions([first], [second], n_bootstrap=400, interval=kind) for kind in ("percentile", "expanded")
    )
    assert all(wide < narrow for wide, narrow in zip(expanded["ci_low"], plain["ci_low"], strict=True))
    assert all(large > small for large, small in zip(expanded["p"], plain["p"], strict=True))


def test_holm_adjusts_more_than_benjamini_and_hochberg(arms):
    measured = measure_arms(arms, n_bootstrap=200)
    holm, hochberg = (comparisons_table(measured, adjustment=name) for name in ("Holm", "Benjamini-Hochberg"))
    assert holm["family"][0] == "macro, primary: 3 comparisons = 3 tests, Holm"
    assert (holm["p_adjusted"] >= hochberg["p_adjusted"]).all()
    assert (holm["p_adjusted"] > hochberg["p_adjusted"]).any()


def test_every_metric_and_average_has_families_of_its_own(arms):
    measured = measure_arms(arms, metrics=["auroc", "brier"], averages=["macro", "micro"], n_bootstrap=100)
    families = comparisons_table(measured, reference="scratch")["family"].unique(maintain_order=True).to_list()
    assert [family.partition(":")[0] for family in families] == [
        "macro, primary",
        "micro",
        "single findings",
        "macro, brier",
        "micro, brier",
        "single findings, brier",
    ]
