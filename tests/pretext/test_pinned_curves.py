"""Whole-run losses of every method, so that a change of any part of it is seen.

The numbers are Hilum's own, of the day when each method's losses had been checked one by one against their papers and
slow versions (tests beside this one): batches of 8 images, one thread, float32, two epochs of three steps of SGD, torch
2.15 on a CPU with AVX-512. With two threads they differ by less than 1e-6; 1e-4 leaves room for other machines.
"""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

RUNS = runpy.run_path(str(Path(__file__).with_name("joined_runs.py")))
PINNED = {
    "simclr": [2.714146, 2.435280],
    "mocov2": [1.895998, 2.383401],
    "mocov2-head-batch-norm": [2.724239, 2.357665],
    "swav": [1.961394, 1.966944],
    "swav-koleo": [1.882482, 1.826262],
    "dino": [3.637338, 3.635761],
    "dino-koleo": [3.654968, 3.644845],
    "dino-centering": [3.546751, 3.575846],
    "dinov2": [7.321188, 7.213153],
    "dinov2-head-batch-norm": [7.226778, 7.154576],
    "dinov2-centering": [5.639339, 6.858886],
    "fcmae": [1.019204, 1.019853],
    "classifier": [0.692261, 0.698798],
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow if "-" in case else []) for case in RUNS["CASES"]]
)
def test_the_loss_takes_its_known_course(case, tmp_path):
    found = RUNS["run"](replace(RUNS["CASES"][case], images=24, epochs=2), tmp_path)["curves"]["train_loss"]
    assert found == pytest.approx(PINNED[case], abs=1e-4)
