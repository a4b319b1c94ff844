"""The benchmarks of seeds run, in small, and say what their pages say they do."""

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
