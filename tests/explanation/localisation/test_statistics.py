import numpy as np
import polars as pl
import pytest

from hilum.evaluation.bootstrap import bootstrap_counts
from hilum.evaluation.inference import percentile_interval
from hilum.explanation.localisation import ALL_BOXES, MACRO, MEANS, METRICS, BoxedCase, ScoredMaps, box_statistics

BOX = np.array([[0.0, 0.0, 0.5, 0.5]])


def made_up(patients_of, seed):
    """Cases of findings whose patients have one to three images, and scores at random."""
    rng = np.random.default_rng(seed)
    cases = []
    for finding, patients in patients_of.items():
        for patient in range(patients):
            cases += [BoxedCase(f"{patient}-{n}", str(patient), finding, BOX) for n in range(1 + patient % 3)]
    return cases, lambda level: scored(rng.random((len(cases), len(MEANS))) * level, rng)


def scored(scores, rng):
    count = len(scores)
    detections = pl.DataFrame(
        {
            "case": np.arange(count),
            "confidence": rng.random(count),
            "right_ap25": rng.random(count) < 0.5,
            "right_ap50": rng.random(count) < 0.2,
        }
    )
    return ScoredMaps(scores, detections, np.ones(count, dtype=np.int64))


def row(table, **wanted):
    return table.filter(*(pl.col(name).eq_missing(value) for name, value in wanted.items())).row(0, named=True)


def test_estimates_are_means_over_images_and_intervals_are_of_resampled_patients():
    cases, draw = made_up({"Mass": 12}, 0)
    model, other = draw(1.0), draw(0.7)
    table = box_statistics(cases, {"a": [model], "b": [other]}, [("a", "b")], n_bootstrap=128, seed=4)
    own = row(table, finding="Mass", metric="energy", arm="a", reference=None)
    values = model.scores[:, 1]
    assert own["estimate"] == pytest.approx(values.mean())
    patients = np.array([int(case.patient_id) for case in cases])
    counts = bootstrap_counts(12, draws=12, n_bootstrap=128, seed=4)
    means = [np.average(values, weights=counts[patients, draw]) for draw in range(128)]
    assert [own["ci_low"], own["ci_high"]] == pytest.approx(percentile_interval(np.array(means), patients=12))
    paired = row(table, finding="Mass", metric="energy", arm="a", reference="b")
    less = values - other.scores[:, 1]
    differences = [np.average(less, weights=counts[patients, draw]) for draw in range(128)]
    assert paired["estimate"] == pytest.approx(less.mean())
    assert [paired["ci_low"], paired["ci_high"]] == pytest.approx(
        percentile_interval(np.array(differences), patients=12)
    )
    assert 0 < paired["p"] <= 1
    assert set(table["metric"]) == set(METRICS)
    assert "12 patients" in own["note"]


def test_replicates_are_averaged():
    cases, draw = made_up({"Mass": 5}, 1)
    twins = [draw(1.0) for _ in range(3)]
    table = box_statistics(cases, {"random": twins}, [], n_bootstrap=64)
    one = row(table, finding="Mass", metric="pointing", arm="random")
    assert one["estimate"] == pytest.approx(np.mean([twin.scores[:, 0].mean() for twin in twins]))


def test_macro_is_over_findings_of_ten_patients_and_together_over_all_images():
    cases, draw = made_up({"Edema": 3, "Mass": 12, "Nodule": 10}, 2)
    model = draw(1.0)
    table = box_statistics(cases, {"a": [model]}, [], n_bootstrap=64)
    of = np.array([case.finding for case in cases])
    means = {finding: model.scores[of == finding, 0].mean() for finding in set(of)}
    assert row(table, finding=MACRO, metric="pointing")["estimate"] == pytest.approx(
        (means["Mass"] + means["Nodule"]) / 2
    )
    assert row(table, finding=ALL_BOXES, metric="pointing")["estimate"] == pytest.approx(model.scores[:, 0].mean())
    assert row(table, finding=MACRO, metric="pointing")["note"].startswith("mean over 2 findings")


def test_one_patient_gives_a_number_without_an_interval():
    cases, draw = made_up({"Mass": 1}, 3)
    table = box_statistics(cases, {"a": [draw(1.0)], "b": [draw(1.0)]}, [("a", "b")], n_bootstrap=64)
    for reference in (None, "b"):
        one = row(table, finding="Mass", metric="energy", arm="a", reference=reference)
        assert one["estimate"] is not None
        assert (one["ci_low"], one["ci_high"], one["p"]) == (None, None, None)
        assert one["note"] == "one patient: no interval"


def test_p_values_are_adjusted_over_the_findings_of_a_score_and_a_pair():
    cases, draw = made_up({"Edema": 12, "Mass": 12, "Nodule": 12}, 4)
    table = box_statistics(cases, {"a": [draw(1.0)], "b": [draw(0.9)]}, [("a", "b")], n_bootstrap=128)
    family = table.filter(pl.col("reference").is_not_null(), metric="energy").filter(pl.col("p_adjusted").is_not_null())
    assert family["finding"].to_list() == ["Edema", "Mass", "Nodule"]
    assert (family["p_adjusted"] >= family["p"]).all()
    smallest = family["p"].min()
    assert family["p_adjusted"].min() <= 3 * smallest


def test_many_findings_and_kinds_of_maps_fit_into_one_table():
    cases, draw = made_up(dict.fromkeys(["Atelectasis", "Edema", "Hernia", "Mass", "Nodule"], 2), 5)
    arms = {name: [draw(1.0)] for name in "abcd"}
    table = box_statistics(cases, arms, [("d", "a")], n_bootstrap=64)
    assert len(table) == (5 + 1) * len(METRICS) * (4 + 1)
    assert table["reference"].drop_nulls().unique().to_list() == ["a"]


def test_two_patients_who_agree_prove_nothing():
    cases, _ = made_up({"Mass": 2}, 6)
    rng = np.random.default_rng(6)
    high, low = (scored(np.full((len(cases), len(MEANS)), level), rng) for level in (0.9, 0.1))
    table = box_statistics(cases, {"a": [high], "b": [low]}, [("a", "b")], n_bootstrap=500)
    assert row(table, finding="Mass", metric="energy", arm="a", reference="b")["p"] > 0.05
