import subprocess
import sys
from pathlib import Path

import pytest
import torch

KILLS = 20


@pytest.mark.slow
@pytest.mark.parametrize("method", ["simclr", "dino"])
def test_a_run_that_is_killed_at_random_moments_ends_with_the_same_bits(method, tmp_path):
    """SIGKILL in the middle of whatever is done, and another number of workers each time.

    The first steps hold the encoder still, so that this, too, is resumed.
    """
    script = Path(__file__).with_name("killed_runs.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), method, str(KILLS)], capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["killed", str(KILLS)]  # none came after the end
    whole, killed = (torch.load(tmp_path / each / "left.pt") for each in ("whole", "killed"))
    assert whole["curves"] == killed["curves"]
    assert whole["state"].keys() == killed["state"].keys()
    for name, value in whole["state"].items():
        assert torch.equal(value, killed["state"][name]), name
