"""Everything that runs on a GPU, beside the CPU: bodies run here with the CPU on both sides, and with a GPU on one."""

import runpy
from pathlib import Path

import pytest
import torch

NO_GPU = "torch sees no GPU here"


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip(NO_GPU)
    return torch.device(request.param)


@pytest.fixture
def gpu():
    if not torch.cuda.is_available():
        pytest.skip(NO_GPU)
    return torch.device("cuda")


@pytest.fixture(scope="session")
def runs():
    """Runs of every method on generated images."""
    return runpy.run_path(str(Path(__file__).parents[1] / "pretext" / "joined_runs.py"))
