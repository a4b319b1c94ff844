from dataclasses import replace

import numpy as np
import pytest
import torch

from hilum.encoders.zoo import create_encoder
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.data_loader import BatchLoader
from hilum.finetuning.monitoring.starting_probe import starting_probe

SCORED = [f"film{number:02d}" for number in range(40, 60)]


@pytest.fixture
def on_disk(store, tmp_path):
    """The same store with its pixels in a file, as a study has them."""
    np.save(tmp_path / "images.npy", store.pixels)
    return replace(store, pixels=np.load(tmp_path / "images.npy", mmap_mode="r"))


def probe(store, images, known, *, seed=0, targets=None, scored=SCORED):
    """Probabilities, and whether features were computed for them."""
    steps = []
    loader = BatchLoader(store, 32, 16, 5, 0, torch.device("cpu"), "fp32")
    train = images(0, 28)
    train = train if targets is None else replace(train, targets=targets)
    classifier = Classifier(create_encoder("small_convnet", seed=seed), 2, size=32)
    found = starting_probe(classifier, loader, train, images(28, 40), scored, lambda *step: steps.append(step), known)
    return found, bool(steps)


def test_arms_that_start_alike_share_a_probe_and_nothing_else_does(store, on_disk, images):
    known = {}
    first, computed = probe(on_disk, images, known)
    assert computed
    first[0] = -1  # what a caller does with it changes nothing for others
    again, computed = probe(on_disk, images, known)
    assert not computed
    fresh, computed = probe(store, images, known)  # pixels of no file are never known again
    assert computed
    assert np.array_equal(again, fresh)
    turned = 1 - images(0, 28).targets
    for other in ({"seed": 1}, {"targets": turned}, {"scored": SCORED[:-1]}):
        changed, computed = probe(on_disk, images, known, **other)
        assert computed, other
        assert changed.shape != again.shape or not np.array_equal(changed, again)
