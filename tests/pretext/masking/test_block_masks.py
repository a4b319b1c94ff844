import numpy as np
import pytest

from hilum.draws import image_keys
from hilum.errors import HilumError
from hilum.pretext.masking import random_masks
from hilum.pretext.masking.block_masks import block_masks

KEYS = image_keys(f"film {number}" for number in range(400))


def blocks(keys=KEYS, **changed):
    settings = {"sample_probability": 0.5, "mask_ratio": (0.1, 0.5), "seed": 0, "epoch": 0, "view": 0} | changed
    return block_masks(keys, 16, **settings)


def test_half_of_the_images_are_masked_within_the_shares():
    hidden = blocks().mean((1, 2))
    masked = hidden[hidden > 0]
    assert 0.43 < len(masked) / len(KEYS) < 0.57
    assert masked.max() <= 0.5
    assert masked.mean() == pytest.approx(0.3, abs=0.03)  # evenly from 0.1 to 0.5


def test_hidden_patches_are_together():
    masks = blocks(sample_probability=1.0)
    scattered = random_masks(KEYS, 16, mask_ratio=0.3, seed=0, epoch=0)
    neighbours = [(m[:, 1:, :] & m[:, :-1, :]).sum() / m.sum() for m in (masks, scattered)]
    assert neighbours[0] > 0.7 > 0.35 > neighbours[1]


def test_a_mask_is_the_images_own():
    assert np.array_equal(blocks()[7:9], blocks(KEYS[7:9]))
    assert not np.array_equal(blocks(), blocks(epoch=1))
    assert not np.array_equal(blocks(), blocks(view=1))
    assert not np.array_equal(blocks(), blocks(seed=1))


def test_random_masks_hide_as_many_patches_of_every_image_anywhere():
    masks = random_masks(KEYS, 7, mask_ratio=0.6, seed=0, epoch=0)
    assert set(masks.sum((1, 2))) == {29}
    assert np.abs(masks.mean(0) - 29 / 49).max() < 0.1
    assert np.array_equal(masks[7:9], random_masks(KEYS[7:9], 7, mask_ratio=0.6, seed=0, epoch=0))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_masks_of_nothing_or_everything_are_refused(share):
    with pytest.raises(HilumError, match="some patches masked, not all"):
        random_masks(KEYS, 7, mask_ratio=share, seed=0, epoch=0)
    with pytest.raises(HilumError, match="0 < low"):
        blocks(mask_ratio=(share, share))
