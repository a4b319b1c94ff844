"""Two processes that share every batch do what one process does with the joined batch."""

import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hilum.training.ranks import world_size

SCRIPT = Path(__file__).with_name("joined_runs.py")
RUNS = runpy.run_path(str(SCRIPT))
STEPS = 20


def by_two_processes(out, cases, epochs):
    """Start the runs as torchrun does; torchrun itself would take as long again to import."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test",
    }  # fmt: skip
    command = [sys.executable, "-W", "error", str(SCRIPT), str(out), ",".join(cases), str(epochs)]
    started = [
        subprocess.Popen(
            command, env=environment | {"RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True
        )
        for rank in ("0", "1")
    ]
    for process in started:
        _, told = process.communicate(timeout=1500)
        assert process.returncode == 0, told


def differences(one, two):
    return {
        name: (value.double() - two[name].double()).abs().max().item() for name, value in one.items() if value.numel()
    }


def compare(case, out, alone, *, loss, gradients, state):
    one = RUNS["run"](
        RUNS["CASES"][case], alone, epochs=len(torch.load(out / case / "left-by-0.pt")["curves"]["epoch"])
    )
    for rank in (0, 1):
        two = torch.load(out / case / f"left-by-{rank}.pt")
        for column, values in one["curves"].items():
            assert two["curves"][column] == (values if values[0] is None else pytest.approx(values, abs=loss)), column
        assert one["gradients"].keys() == two["gradients"].keys()
        assert max(differences(one["gradients"], two["gradients"]).values()) < gradients
        assert one["state"].keys() == two["state"].keys()
        assert max(differences(one["state"], two["state"]).values()) < state
    return one


def test_two_processes_take_the_step_of_one(tmp_path):
    assert world_size() == 1
    by_two_processes(tmp_path / "two", ["simclr"], epochs=1)
    one = compare("simclr", tmp_path / "two", tmp_path / "one", loss=1e-5, gradients=1e-5, state=1e-5)
    assert max(gradient.abs().max() for gradient in one["gradients"].values()) > 1  # so that 1e-5 is little
    left = sorted(path.name for path in (tmp_path / "two" / "simclr").iterdir())
    assert left == ["curves.parquet", "left-by-0.pt", "left-by-1.pt"]
