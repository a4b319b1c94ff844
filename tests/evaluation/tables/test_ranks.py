import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.evaluation import comparisons_table, measure_arms, ranks_table, wins_table


@pytest.fixture
def arms(make_predictions):
    def make(labels_seed):
        return {
            name: [make_predictions(patients=200, signal=signal, scores_seed=at, labels_seed=labels_seed)]
            for at, (name, signal) in enumerate({"worst": 0.0, "best": 3.0, "middle": 1.0}.items())
        }

    return make


def test_mean_ranks_over_findings_and_data_sets(arms):
    data_sets = [measure_arms(arms(seed), n_bootstrap=100) for seed in (0, 1)]
    ranks = ranks_table(data_sets)
    assert ranks["arm"].to_list() == ["best", "middle", "worst"]
    assert ranks["n_findings_ranked"].to_list() == [4, 4, 4]
    assert ranks["mean_rank"].to_list() == [1, 2, 3]
    assert ranks["prob_best"].to_list() == [1, 0, 0]
    assert all(row["ci_low"] <= row["mean_rank"] <= row["ci_high"] for row in ranks.to_dicts())


def test_equal_arms_share_their_rank(make_predictions):
    one = make_predictions(patients=200)
    ranks = ranks_table([measure_arms({"a": [one], "b": [one]}, n_bootstrap=60)])
    assert ranks.select("mean_rank", "ci_low", "ci_high").unique().rows() == [(1.5, 1.5, 1.5)]
    assert ranks["prob_best"].to_list() == [0.5, 0.5]


def test_where_less_is_better_the_lowest_is_first(arms):
    data = arms(0)
    assert ranks_table([measure_arms(data, metrics=["brier"], n_bootstrap=60)], metric="brier")["arm"][0] == "best"


def test_wins_ties_and_losses_are_counted_over_tested_findings(arms):
    comparisons = comparisons_table(measure_arms(arms(0), n_bootstrap=400), reference="middle")
    wins = {row["arm"]: row for row in wins_table(comparisons, averages=["macro"]).to_dicts()}
    assert (wins["best"]["wins"], wins["best"]["ties"], wins["best"]["losses"]) == (2, 0, 0)
    assert wins["worst"]["losses"] == 2
    untested = comparisons.with_columns(pl.lit(None, pl.Float64).alias("p_adjusted"))
    assert wins_table(untested, averages=["macro"]).is_empty()


def test_other_arms_in_a_data_set_are_refused(arms):
    one, two = arms(0), arms(1)
    two.pop("best")
    with pytest.raises(HilumError, match="expected the same arms in every data set; found worst, middle beside"):
        ranks_table([measure_arms(one, n_bootstrap=40), measure_arms(two, n_bootstrap=40)])
