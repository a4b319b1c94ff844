"""Batches in parts, activations computed again: the step is the one of the plain run, or the setting is refused."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from hilum.errors import HilumError

RUNS = runpy.run_path(str(Path(__file__).with_name("joined_runs.py")))
VIT = {"encoder": "vit_tiny_patch16_224", "size": 32, "images": 8}  # one step
SHORT = {
    "mocov2": replace(RUNS["CASES"]["mocov2"], epochs=2, **VIT),
    "dino-centering": replace(RUNS["CASES"]["dino-centering"], **VIT),
    "dinov2-centering": replace(RUNS["CASES"]["dinov2-centering"], images=8),
    "fcmae": replace(RUNS["CASES"]["fcmae"], images=8),
    "classifier": replace(RUNS["CASES"]["classifier"], **VIT),
}


def largest_difference(one, two):
    assert one.keys() == two.keys()
    return max((value.double() - two[name].double()).abs().max().item() for name, value in one.items())


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow if case == "dinov2-centering" else []) for case in SHORT]
)
def test_two_parts_take_the_step_of_the_whole_batch(case, tmp_path):
    whole = RUNS["run"](SHORT[case], tmp_path / "whole")
    parts = RUNS["run"](SHORT[case], tmp_path / "parts", gradient_accumulation_steps=2)
    assert parts["curves"]["train_loss"] == pytest.approx(whole["curves"]["train_loss"], abs=1e-5)
    assert largest_difference(whole["gradients"], parts["gradients"]) < 1e-5
    assert largest_difference(whole["state"], parts["state"]) < 1e-5


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("simclr", "every view is compared with all others of the batch"),
        ("swav", "prototypes are assigned to the whole batch alike"),
        ("mocov2", "its batch norm takes its statistics from the whole batch"),
        ("dino-centering", "its batch norm takes its statistics from the whole batch"),
        ("dino", "the teacher's outputs are balanced over the whole batch"),
        ("dinov2", "the teacher's outputs are balanced over the whole batch"),
    ],
)
def test_what_needs_the_whole_batch_says_why(case, reason, tmp_path):
    with pytest.raises(HilumError, match=reason):
        RUNS["run"](replace(RUNS["CASES"][case], images=8), tmp_path, gradient_accumulation_steps=2)


def test_koleo_needs_the_whole_batch(tmp_path):
    case = replace(
        SHORT["dinov2-centering"], options={"teacher": "centering", "prototypes": 32, "head_batch_norm": False}
    )
    with pytest.raises(HilumError, match="KoLeo compares the images of the batch"):
        RUNS["run"](case, tmp_path, gradient_accumulation_steps=2)


@pytest.mark.parametrize("case", ["dino-centering", "fcmae"])
def test_activations_computed_again_give_the_same_bits_from_less_memory(case, tmp_path):
    selected = []
    runs = []
    for activation_checkpointing in (False, True):
        held = 0

        def count(tensor):
            nonlocal held
            held += tensor.numel()
            return tensor

        with saved_tensors_hooks(count, lambda tensor: tensor):
            runs.append(
                RUNS["run"](
                    SHORT[case],
                    tmp_path / str(activation_checkpointing),
                    activation_checkpointing=activation_checkpointing,
                )
            )
        selected.append(held)
    assert torch.equal(torch.tensor(runs[0]["curves"]["train_loss"]), torch.tensor(runs[1]["curves"]["train_loss"]))
    for name, value in runs[0]["state"].items():
        assert torch.equal(value, runs[1]["state"][name]), name
    assert selected[1] < 0.6 * selected[0]


def test_batch_norm_is_not_computed_again(tmp_path):
    with pytest.raises(HilumError, match="batch norm, whose statistics would be updated twice"):
        RUNS["run"](replace(RUNS["CASES"]["simclr"], images=8), tmp_path, activation_checkpointing=True)
