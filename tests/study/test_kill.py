import subprocess
import sys
import time
from pathlib import Path

import pytest

from hilum.draws import image_keys, uniforms

KILLS = 4


@pytest.mark.slow
def test_a_study_that_is_killed_at_random_moments_ends_with_the_same_bits(images, finished, small_text, tmp_path):
    """SIGKILL in the middle of whatever is done, and another number of workers each time."""
    study, out = tmp_path / "small.yaml", tmp_path / "killed"
    study.write_text(small_text)
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


def start(study: Path, images: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from hilum.cli import main; main()", "study", "run", str(study)]
    command += ["--data", f"images={images}", "--out", str(out), "--workers", str(workers)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
