"""Pixels on their way to the device, and views of them there."""

import numpy as np
import pytest
import torch

from hilum.augment import AUGMENTATIONS
from hilum.augment.parameters import draw_parameters
from hilum.augment.render import render_views
from hilum.augment.tensor_ops import render_views_with_tensors
from hilum.data.batches import Batches
from hilum.draws import image_keys


@pytest.mark.parametrize("share", [0.5, 0.0], ids=["resident", "copied"])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_on_every_device(share, workers, device, runs, monkeypatch):
    monkeypatch.setattr("hilum.data.batches._FRACTION_OF_DEVICE", share)
    store = runs["images"](22, 16)
    targets = np.random.default_rng(0).integers(0, 2, (22, 3)).astype(np.float32)
    how = {"seed": 1, "shuffle": True, "drop_last": False, "targets": targets, "workers": workers}
    ours, plain = (Batches(store, store.image_ids, 5, device=where, **how) for where in (device, "cpu"))
    for epoch in range(2):
        ours.epoch = plain.epoch = epoch
        found, expected = list(ours), list(plain)
        assert len(found) == len(expected) == 5
        for one, other in zip(found, expected, strict=True):
            assert one.images.device.type == one.targets.device.type == device.type
            assert torch.equal(one.images.cpu(), other.images)
            assert torch.equal(one.targets.cpu(), other.targets)
            assert (one.rows == other.rows).all()
    assert (ours._resident is not None) == (device.type == "cuda" and share > 0)


@pytest.mark.parametrize("augmentation", sorted(AUGMENTATIONS))
def test_views_are_those_of_the_cpu(augmentation, device, runs):
    """Tensor operations on the device against compiled code on the CPU: 1e-4 of the grey range, but for a pixel on a
    threshold (solarisation, the edge of an erased rectangle)."""
    images = torch.from_numpy(runs["images"](6, 40).pixels)[:, None]
    parameters = draw_parameters(image_keys("abcdef"), AUGMENTATIONS[augmentation], 40, 24, seed=0, epoch=3, view=1)
    expected = render_views(images, parameters, 24)
    found = render_views_with_tensors(images[:, 0].to(device), parameters, 24)[:, None].cpu()
    apart = (found - expected).abs()
    assert (apart > 2e-4).float().mean() < 1e-3
