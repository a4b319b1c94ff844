"""fp16: its products and its scaled loss, in the arithmetic that a GPU has, computed on a CPU."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from hilum.errors import HilumError
from hilum.training.checkpoint import checkpoint_path
from hilum.training.fit import fit
from hilum.training.precision import choose_precision
from hilum.training.settings import TrainingSettings
from hilum.training.trainable import Trainable

SETTINGS = TrainingSettings(
    epochs=2, lr=0.5, precision="fp16", optimizer="sgd", schedule="constant", checkpoint_every_seconds=0
)


@pytest.fixture(autouse=True)
def fp16_on_this_machine(monkeypatch):
    monkeypatch.setattr("hilum.training.fit.choose_precision", lambda requested, device: requested)


class ThroughHalf(Trainable):
    """Loss `slope` · w, whose gradient passes a half: with the scale's 65,536 it overflows where slope is 1 and more."""

    def __init__(self, slope=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1))
        self.slope = slope

    def training_loss(self, batch, epoch):
        return self.slope * self.weight.half().float().sum()


class Killed(Exception):
    pass


def scale_in(directory):
    return torch.load(checkpoint_path(directory))["scale"]["scale"]


def test_a_step_that_overflows_is_left_out_and_halves_the_scale(batches, tmp_path):
    """Plain descent with momentum 0.9 and gradient 1: 9 of 10 steps are taken, of 0.5 · (1 - 0.9^n) / (1 - 0.9)."""
    module = ThroughHalf()
    fit(module, batches(0, 40), settings=SETTINGS, directory=tmp_path)
    assert scale_in(tmp_path) == 32_768
    moved = sum(0.5 * (1 - 0.9**step) / 0.1 for step in range(1, 10))
    assert module.weight.item() == pytest.approx(-moved, rel=1e-5)


def test_gradients_are_clipped_at_their_own_size_not_at_the_scaled_one(batches, tmp_path):
    module = ThroughHalf(slope=0.25)
    fit(module, batches(0, 8), settings=replace(SETTINGS, epochs=1, clip_grad_norm=0.125), directory=tmp_path)
    assert module.weight.item() == pytest.approx(-0.5 * 0.125, rel=1e-5)


def test_gradients_too_small_for_a_half_survive(batches, tmp_path):
    """2^-26 is zero in half precision, 2^-26 · 65,536 is not."""
    module = ThroughHalf(slope=2.0**-26)
    fit(module, batches(0, 8), settings=replace(SETTINGS, epochs=1, lr=2.0**26), directory=tmp_path)
    assert module.weight.item() == pytest.approx(-1, rel=1e-3)


@pytest.mark.parametrize("kill", [1, 3, 7])
def test_a_killed_run_goes_on_with_its_scale_to_the_same_bits(batches, tmp_path, kill):
    """With the first scale again, the next step would overflow and be left out."""

    def report(done, *_):
        if done == kill:
            raise Killed

    whole, resumed = ThroughHalf(), ThroughHalf()
    fit(whole, batches(0, 40), settings=SETTINGS, directory=tmp_path / "whole")
    with pytest.raises(Killed):
        fit(ThroughHalf(), batches(0, 40), settings=SETTINGS, directory=tmp_path / "killed", on_progress=report)
    fit(resumed, batches(0, 40, workers=2), settings=SETTINGS, directory=tmp_path / "killed")
    assert scale_in(tmp_path / "killed") == scale_in(tmp_path / "whole") == 32_768
    assert torch.equal(resumed.weight, whole.weight)


def test_layers_compute_in_halves(batches, blobs, tmp_path):
    seen = []
    module = blobs()
    module.body[0].register_forward_hook(lambda layer, inputs, output: seen.append(output.dtype))
    fit(module, batches(0, 8), settings=replace(SETTINGS, epochs=1), directory=tmp_path)
    assert seen == [torch.float16]


def test_a_cpu_is_refused():
    with pytest.raises(HilumError, match=r"precision: expected bf16 or fp32 on a CPU; found fp16\. Use auto, or a GPU"):
        choose_precision("fp16", torch.device("cpu"))
    assert choose_precision("fp16", torch.device("cuda")) == "fp16"
