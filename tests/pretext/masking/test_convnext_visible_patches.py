"""Packing and unpacking visible patches, by hand and by their gradients."""

import pytest
import torch

from hilum.pretext.masking import VisiblePatches

VISIBLE = torch.tensor([[[True, False], [False, True]], [[False, True], [True, False]]])


@pytest.fixture
def maps():
    return torch.randn((2, 3, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_patches_of_an_image_stand_below_one_another(maps):
    packed = VisiblePatches.of(VISIBLE).pack(maps)
    by_hand = [
        torch.cat([maps[0, :, :2, :2], maps[0, :, 2:, 2:]], dim=1),
        torch.cat([maps[1, :, :2, 2:], maps[1, :, 2:, :2]], dim=1),
    ]
    assert torch.equal(packed, torch.stack(by_hand))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_unpacked_they_are_back_and_hidden_ones_zero(maps, layout):
    patches = VisiblePatches.of(VISIBLE)
    shown = VISIBLE.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)[:, None]
    assert torch.equal(patches.unpack(patches.pack(maps.contiguous(memory_format=layout))), maps * shown)


def test_a_patch_as_large_as_a_place():
    visible = torch.tensor([[[False, True, True]]])
    packed = VisiblePatches.of(visible).pack(torch.arange(3.0).view(1, 1, 1, 3))
    assert packed.tolist() == [[[[1.0], [2.0]]]]


def test_gradients(maps):
    patches = VisiblePatches.of(VISIBLE)
    assert torch.autograd.gradcheck(patches.pack, maps.requires_grad_())
    packed = patches.pack(maps).detach().requires_grad_()
    assert torch.autograd.gradcheck(patches.unpack, packed)


def test_as_many_of_every_image():
    uneven = VISIBLE.clone()
    uneven[1, 1, 1] = True
    with pytest.raises(ValueError, match=r"not \[2, 3\]"):
        VisiblePatches.of(uneven)


def test_at_least_one():
    with pytest.raises(ValueError, match=r"at least 1, not \[0, 0\]"):
        VisiblePatches.of(torch.zeros_like(VISIBLE))
