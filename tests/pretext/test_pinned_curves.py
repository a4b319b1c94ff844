"""Whole-run losses of every method, so that a change of any part of it is seen.

The numbers are Hilum's own, of the day when each method's losses had been checked one by one against their papers and
slow versions (tests beside this one): 12 films a batch, one thread, float32, two epochs of two steps of SGD. Another
machine rounds differently; a tolerance of 1e-4 leaves room for that, and for nothing else.
"""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

RUNS = runpy.run_path(str(Path(__file__).with_name("joined_runs.py")))
PINNED: dict[str, list[float]] = {}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("case", RUNS["CASES"])
def test_the_loss_takes_its_known_course(case, tmp_path):
    found = RUNS["run"](replace(RUNS["CASES"][case], films=16, epochs=3), tmp_path)["curves"]["train_loss"]
    assert found == pytest.approx(PINNED[case], abs=1e-4)
