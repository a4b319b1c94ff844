import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from hilum.phantom import write_layout


@pytest.mark.slow
def test_a_pretraining_that_is_killed_anywhere_and_given_again_ends_with_the_same_bits(tmp_path):
    """SIGKILL while images are decoded, at random moments of the training, and after it: before the weights are
    written, before the card, before the renaming. Every time the same command is given again, with another number of
    threads.
    """
    write_layout("chestxray14", tmp_path / "images", images=80, size=48, seed=0)
    script = Path(__file__).with_name("killed_pretraining.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "images"), str(tmp_path)],
        capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    message = json.loads((tmp_path / "reported.json").read_text())
    assert all(message.values()), message  # none came after the end
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for name in ("encoder.safetensors", "card.json"):
        assert (killed / "run" / name).read_bytes() == (whole / "run" / name).read_bytes(), name
    timed = ("images_per_second", "data_wait_fraction", "seconds", "probe_seconds")
    assert (
        pl.read_parquet(killed / "run/curves.parquet")
        .drop(timed)
        .equals(pl.read_parquet(whole / "run/curves.parquet").drop(timed))
    )
    pixels = [next(side.glob("stores/*/store/pixels/images.npy")).read_bytes() for side in (whole, killed)]
    assert pixels[0] == pixels[1]
    assert not list(killed.glob(".*"))  # nothing half-done is left
