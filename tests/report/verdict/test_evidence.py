from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from hilum.evaluation.inference import SeedTest, replication_probability, seeds_to_show, times_patients_to_show
from hilum.report.content import ArmSummary, LookTaken, ReportContent
from hilum.report.verdict import VerdictCode
from hilum.report.verdict.decide import decide


def content_of(difference: float, *, seeds: int = 4, between: float = 2e-4, patients: float = 5e-5) -> ReportContent:
    """Two arms, compared by Obuchowski and Rockette's test."""
    share = 2 / seeds
    within = 5e-5
    test = SeedTest(
        difference, between, within, patients, (seeds, seeds), share, (between + within) * share, 2 * (seeds - 1),
        float("inf"),
    )  # fmt: skip
    low, high = test.interval()
    row = {
        "arm": "simclr", "reference": "scratch", "finding": "macro", "metric": "auroc", "difference": difference,
        "ci_low": low, "ci_high": high, "p": test.p(), "p_adjusted": test.p(), "minimum_detectable_difference": test.detectable(),
        "method": "obuchowski_rockette", "seeds": seeds, "between_seeds": between, "within_seeds": within,
        "between_patients": patients, "prob_replication": replication_probability(test),
        "seeds_to_show": seeds_to_show(test, difference), "times_patients_to_show": times_patients_to_show(test, difference),
    }  # fmt: skip
    metrics = [
        {"arm": arm, "finding": "macro", "metric": "auroc", "estimate": value, "ci_low": value - 0.03, "ci_high": value + 0.03,
         "n": 800, "positives": None, "patients": 400, "note": ""}
        for arm, value in (("scratch", 0.7), ("simclr", 0.7 + difference))
    ]  # fmt: skip
    arms = [
        ArmSummary("scratch", "resnet18", "random", 1, 1, False, range(seeds), 60.0 * seeds),
        ArmSummary("simclr", "resnet18", "simclr on ours", 1, 1, False, range(seeds), 240.0 * seeds),
    ]
    return ReportContent(
        "?", arms, [], "ours, test", pl.DataFrame(metrics), pl.DataFrame([row]), "scratch", 2000, {}, pl.DataFrame(), [],
        [], "",
    )  # fmt: skip


def of(code: VerdictCode, content: ReportContent):
    """The record with this code."""
    (record,) = [record for record in decide(content).records if record.code is code]
    return record


def codes(content: ReportContent) -> set[VerdictCode]:
    return {record.code for record in decide(content).records}


def test_seeds_that_go_on_from_one_training_of_their_start_are_named():
    content = content_of(0.06)
    assert VerdictCode.SHARED_START not in codes(content)
    scratch, simclr = content.arms
    shared = replace(content, arms=[scratch, replace(simclr, shared_start=True)])
    record = of(VerdictCode.SHARED_START, shared)
    assert record.values == {"simclr": 4}
    assert "All seeds of simclr are fine-tuned from one pretraining run" in record.sentence


def test_what_is_shown_says_what_it_rests_on_and_how_likely_a_repeat_shows_it():
    content = content_of(0.06)
    expected = decide(content)
    assert expected.headline == "simclr beats scratch."
    runs, repeat = of(VerdictCode.RUNS, content), of(VerdictCode.REPEAT, content)
    assert runs.values["seeds"] == 4
    assert runs.values["sd_simclr"] == pytest.approx(np.sqrt(2.5e-4))
    assert "Based on 4 seeds per arm" in runs.sentence
    assert "between training runs: 0.016" in runs.sentence
    assert repeat.values["simclr"] == content.comparisons["prob_replication"][0]
    assert repeat.sentence in expected.sentences
    assert not codes(content) & {VerdictCode.SETTLED_BY_SEEDS, VerdictCode.FEW_SEEDS}


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_or_two_seeds_are_a_hint_and_no_finding(seeds):
    content = content_of(0.5, seeds=2)
    content = replace(content, arms=[replace(arm, seeds=range(seeds)) for arm in content.arms])
    noun = "seed" if seeds == 1 else "seeds"
    assert decide(content).headline == f"Preliminary ({seeds} {noun}): simclr beats scratch."
    assert VerdictCode.FEW_SEEDS in codes(content)
    assert VerdictCode.FEW_SEEDS not in codes(content_of(0.0001, seeds=2))  # what is not shown is no hint, either


def test_what_would_settle_an_open_comparison_and_what_it_costs():
    content = content_of(0.025)
    record = of(VerdictCode.SETTLED_BY_SEEDS, content)
    seeds = content.comparisons["seeds_to_show"][0]
    assert record.values["further_seeds"] == seeds - 4
    assert record.values["seconds"] == (seeds - 4) * (60 + 240)
    assert record.values["times_patients"] == content.comparisons["times_patients_to_show"][0]
    assert f"{seeds} seeds per arm ({seeds - 4} more, about" in record.sentence
    assert "0.025 (observed)" in record.sentence
    assert record.sentence in decide(content).sentences


def test_what_nothing_settles_is_reported_to_be_so():
    content = content_of(0.0004)
    record = of(VerdictCode.NOT_SETTLED, content)
    assert "not be detected by 100 seeds on these test patients, nor by 1,000 times as many" in record.sentence


def test_more_seeds_than_anyone_trains_are_not_proposed():
    content = content_of(0.02)
    assert content.comparisons["seeds_to_show"][0] > 100
    assert VerdictCode.SETTLED_BY_SEEDS not in codes(content)
    record = of(VerdictCode.NOT_SETTLED, content)
    assert record.values["seeds"] is None


def margins(content: ReportContent, margin: float) -> ReportContent:
    return replace(content, margins=pl.DataFrame({"arm": ["simclr"], "reference": ["scratch"], "margin": [margin]}))


@pytest.mark.parametrize(
    ("difference", "margin", "code"),
    [
        (0.06, 0.005, VerdictCode.ABOVE_MARGIN),
        (0.06, 0.05, VerdictCode.AROUND_MARGIN),
        (0.001, 0.05, VerdictCode.BELOW_MARGIN),
    ],
)
def test_practical_size_stands_beside_significance(difference, margin, code):
    content = margins(content_of(difference), margin)
    assert of(code, content).values["margin"] == margin


def test_a_named_margin_is_what_has_to_be_shown():
    record = of(VerdictCode.SETTLED_BY_SEEDS, margins(content_of(0.002), 0.03))
    assert record.values["difference"] == 0.03
    assert "0.030 (margin)" in record.sentence


def test_pretraining_that_does_not_beat_a_thumbnail_comes_first():
    content = content_of(0.06)
    metrics = content.metrics.head(1).with_columns(arm=pl.lit("8x8 thumbnail"), estimate=0.77)
    pair = content.comparisons.with_columns(reference=pl.lit("8x8 thumbnail"), difference=-0.01, p_adjusted=0.6)
    expected = decide(replace(content, baseline_metrics=metrics, baseline_comparisons=pair))
    assert expected.records[0].code is VerdictCode.BASELINE_NOT_BEATEN
    assert expected.headline == (
        "simclr is not significantly better than a shortcut baseline of an 8×8 thumbnail. simclr beats scratch."
    )
    better = pair.with_columns(difference=0.05, p_adjusted=0.001)
    beaten = replace(content, baseline_metrics=metrics, baseline_comparisons=better)
    assert VerdictCode.BASELINE_NOT_BEATEN not in codes(beaten)


def test_a_look_is_named_and_an_unannounced_one_is_a_caution():
    content = replace(content_of(0.06), look=LookTaken(2, 3, 0.012))
    assert of(VerdictCode.LOOK, content).sentence in decide(content).sentences
    often = replace(content, look=LookTaken(2, 1, 0.05))
    assert of(VerdictCode.UNANNOUNCED_LOOK, often).sentence == decide(often).cautions[0]
    assert not codes(replace(content, look=LookTaken(1, 1, 0.05))) & {VerdictCode.LOOK, VerdictCode.UNANNOUNCED_LOOK}
