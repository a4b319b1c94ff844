from dataclasses import replace

import pytest
import torch

from hilum.augment import AUGMENTATIONS, random_views
from hilum.pretext.methods import DINO_METHOD, PretextRun
from hilum.pretext.modules import MultiCrop, TwoCrop

FIRST, SECOND, LOCAL = (AUGMENTATIONS[f"caron2021_dino{which}"] for which in ("", "_second", "_local"))
RUN = PretextRun(
    augmentation=FIRST,
    local_augmentation=LOCAL,
    size=32,
    local_size=16,
    images=64,
    batch_size=2,
    steps=10,
    seed=5,
    collapse_monitor=None,
    second_augmentation=SECOND,
)


def test_the_second_of_two_views_may_have_an_augmentation_of_its_own(batch_of):
    batch = batch_of([3, 1])
    for view, augmentation in enumerate((FIRST, SECOND)):
        expected = random_views(batch.images, batch.keys, augmentation, 32, seed=5, epoch=2, view=view)
        assert torch.equal(RUN.two_crop_views().of(batch, 2)[view], expected)
        assert torch.equal(RUN.multi_crop_views(1).of(batch, 2)[0][view], expected)


def test_local_views_have_theirs(batch_of):
    batch = batch_of([3, 1])
    _, small = RUN.multi_crop_views(3).of(batch, 2)
    assert [tuple(view.shape) for view in small] == [(2, 1, 16, 16)] * 3
    assert torch.equal(small[0], random_views(batch.images, batch.keys, LOCAL, 16, seed=5, epoch=2, view=2))


def test_without_a_second_augmentation_both_views_have_the_first():
    run = replace(RUN, second_augmentation=None)
    assert run.two_crop_views() == TwoCrop(FIRST, 32, 5)
    assert run.multi_crop_views(2) == MultiCrop(FIRST, 32, LOCAL, 16, 2, 5)


@pytest.mark.parametrize("second", [SECOND, None])
def test_a_method_compares_the_views_that_its_run_says(second):
    from hilum.encoders.zoo import create_encoder

    run = replace(RUN, second_augmentation=second)
    settings = DINO_METHOD.settings(prototypes=16, local_crops=2)
    assert DINO_METHOD.create(create_encoder("resnet18", seed=0), settings, run).views == run.multi_crop_views(2)
