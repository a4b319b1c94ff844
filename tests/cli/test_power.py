import json

import pytest
import typer
from typer.testing import CliRunner

from hilum.cli.power import power
from hilum.evaluation.inference import Assumptions, TestSet, smallest_detectable_difference


def run(*arguments: object):
    app = typer.Typer()
    app.command()(power)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_says_the_smallest_difference_and_what_other_assumptions_would_give():
    ran = run("--positives", 1089, "--negatives", 24507, "--patients", 2797)
    assert ran.exit_code == 0, ran.output
    smallest = smallest_detectable_difference(TestSet(1089, 24507, 2797))
    assert "1,089 positive and 24,507 negative images of 2,797 patients, design effect 5.1" in ran.stdout
    assert f"Smallest detectable difference with 80 % power at the 5 % level: {smallest:.3f} (from 0.800" in ran.stdout
    assert "correlation 0.9" in ran.stdout


def test_json_holds_the_assumptions_and_the_difference():
    message = json.loads(run("--positives", 50, "--negatives", 950, "--auroc", 0.75, "--json").stdout)
    assert message["smallest_difference"] > 0
    assert (message["auroc"], message["patients"], message["design_effect"]) == (0.75, None, 1.0)


def test_a_test_set_that_can_show_nothing_says_so():
    ran = run("--positives", 3, "--negatives", 4, "--auroc", 0.9)
    assert "Even a perfect arm is not detected with 80 % power against an AUROC of 0.9" in ran.stdout
    assert (
        json.loads(run("--positives", 3, "--negatives", 4, "--auroc", 0.9, "--json").stdout)["smallest_difference"]
        is None
    )


@pytest.mark.parametrize("arguments", [("--positives", 1, "--negatives", 5), ("--negatives", 5)])
def test_counts_that_cannot_be_are_refused(arguments):
    assert run(*arguments).exit_code == 2


def test_a_difference_says_the_images_and_seeds_it_takes():
    counts = ("--positives", 200, "--negatives", 1800, "--seeds", 3, "--seed-sd", 0.02, "--difference", 0.03)
    message = json.loads(run(*counts, "--json").stdout)
    by_seeds = {row["seeds"]: row["positives"] for row in message["needed"]}
    assert list(by_seeds) == [2, 3, 5, 10, 20]
    assert by_seeds[2] is by_seeds[3] is None  # three seeds are too few, however many images there are
    assert by_seeds[10] > by_seeds[20]
    assumed = Assumptions(seeds=10, seed_sd=0.02)
    enough = TestSet(by_seeds[10], 9 * by_seeds[10])
    assert smallest_detectable_difference(enough, assumed) == pytest.approx(0.03, rel=0.01)
    expected = run(*counts).stdout
    assert "none" in expected
    assert "3 seeds per arm with SD 0.02" in expected


def test_one_seed_cannot_say_how_much_runs_differ():
    ran = run("--positives", 200, "--negatives", 1800, "--seed-sd", 0.02)
    assert "two seeds or more where runs differ" in str(ran.exception)
