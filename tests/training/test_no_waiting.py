"""A step never asks for a number that the device has yet to compute: on a GPU the host would wait, and then the GPU."""

import itertools
import runpy
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning.fabric import Fabric
from torch.profiler import ProfilerActivity, profile

from hilum.augment import AUGMENTATIONS
from hilum.augment.parameters import draw_parameters
from hilum.augment.tensor_ops import render_views_with_tensors
from hilum.data.transfer import Awaited, to_device
from hilum.draws import image_keys
from hilum.training.settings import TrainingSettings
from hilum.training.step import Stepper

RUNS = runpy.run_path(str(Path(__file__).parents[1] / "pretext" / "joined_runs.py"))
WAITING = {
    "aten::item",
    "aten::_local_scalar_dense",
    "aten::is_nonzero",
    "aten::equal",
    "aten::nonzero",
    "aten::masked_select",
    "aten::_unique2",
    "aten::unique_dim",
    "aten::bincount",
}
"""Operations whose result, or its shape, must be known on the host."""


ON_CPU_ONLY = "aten::_fused_adamw_"
"""Reads its counter of steps; its kernel for GPUs reads it on the device."""


def waits(work):
    """How often each is called."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        work()
    return Counter(event.name for event in seen.events() if event.name in WAITING and ON_CPU_ONLY not in above(event))


def above(event):
    """Names of what an operation was called by."""
    names = set()
    while (event := event.cpu_parent) is not None:
        names.add(event.name)
    return names


def test_the_count_sees_what_waits():
    values = torch.arange(4.0)
    assert waits(lambda: float(values.sum())) == {"aten::item": 1, "aten::_local_scalar_dense": 1}
    assert waits(lambda: values[values > 1])["aten::nonzero"] == 1


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if "-" in name else []) for name in sorted(RUNS["CASES"])]
)
def test_a_step_waits_for_nothing(name):
    """The second one: the first reads, once, how far a run that is resumed had come."""
    case = replace(RUNS["CASES"][name], images=8)
    store = RUNS["images"](8, case.size)
    (batch,) = RUNS["batches_of"](case, store, store.image_ids, 8, 0, shuffle=True, drop_last=True)
    trainable = RUNS["trainable_of"](case, store, 10)
    settings = TrainingSettings(epochs=10, lr=1e-4, clip_grad_norm=1.0, weight_decay_end=0.1, precision="fp32")
    stepper = Stepper(Fabric(accelerator="cpu"), trainable.train(), settings, 1)
    steps = itertools.count()
    stepper.take(batch, 2, next(steps), 1.0)
    assert waits(lambda: stepper.take(batch, 2, next(steps), 1.0)) == {}


@pytest.mark.parametrize("augmentation", sorted(AUGMENTATIONS))
def test_augmentation_on_an_accelerator_waits_for_nothing(augmentation):
    keys = image_keys(map(str, range(4)))
    images = torch.zeros(4, 24, 24, dtype=torch.uint8)
    parameters = draw_parameters(keys, AUGMENTATIONS[augmentation], 24, 16, seed=0, epoch=0, view=0)
    assert waits(lambda: render_views_with_tensors(images, parameters, 16)) == {}


def test_values_come_to_the_device_as_they_are():
    keys = image_keys("abc")
    assert to_device(keys, "cpu").numpy().tolist() == keys.tolist()
    fixed = torch.ones(2).numpy()
    fixed.setflags(write=False)
    assert to_device(fixed, "cpu", torch.float64).dtype == torch.float64
    assert Awaited(torch.tensor(2.5)).get() == 2.5
