import subprocess
import sys
import time
from pathlib import Path

import pytest

from hilum.draws import image_keys, uniforms
from hilum.study.execution import run_study
from hilum.study.file import read_study

KILLS = 4


@pytest.mark.slow
def test_a_study_that_is_killed_at_random_moments_ends_with_the_same_bits(images, small_text, unseen, tmp_path):
    """SIGKILL in the middle of whatever is done, and another number of workers each time."""
    study, out = tmp_path / "small.yaml", tmp_path / "killed"
    study.write_text(small_text.replace("small_convnet", "resnet18"))  # there is time to kill it
    finished = tmp_path / "whole"
    run_study(read_study(study), {"images": images}, finished, show_step=unseen)
    moments = uniforms(0, image_keys(["moments"]), KILLS)[0] * 8 + 1  # seconds after the first sign of work
    for workers, moment in enumerate(moments):
        process = start(study, images, out, workers)
        while not (out / "plan.json").exists() and process.poll() is None:
            time.sleep(0.1)
        time.sleep(moment)
        process.kill()
        process.wait()
    last = start(study, images, out, workers=2)
    assert last.wait(timeout=300) == 0
    compared = sorted(finished.rglob("*.safetensors")) + sorted(finished.rglob("predictions/**/*.parquet"))
    assert len(compared) > 6
    for path in compared:
        assert path.read_bytes() == (out / path.relative_to(finished)).read_bytes(), path


@pytest.mark.slow
def test_a_published_study_that_is_killed_ends_with_the_same_tables(tmp_path):
    """At `--scale tiny`; of its tables only those with times differ."""
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assert start_tiny("toh2023", whole).wait(timeout=1200) == 0
    for moment in uniforms(1, image_keys(["moments"]), 3)[0] * 40 + 5:  # seconds after the first sign of work
        process = start_tiny("toh2023", out)
        while not (out / "plan.json").exists() and process.poll() is None:
            time.sleep(0.1)
        time.sleep(moment)
        process.kill()
        process.wait()
    assert start_tiny("toh2023", out).wait(timeout=1200) == 0
    compared = [*whole.rglob("predictions/**/*.parquet"), *whole.rglob("*.safetensors"), *whole.rglob("tables/*.csv")]
    assert len(compared) > 30
    differ = [path.name for path in compared if path.read_bytes() != (out / path.relative_to(whole)).read_bytes()]
    assert set(differ) <= {"arms.csv", "provenance.csv"}


def start_tiny(study: str, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "hilum", "study", "run", study, "--scale", "tiny", "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start(study: Path, images: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from hilum.cli import main; main()", "study", "run", str(study)]
    command += ["--data", f"images={images}", "--out", str(out), "--workers", str(workers)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
