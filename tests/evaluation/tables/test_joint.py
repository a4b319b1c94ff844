import numpy as np
import pytest
from scipy import stats

from hilum.evaluation import comparisons_table, measure_arms
from hilum.evaluation.inference import Look, auroc_covariance, benjamini_hochberg
from hilum.evaluation.tables import joint_table


@pytest.fixture
def arms(make_predictions):
    def make(*signals, seeds=1):
        return {
            f"arm{at}": [
                make_predictions(patients=200, signal=signal, scores_seed=10 * at + seed) for seed in range(seeds)
            ]
            for at, signal in enumerate(signals)
        }

    return make


def test_arms_of_one_seed_are_tested_by_delongs_contrast_with_f_for_few_patients(arms):
    measured = measure_arms(arms(0.6, 1.0, 1.4), n_bootstrap=60)
    table = joint_table(measured)
    macro = table.row(0, named=True)
    scores = np.concatenate(list(measured.aligned.scores.values()))
    known = auroc_covariance(
        measured.aligned.labels, scores, measured.aligned.patients, mean_over=measured.included, threads=1
    )
    contrast = np.array([[1, -1, 0], [0, 1, -1]])
    difference, covariance = contrast @ known.estimates[-1], contrast @ known.covariance[-1] @ contrast.T
    statistic = difference @ np.linalg.solve(covariance, difference)
    patients = measured.effective_n_patients(len(measured.findings))
    assert (macro["finding"], macro["arms"], macro["df"]) == ("macro", 3, 2)
    assert macro["statistic"] == pytest.approx(statistic)
    assert macro["df_error"] == pytest.approx(patients - 1)
    assert macro["p"] == macro["p_adjusted"] == pytest.approx(stats.f.sf(statistic / 2, 2, patients - 1))


def test_single_findings_are_a_family_and_a_look_stretches(arms):
    measured = measure_arms(arms(0.6, 1.0, 1.4, seeds=2), n_bootstrap=60)
    table = joint_table(measured)
    single = table.filter(table["finding"] != "macro")
    assert single["finding"].to_list() == [
        f for f, inside in zip(measured.findings, measured.included, strict=True) if inside
    ]
    assert single["p_adjusted"].to_list() == pytest.approx(benjamini_hochberg(single["p"].to_numpy()).tolist())
    assert (joint_table(measured, look=Look(1, 3))["p_adjusted"] >= table["p_adjusted"]).all()


def test_two_arms_need_none_and_seeds_that_are_resampled_give_none(arms):
    assert joint_table(measure_arms(arms(0.6, 1.0), n_bootstrap=60)).is_empty()
    resampled = measure_arms(arms(0.6, 1.0, 1.4, seeds=2), n_bootstrap=60, seed_inference="bootstrap")
    assert joint_table(resampled).is_empty()


def test_a_comparison_of_single_seeds_is_the_same_beside_a_third_arm(arms):
    three = arms(0.6, 1.0, 1.4)
    two = {name: three[name] for name in ("arm0", "arm1")}
    beside, alone = (
        comparisons_table(measure_arms(each, n_bootstrap=60), pairs=[("arm1", "arm0")]) for each in (three, two)
    )
    assert beside.equals(alone)
