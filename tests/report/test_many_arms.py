"""A study of 31 arms, as the first published one has: every arm can be distinguished from the others, and the page
stays small."""

import re
from dataclasses import replace

import polars as pl
import pytest

from hilum.report.figures import canvas, style
from hilum.report.figures.confusion import confusion_arms
from hilum.report.figures.roc import roc_curves, roc_figures
from hilum.report.page import write_report
from hilum.report.verdict.decide import decide

ARMS = {f"arm_{place:02d}": 0.4 + 0.04 * place for place in range(31)}


@pytest.fixture(scope="module")
def many(make_study):
    return make_study(ARMS, findings=3, images=240, seeds=1, reference="arm_00", n_bootstrap=50)


def test_no_two_of_31_arms_look_alike(many):
    colours = canvas.arm_colours(many.arms, many.reference)
    dashes = canvas.arm_dashes(colours)
    looks = {(colours[arm.title], dashes[arm.title]) for arm in many.arms}
    marks = {(colour, place % len(canvas.ARM_MARKERS)) for place, colour in enumerate(colours.values())}
    assert len(looks) == len(marks) == 31


def test_few_arms_look_as_before(study):
    assert set(canvas.arm_dashes(canvas.arm_colours(study.arms, study.reference)).values()) == {"solid"}


def test_lines_of_one_colour_have_dashes_of_their_own(many):
    with style():
        (figure, *_) = roc_figures(many, roc_curves(many))
    drawn = re.findall(r'<g id="curve\d+">.*?<path [^>]*style="([^"]*)"', figure.svg, flags=re.DOTALL)
    looks = [tuple(re.findall(r"(?:stroke|stroke-dasharray): ([^;]+)", each)) for each in drawn]
    assert len(looks) == len(set(looks)) == 31


def test_only_the_best_two_of_many_arms_have_a_confusion_matrix(many, study):
    assert confusion_arms(study) == [arm.name for arm in study.arms]
    best = (
        many.metrics.filter((many.metrics["metric"] == "auroc") & (many.metrics["finding"] == "macro"))
        .sort("estimate", descending=True)["arm"].head(2).to_list()
    )  # fmt: skip
    assert set(confusion_arms(many)) == set(best)


@pytest.mark.slow
def test_the_page_of_31_arms_and_14_findings_stays_below_15_megabytes(make_study, tmp_path):
    study = make_study(ARMS, findings=14, images=400, seeds=1, reference="arm_00", n_bootstrap=50)
    assert write_report(study, tmp_path).stat().st_size < 15e6


def test_sentences_count_many_arms_and_name_few(many, study):
    signs = pl.DataFrame(
        [(arm.name, sign, 1, 1) for arm in many.arms for sign in ("loss_near_chance", "scores_do_not_spread")],
        schema=["arm", "sign", "seeds", "of_seeds"],
        orient="row",
    )
    verdict = decide(replace(many, learning=signs, probe_metrics=many.metrics))
    assert verdict.headline.startswith("All 31 arms had not finished learning: their differences are not conclusive.")
    assert max(map(len, [verdict.headline, *verdict.sentences, *verdict.cautions])) < 700
    assert any("All 31 arms: its final training loss" in caution for caution in verdict.cautions)
    few = signs.filter(pl.col("arm") == "arm_00").with_columns(arm=pl.lit("simclr"))
    assert decide(replace(study, learning=few)).headline.startswith("simclr had not finished learning: its")
