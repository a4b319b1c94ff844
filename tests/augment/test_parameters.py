"""What is drawn, recovered from the affine maps."""

import numpy as np
import pytest
from scipy import stats

from hilum.augment import AUGMENTATIONS, Augmentation
from hilum.augment.parameters import draw_parameters, footprints, plain_parameters
from hilum.draws import image_keys

KEYS = image_keys(f"film {number}" for number in range(2000))
RUN = {"seed": 3, "epoch": 2, "view": 1}


def draw(augmentation, source=64, size=64, **run):
    return draw_parameters(KEYS, augmentation, source, size, **RUN | run)


def uniformly(values, low, high):
    return stats.kstest((values - low) / (high - low), "uniform").pvalue > 0.001


def centres(maps, size=64):
    """Where the centre of each view lies in the source."""
    return maps @ [(size - 1) / 2, (size - 1) / 2, 1]


def test_without_ranges_the_map_is_the_identity():
    parameters = draw(Augmentation())
    assert np.array_equal(parameters.maps, np.broadcast_to(np.eye(2, 3), (2000, 2, 3)))
    assert set(parameters.brightness) == set(parameters.contrast) == {1.0}
    assert not parameters.sigma.any()


def test_a_rotation_turns_about_the_centre_by_an_angle_in_its_range():
    maps = draw(Augmentation(rotate=15)).maps
    assert np.allclose(maps[:, :, :2] @ maps[:, :, :2].transpose(0, 2, 1), np.eye(2))
    assert np.allclose(np.linalg.det(maps[:, :, :2]), 1)
    assert np.allclose(centres(maps), 31.5)
    assert uniformly(np.rad2deg(np.arcsin(maps[:, 0, 1])), -15, 15)


def test_shifts_are_shares_of_the_side_along_both_axes():
    maps = draw(Augmentation(shift=0.05)).maps
    for axis in range(2):
        assert uniformly(maps[:, axis, 2], -0.05 * 64, 0.05 * 64)
    assert abs(np.corrcoef(maps[:, 0, 2], maps[:, 1, 2])[0, 1]) < 0.1


def test_a_magnification_shortens_steps_in_the_source():
    maps = draw(Augmentation(scale=(0.8, 1.25))).maps
    assert uniformly(1 / maps[:, 0, 0], 0.8, 1.25)
    assert np.allclose(maps[:, 0, 0], maps[:, 1, 1])
    assert np.allclose(centres(maps), 31.5)


def test_half_of_the_views_are_mirrored_left_to_right_only():
    maps = draw(Augmentation(flip=0.5)).maps
    assert set(maps[:, 1, 1]) == {1.0}
    assert stats.binomtest(int((maps[:, 0, 0] == -1).sum()), len(maps)).pvalue > 0.001
    assert np.allclose(centres(maps), 31.5)


@pytest.mark.parametrize(
    "augmentation", [AUGMENTATIONS["simclr"], Augmentation(crop_area=(0.08, 1), crop_aspect=(0.2, 5))]
)
def test_crops_have_areas_and_aspects_in_range_and_are_within_the_image(augmentation):
    augmentation = Augmentation(crop_area=augmentation.crop_area, crop_aspect=augmentation.crop_aspect)
    maps = draw(augmentation, size=32).maps
    width, height = maps[:, 0, 0] * 32, maps[:, 1, 1] * 32
    assert uniformly(width * height / 64**2, *augmentation.crop_area)
    assert (width / height >= augmentation.crop_aspect[0] - 1e-9).all()
    assert (width / height <= augmentation.crop_aspect[1] + 1e-9).all()
    corners = np.stack([maps @ [x, y, 1] for x in (-0.5, 31.5) for y in (-0.5, 31.5)])
    assert corners.min() >= -0.5 - 1e-9
    assert corners.max() <= 63.5 + 1e-9


def test_grey_levels_and_blur_stay_in_their_ranges():
    augmentation = Augmentation(brightness=0.2, contrast=0.1, blur_probability=0.5, blur_sigma=(0.1, 1))
    parameters = draw(augmentation)
    blurred = parameters.sigma > 0
    assert uniformly(parameters.brightness, 0.8, 1.2)
    assert uniformly(parameters.contrast, 0.9, 1.1)
    assert stats.binomtest(int(blurred.sum()), len(KEYS)).pvalue > 0.001
    assert uniformly(parameters.sigma[blurred], 0.1, 1)


@pytest.mark.parametrize("other", [{"seed": 4}, {"epoch": 3}, {"view": 0}])
def test_another_seed_epoch_or_view_is_another_draw(other):
    first, second = (draw(AUGMENTATIONS["simclr"], **run).brightness for run in ({}, other))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


def test_changing_one_range_leaves_the_other_draws_alone():
    narrow, wide = (draw(Augmentation(rotate=rotate, brightness=0.2)) for rotate in (0, 15))
    assert np.array_equal(narrow.brightness, wide.brightness)


def test_a_view_keeps_its_field_whatever_its_size():
    small, large = (draw(AUGMENTATIONS["simclr"], size=size).maps for size in (32, 256))
    assert np.allclose(centres(small, 32), centres(large, 256))
    assert np.allclose(small @ [-0.5, -0.5, 1], large @ [-0.5, -0.5, 1])


def test_a_footprint_is_the_step_in_the_source_and_rotation_alone_does_not_change_it():
    assert np.allclose(footprints(plain_parameters(1, 96, 64).maps), 1.5)
    assert np.allclose(footprints(draw(Augmentation(rotate=180)).maps), 1)
