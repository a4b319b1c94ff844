import numpy as np
import polars as pl
import pytest
from scipy import stats

from hilum.errors import HilumError
from hilum.evaluation import as_predictions, auroc, auroc_ceiling, auroc_under_noise, rank_label_issues


@pytest.fixture
def flipped(make_table):
    """A good model's predictions, and labels of which 30 positives and 30 negatives are turned around."""
    table = make_table(patients=1000, images_each=1, prevalence={"Mass": 0.4})
    true = table["y_Mass"].to_numpy()
    rng = np.random.default_rng(3)
    probability = 1 / (1 + np.exp(2.5 - 5 * true - rng.normal(size=1000)))
    turned = np.concatenate([rng.choice(np.flatnonzero(true == side), 30, replace=False) for side in (0, 1)])
    given = true.copy()
    given[turned] = 1 - given[turned]
    given_table = table.with_columns(pl.Series("y_Mass", given), pl.Series("p_Mass", probability))
    return as_predictions(given_table, name="m"), set(table["image_id"].gather(turned)), true


def test_labels_that_were_turned_around_are_ranked_first_and_counted(flipped):
    predictions, turned, _ = flipped
    issues, noise = rank_label_issues([predictions])
    first = issues.filter(pl.col("rank") <= 60)["image_id"].to_list()
    assert len(turned.intersection(first)) > 45
    assert issues["label_quality"].is_sorted()
    row = noise.row(0, named=True)
    assert row["flagged_positives"] == pytest.approx(30, abs=10)
    assert row["flagged_negatives"] == pytest.approx(30, abs=10)
    assert row["noise_rate_positives"] == pytest.approx(30 / row["positives"], abs=0.03)
    assert row["auroc_ceiling"] == pytest.approx(1 - (row["noise_rate_positives"] + row["noise_rate_negatives"]) / 2)


def test_the_probabilities_of_seeds_are_averaged(flipped):
    predictions, _, _ = flipped
    other = as_predictions(predictions.frame.with_columns(pl.col("p_Mass") / 2), name="half")
    for row in rank_label_issues([predictions, other])[0].head(20).to_dicts():
        given = predictions.frame.filter(pl.col("image_id") == row["image_id"])["p_Mass"][0]
        assert row["probability"] == pytest.approx(0.75 * given)


def test_rows_of_seeds_may_come_in_any_order(flipped):
    predictions, _, _ = flipped
    turned = as_predictions(predictions.frame.reverse(), name="turned")
    assert rank_label_issues([predictions, turned])[0].equals(rank_label_issues([predictions])[0])


def test_other_images_are_no_seeds_of_the_same_model(flipped, make_predictions):
    with pytest.raises(HilumError, match="expected the same findings"):
        rank_label_issues([flipped[0], make_predictions()])


def test_findings_without_two_of_either_are_left_out_and_stated(make_table):
    table = make_table(patients=30).with_columns(pl.lit(0).alias("y_Pneumonia"))
    issues, noise = rank_label_issues([as_predictions(table, name="t")])
    assert issues["finding"].unique().to_list() == ["Pleural Effusion"]
    weak, left_out = noise["note"]
    assert weak.startswith("AUROC 0.73: with so weak a model the noise rates are inaccurate")
    assert left_out == "fewer than two positives or negatives: excluded"


def test_wrong_positives_of_a_rare_finding_come_first_though_the_model_is_weak():
    """Of 2,000 images 60 have it, and 40 are reported to have it wrongly; the model distinguishes them with an AUROC of
    0.8."""
    rng = np.random.default_rng(0)
    true = np.arange(2000) < 60
    wrong = (np.arange(2000) >= 60) & (np.arange(2000) < 100)
    score = 1 / (1 + np.exp(3 - 1.2 * true - rng.normal(size=2000)))
    table = {"image_id": [f"{i:04d}" for i in range(2000)], "split": ["test"] * 2000}
    table |= {"y_Hernia": (true | wrong).astype(int), "p_Hernia": score}
    issues, _ = rank_label_issues([as_predictions(pl.DataFrame(table), name="t")])
    turned = {f"{i:04d}" for i in np.flatnonzero(wrong)}
    assert len(turned.intersection(issues.head(40)["image_id"])) > 20


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.9, 0.9), (0.6, 0.97), (1.0, 0.8)])
def test_the_auroc_under_noise_is_that_of_simulated_labels(sensitivity, specificity):
    rng = np.random.default_rng(0)
    true = rng.random(200_000) < 0.2
    given = np.where(true, rng.random(200_000) < sensitivity, rng.random(200_000) > specificity)
    wrong = 1 - true[given].mean(), true[~given].mean()
    scores = np.sqrt(2) * stats.norm.ppf(0.85) * true + rng.normal(size=200_000)
    assert auroc(given, scores) == pytest.approx(auroc_under_noise(0.85, *wrong), abs=0.004)
    assert auroc(given, true.astype(float)) == pytest.approx(auroc_ceiling(*wrong), abs=0.004)


def test_without_noise_nothing_changes_and_labels_by_chance_say_nothing():
    assert auroc_under_noise(0.8, 0, 0) == pytest.approx(0.8)
    assert auroc_ceiling(0.7, 0.3) == pytest.approx(0.5)
