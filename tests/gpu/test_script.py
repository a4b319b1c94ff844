"""benchmarks/gpu/run.py in miniature, so that nothing is tried first on a device."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu" / "run.py"


def dry_run(out, *more):
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, SCRIPT, "--dry-run", "--out", out, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=alone)
    assert done.returncode == 0, done.stdout + done.stderr
    return (out / "summary.md").read_text()


def rows(out, part):
    return json.loads((out / f"{part}.json").read_text())["rows"]


def test_a_quick_part_fills_its_table(tmp_path):
    summary = dry_run(tmp_path, "--parts", "ceilings")
    assert "Ended with" not in summary
    assert [row["unit"] for row in rows(tmp_path, "ceilings")] == ["GB/s", "TFLOP/s", "TFLOP/s"]


@pytest.mark.slow
def test_a_part_that_takes_too_long_is_cut_off_and_one_without_time_is_reported(tmp_path):
    assert "Cut off after" in dry_run(tmp_path, "--parts", "training", "--limit", "1")
    assert "No time was left." in dry_run(tmp_path, "--parts", "features", "--seconds", "1")


@pytest.mark.slow
def test_every_part_fills_its_table(tmp_path):
    summary = dry_run(tmp_path)
    assert "Ended with" not in summary
    assert "Cut off" not in summary
    assert "error" not in summary
    assert "passed" in json.loads((tmp_path / "agreement.json").read_text())["notes"][0]
    assert {(row["method"], row["compiled"]) for row in rows(tmp_path, "training")} >= {
        ("simclr", False), ("simclr", True), ("dinov2", False), ("finetune", False)
    }  # fmt: skip
    assert len(rows(tmp_path, "augmentation")) == 10
    assert len(rows(tmp_path, "lightly")) == 2
    assert len(rows(tmp_path, "features")) == 3
