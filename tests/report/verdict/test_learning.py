"""Arms that had not finished learning are named before every verdict; every arm stands beside its linear probe."""

from dataclasses import replace

import polars as pl
import pytest

from hilum.evaluation import comparisons_table, measure_arms, metrics_table
from hilum.finetuning.monitoring import LearningSign, StartCode, StartDifference
from hilum.report.verdict import learning, start_differences
from hilum.report.verdict.decide import decide


def signs(*rows):
    return pl.DataFrame(rows, schema=["arm", "sign", "seeds", "of_seeds"], orient="row")


@pytest.fixture
def content(study):
    return study


def test_the_verdict_says_first_which_arms_had_not_finished_learning(content):
    before = decide(content).headline
    unfinished = replace(content, learning=signs(("simclr", LearningSign.LOSS_NEAR_CHANCE, 2, 2)))
    assert decide(unfinished).headline == (
        f"simclr had not finished learning: its differences are not conclusive. {before}"
    )
    assert decide(unfinished).cautions[0].startswith("Incomplete training: simclr: its final training loss")
    assert decide(replace(content, learning=signs(("simclr", LearningSign.LOSS_NEAR_CHANCE, 1, 2)))).headline == before


@pytest.mark.parametrize("sign", LearningSign)
def test_every_sign_has_words(content, sign):
    both = replace(content, learning=signs(("scratch", sign, 2, 2), ("simclr", sign, 2, 2)))
    assert decide(both).headline.startswith(
        "scratch and simclr had not finished learning: their differences are not conclusive. "
    )
    table = learning.learning_table(both)
    assert [row[0].text for row in table.rows] == ["scratch", "simclr"]
    assert all(row[1].text for row in table.rows)


def test_every_arm_has_a_row_beside_its_own_probe_with_intervals(content):
    metrics, comparisons = [], []
    for arm, tuned in content.predictions.items():
        measured = measure_arms({"probe": content.predictions["scratch"], arm: tuned}, n_bootstrap=100)
        metrics.append(metrics_table(measured, "probe").select(pl.lit(arm).alias("arm"), pl.all()))
        comparisons.append(comparisons_table(measured, reference="probe"))
    probed = replace(content, probe_metrics=pl.concat(metrics), probe_comparisons=pl.concat(comparisons))
    table = learning.probes_table(probed)
    macro = [row for row in table.rows if row[0].text == "Macro"]
    assert [row[1].text for row in macro] == ["scratch", "simclr", "mocov2"]
    assert all("(" in row[3].text for row in macro)
    assert macro[0][4].order == 0
    assert any("Linear probes of the arms' initial weights" in expected for expected in decide(probed).sentences)


def test_another_resolution_than_in_pretraining_is_reported(content):
    changed = [
        replace(arm, start_differences=[StartDifference(StartCode.RESOLUTION, 64, 96)] if arm.name == "simclr" else [])
        for arm in content.arms
    ]
    assert start_differences.cautions(changed) == [
        "simclr was pretrained at 64 px, fine-tuned at 96 px: this can reduce the benefit of pretraining."
    ]
    assert start_differences.cautions(changed)[0] in decide(replace(content, arms=changed)).cautions
    scored = [replace(arm, finetuned=False) for arm in changed]
    assert start_differences.cautions(scored) == [
        "simclr was pretrained at 64 px, scored at 96 px: this can reduce the performance."
    ]
    message = start_differences.describe_difference("preprocessing", [{"square": "pad"}, "clahe"], [{"square": "pad"}])
    assert message == "pretrained with [square pad, clahe], fine-tuned with [square pad]"


def test_the_share_of_labels_is_reported_in_verdict_and_data(content):
    words = "10 % of the training patients: 14 images of 9 patients, 10 positive"
    rows = pl.DataFrame(
        {"seed": [0], "percent": [10.0], "images": [14], "patients": [9], "finding": ["Pneumonia"], "positives": [10]}
    )
    assert decide(replace(content, labelled=rows, labelled_description=words)).sentences[0] == f"Labels: {words}."
    whole = rows.with_columns(percent=pl.lit(100.0))
    assert not decide(replace(content, labelled=whole, labelled_description=words)).sentences[0].startswith("Labels")
