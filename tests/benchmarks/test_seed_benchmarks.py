"""The benchmarks of seeds, epochs and repeats run, in small, and say what their pages say they do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def run(name: str, out: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / name), "--quick", "--out", str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_seed_inference_in_small(tmp_path):
    run("seed_inference.py", tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["seeds"] for row in rows["calibration"]] == [2, 3]
    assert all(row["found: nested"] >= row["false: nested"] for row in rows["calibration"])
    (of_imrmc,) = rows["readers"]
    assert of_imrmc["of OR"] == pytest.approx(of_imrmc["true variance x 1e4"], rel=0.3)
    assert of_imrmc["of resamples"] > of_imrmc["of OR"]


@pytest.mark.slow
def test_seed_claims_in_small(tmp_path):
    run("seed_claims.py", tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert {row["compared"] for row in rows} >= {"short − short", "longer − short", "longer − few"}


@pytest.mark.slow
def test_epoch_rules_in_small(tmp_path):
    run("epoch_rules.py", tmp_path / "runs.json")
    runs = json.loads((tmp_path / "runs.json").read_text())
    (pretraining,) = [run for run in runs if run["kind"] == "pretraining"]
    looks = len(pretraining["numbers"]["judge_linear"])
    assert pretraining["last"]["look"] == looks
    for rule in ("last", "best", "within_error", "smoothed", "alarm"):
        selected = pretraining[rule]
        assert selected["linear"] == pretraining["numbers"]["judge_linear"][selected["look"] - 1]
    assert {run["method"] for run in runs if run["kind"] == "finetuning"} == {"1/1 of the labels", "1/3 of the labels"}


@pytest.mark.slow
def test_a_repeat_of_the_demo_in_small(tmp_path):
    expected = run("demo_repeats.py", tmp_path / "rows.json")
    (row,) = json.loads((tmp_path / "rows.json").read_text())
    assert (row["repeat"], row["same images"]) == (0, False)
    assert "of 1 repeats" in expected
