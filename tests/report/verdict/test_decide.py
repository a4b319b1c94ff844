from dataclasses import replace

import polars as pl
import pytest

from hilum.report.content import ArmSummary, DataSummary, ReportContent
from hilum.report.verdict import Verdict
from hilum.report.verdict.decide import decide


def study_of(
    scores: dict[str, float | None],
    pairs: list[tuple],
    *,
    reference: str | None = "scratch",
    seen: dict[str, bool | None] | None = None,
    seeds: int = 3,
    finding: str = "macro",
) -> ReportContent:
    """A study with these macro scores, and pairs (arm, against, difference, low, high, adjusted p[, finding])."""
    arms = [ArmSummary(arm, "resnet18", "random", 1, 1, (seen or {}).get(arm, False), range(seeds)) for arm in scores]
    metrics = [
        (arm, finding, "auroc", score, None if score is None else score - 0.03, None if score is None else score + 0.03)
        for arm, score in scores.items()
    ]
    metrics_table = pl.DataFrame(
        metrics,
        schema={"arm": pl.String, "finding": pl.String, "metric": pl.String}
        | dict.fromkeys(("estimate", "ci_low", "ci_high"), pl.Float64),
        orient="row",
    ).with_columns(n=842, positives=None, patients=601, note=pl.lit(""))
    rows = [(arm, other, at[0] if at else finding, d, lo, hi, p) for arm, other, d, lo, hi, p, *at in pairs]
    comparisons = pl.DataFrame(
        rows,
        schema={"arm": pl.String, "reference": pl.String, "finding": pl.String}
        | dict.fromkeys(("difference", "ci_low", "ci_high", "p_adjusted"), pl.Float64),
        orient="row",
    ).with_columns(metric=pl.lit("auroc"), p=pl.col("p_adjusted"), minimum_detectable_difference=0.021)
    return ReportContent(
        "?", arms, [], "ours, test", metrics_table, comparisons, reference, 2000, {}, pl.DataFrame(), [], [], ""
    )


HELPS = ("own_moco", "scratch", 0.034, 0.012, 0.055, 0.004)
OPEN = ("imagenet", "scratch", 0.006, -0.011, 0.022, 0.48)
HURTS = ("simclr", "scratch", -0.041, -0.060, -0.020, 0.0008)


def verdict(*pairs: tuple, **of: object) -> Verdict:
    arms = {"scratch": 0.78} | {pair[0]: 0.78 + (pair[2] or 0) for pair in pairs}
    return decide(study_of(arms, list(pairs), **of))


def test_an_arm_that_helps_is_reported_to_beat_the_reference_with_all_its_numbers():
    expected = verdict(HELPS)
    assert expected.headline == "own_moco beats scratch."
    assert expected.sentences == [
        "own_moco beats scratch by 0.034 macro AUROC (95 % CI 0.012 to 0.055, adjusted p = 0.004; "
        "842 images of 601 patients, 3 seeds)."
    ]
    assert expected.cautions == []


def test_an_arm_that_hurts_falls_behind_and_the_interval_holds_the_number_stated():
    expected = verdict(HURTS)
    assert expected.headline == "simclr is worse than scratch."
    assert expected.sentences[0].startswith(
        "simclr is worse than scratch by 0.041 macro AUROC (95 % CI 0.020 to 0.060, adjusted p < 0.001; 842 images"
    )


def test_no_difference_says_what_could_have_been_shown_and_never_equality():
    expected = verdict(OPEN)
    assert expected.headline == "No difference of imagenet from scratch can be shown."
    assert expected.sentences == [
        "The difference from scratch in macro AUROC is 0.006 for imagenet (95 % CI −0.011 to 0.022, adjusted p = 0.48; "
        "842 images of 601 patients, 3 seeds); this test set could have shown 0.021 (80 % power)."
    ]
    assert not any(word in " ".join([expected.headline, *expected.sentences]) for word in ("equal", "same", "as good"))


def test_an_interval_without_zero_is_no_difference_when_the_adjusted_p_is_not_below_five_percent():
    assert (
        verdict(("a", "scratch", 0.02, 0.001, 0.04, 0.06)).headline == "No difference of a from scratch can be shown."
    )


def test_an_adjusted_p_of_exactly_five_percent_shows_nothing():
    assert verdict(("a", "scratch", 0.02, 0.0, 0.04, 0.05)).headline.startswith("No difference")
    assert verdict(("a", "scratch", 0.02, 0.0, 0.04, 0.0499)).headline == "a beats scratch."


def test_mixed_arms_are_each_stated():
    expected = verdict(HELPS, OPEN, HURTS)
    assert expected.headline == (
        "own_moco beats scratch; simclr is worse than scratch; for imagenet no difference can be shown."
    )
    assert len(expected.sentences) == 3
    assert sum("842 images" in sentence for sentence in expected.sentences) == 1


def test_two_arms_that_help_share_a_headline():
    assert verdict(HELPS, ("b", *HELPS[1:])).headline == "own_moco and b beat scratch."
    assert verdict(OPEN, ("b", *OPEN[1:])).headline == "No difference from scratch can be shown."


@pytest.mark.parametrize(
    ("codes", "is_named"),
    [("nothing_to_average several_seeds", True), ("too_few_patients", True), ("several_seeds", False), (None, False)],
)
def test_a_comparison_that_too_few_patients_forbid_says_so_and_what_to_do(codes, is_named):
    content = study_of({"scratch": 0.78, "a": 0.8}, [("a", "scratch", 0.02, None, None, None)])
    assert content.comparisons is not None
    coded = content.comparisons.with_columns(codes=pl.lit(codes, dtype=pl.String))
    sentences = decide(replace(content, comparisons=coded)).sentences
    assert any(sentence.startswith("Not tested: too few") for sentence in sentences) == is_named


def test_a_comparison_without_p_is_not_a_verdict():
    expected = verdict(("a", "scratch", 0.02, None, None, None))
    assert expected.headline == "a could not be compared with scratch."
    assert not any("too few" in sentence for sentence in expected.sentences)
    assert verdict(("a", "scratch", float("nan"), None, None, float("nan"))).headline == expected.headline


def test_a_winner_that_was_trained_on_test_patients_is_marked_in_the_headline_and_below():
    expected = verdict(HELPS, seen={"own_moco": True, "scratch": None})
    assert expected.headline == "own_moco (trained on test patients) beats scratch."
    assert expected.cautions[0].startswith("own_moco was trained on test patients: its results, and differences")
    assert expected.cautions[1] == "Whether scratch was trained on test patients is not known."


def test_one_seed_is_a_caution():
    assert verdict(HELPS, seeds=1).cautions == [
        "Trained with one seed: the variation between training runs is not known."
    ]
    assert "1 seed)" in verdict(HELPS, seeds=1).sentences[0]


def test_findings_are_counted_one_by_one_and_few_are_named():
    single = [("own_moco", "scratch", 0.1, 0.05, 0.2, p, name) for name, p in (("Mass", 0.01), ("Edema", 0.3))]
    assert verdict(HELPS, *single).sentences[-1] == (
        "Single findings (2 tested, adjusted): own_moco is better in 1 (Mass)."
    )
    assert verdict(HELPS, *((*row[:5], 0.9, row[6]) for row in single)).sentences[-1].endswith("no arm differs in any.")


def test_a_task_of_one_finding_needs_no_average():
    expected = decide(study_of({"scratch": 0.7, "own_moco": 0.74}, [HELPS], finding="Pneumonia"))
    assert expected.headline == "own_moco beats scratch."
    assert "0.034 AUROC for Pneumonia (95 % CI" in expected.sentences[0]


def test_a_single_arm_is_stated_and_not_judged():
    expected = decide(study_of({"scratch": 0.812}, [], reference=None))
    assert expected.headline == "scratch reaches 0.812 macro AUROC."
    assert expected.sentences == [
        "scratch reaches 0.812 macro AUROC (95 % CI 0.782 to 0.842) on 842 images of 601 patients, 3 seeds.",
        "There is no other arm for comparison.",
    ]


def test_arms_that_were_not_compared_are_not_ranked_by_overlap():
    expected = decide(study_of({"a": 0.7, "b": 0.8}, [], reference=None))
    assert expected.headline == "b has the highest macro AUROC, but the arms were not compared."
    assert "not a test of a difference" in expected.sentences[-1]


@pytest.mark.parametrize(
    ("p_of_c_and_a", "p_of_c_and_b", "headline"),
    [
        (0.01, 0.01, "c is better than a and b."),
        (0.5, 0.5, "No difference between the arms can be shown."),
        (0.01, 0.5, "c is better than a; from b no difference can be shown."),
    ],
)
def test_without_a_reference_the_best_arm_is_compared_with_all_others(p_of_c_and_a, p_of_c_and_b, headline):
    pairs = [
        ("b", "a", 0.01, -0.01, 0.03, 0.6),
        ("c", "a", 0.04, 0.01, 0.06, p_of_c_and_a),
        ("c", "b", 0.03, 0.0, 0.05, p_of_c_and_b),
    ]
    expected = decide(study_of({"a": 0.76, "b": 0.77, "c": 0.80}, pairs, reference=None))
    assert expected.headline == headline


def test_a_pair_listed_the_other_way_round_is_turned():
    pairs = [("b", "a", -0.04, -0.06, -0.01, 0.01)]
    expected = decide(study_of({"a": 0.80, "b": 0.76}, pairs, reference=None))
    assert expected.headline == "a is better than b."
    assert "from b by 0.040 (0.010 to 0.060), adjusted p = 0.010" in expected.sentences[1]


def test_others_that_differ_among_themselves_are_not_hidden():
    pairs = [("b", "a", 0.01, -0.01, 0.03, 0.01), ("c", "a", 0.04, -0.1, 0.2, 0.4), ("c", "b", 0.03, -0.1, 0.2, 0.4)]
    expected = decide(study_of({"a": 0.76, "b": 0.77, "c": 0.80}, pairs, reference=None))
    assert expected.headline == ("c is highest, but no difference from any other arm can be shown; other arms differ.")


def test_nothing_scored_is_reported():
    empty = study_of({"scratch": None}, [], reference=None)
    assert decide(empty).headline.startswith("No result")
    assert decide(replace(empty, metrics=empty.metrics.clear())).headline.startswith("No result")


def test_findings_that_were_not_tested_are_not_counted():
    tested = [("own_moco", "scratch", 0.1, 0.05, 0.2, p, name) for name, p in (("Mass", 0.01), ("Edema", 0.3))]
    untested = ("own_moco", "scratch", 0.2, 0.1, 0.3, float("nan"), "Hernia")
    assert "(2 tested, adjusted)" in verdict(HELPS, *tested, untested).sentences[-1]


def test_a_pair_that_the_study_names_says_what_could_have_been_shown_of_it():
    named = replace(study_of({"imagenet": 0.8, "scratch": 0.78}, [OPEN], reference=None), pairs=[OPEN[:2]])
    assert decide(named).sentences == [
        "imagenet minus scratch: 0.006 (−0.011 to 0.022), adjusted p = 0.48; this test set could have shown 0.021 "
        "(80 % power)."
    ]


def test_generated_test_images_are_the_first_caution():
    data = DataSummary("ours", "folder", 9, 9, "official", pl.DataFrame(), pl.DataFrame(), generated=True)
    content = study_of({"own_moco": 0.8, "scratch": 0.78}, [HELPS])
    assert decide(replace(content, data=[data])).cautions[0].startswith("The test images are synthetic")
    assert decide(replace(content, data=[replace(data, generated=False)])).cautions == []
    untested = replace(data, split_title="", generated=True)
    assert decide(replace(content, data=[untested])).cautions == []
