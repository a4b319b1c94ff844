"""Two processes that share every batch do what one process does with the joined batch."""

import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("joined_runs.py")
RUNS = runpy.run_path(str(SCRIPT))


def by_two_processes(out, cases, *images):
    """Start the runs as torchrun does; torchrun itself would take as long again to import."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test",
    }  # fmt: skip
    command = [sys.executable, "-W", "error", str(SCRIPT), str(out), ",".join(cases), *map(str, images)]
    started = [
        subprocess.Popen(
            command, env=environment | {"RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True
        )
        for rank in ("0", "1")
    ]
    for process in started:
        _, message = process.communicate(timeout=1500)
        assert process.returncode == 0, message


def differences(one, two):
    """The largest of every tensor, as a part of its largest value where that is above one."""
    assert one.keys() == two.keys()
    pairs = {name: (value.double(), two[name].double()) for name, value in one.items() if value.numel()}
    return {
        name: ((value - other).abs().max() / value.abs().max().clamp(min=1)).item()
        for name, (value, other) in pairs.items()
    }


def compare(case, out, alone, *images, loss, gradients, state):
    one = RUNS["run"](RUNS["shortened"](case, *images), alone)
    for rank in (0, 1):
        two = torch.load(out / case / f"left-by-{rank}.pt")
        for column, values in one["curves"].items():
            assert two["curves"][column] == (values if values[0] is None else pytest.approx(values, abs=loss)), column
        assert max(differences(one["gradients"], two["gradients"]).values()) < gradients
        assert max(differences(one["state"], two["state"]).values()) < state
    return one


@pytest.mark.slow
def test_two_processes_take_the_step_of_one(tmp_path):
    by_two_processes(tmp_path / "two", ["simclr"], 16)
    one = compare("simclr", tmp_path / "two", tmp_path / "one", 16, loss=1e-5, gradients=1e-5, state=1e-5)
    assert max(gradient.abs().max() for gradient in one["gradients"].values()) > 1  # so that 1e-5 is little
    left = sorted(path.name for path in (tmp_path / "two" / "simclr").iterdir())
    assert left == ["curves.parquet", "left-by-0.pt", "left-by-1.pt"]


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    out = tmp_path_factory.mktemp("several") / "two"
    by_two_processes(out, RUNS["CASES"])
    return out


@pytest.mark.slow
@pytest.mark.parametrize("case", RUNS["CASES"])
def test_twenty_steps_of_two_processes_are_those_of_one(case, of_two, tmp_path):
    """Losses, signs of collapse, and all of the state: weights, statistics of batch norm, queues, centers, teachers.

    The gradients of the first step agree to 1e-5. MoCo v2's with batch norm in its head differ most, by 1.6e-5 where
    the largest is 2.7: as much as one process in fp32 differs from itself in float64, where two differ from one by
    3e-14. Later, rounding now and then puts a unit on the other side of a ReLU's kink, where its gradient jumps: hence
    the small learning rate, and the wider limit for the state. Measured on two cores: below 1e-4 in all methods, 4e-4
    in the classifier, whose tenth step has such a unit.
    """
    compare(case, of_two, tmp_path, loss=1e-4, gradients=1e-5, state=1e-3)
