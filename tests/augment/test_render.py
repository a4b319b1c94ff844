"""What views look like: both implementations against patterns whose views are known, and against slow definitions."""

import cv2
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from hilum.augment import AUGMENTATIONS, Augmentation, copy_transforms, plain_view, random_views, views_to_average
from hilum.augment.parameters import ViewParameters, draw_parameters, flip_and_rotation, plain_parameters
from hilum.draws import image_keys
from hilum.errors import HilumError

WILD = Augmentation(
    crop_area=(0.1, 1),
    crop_aspect=(0.3, 3),
    rotate=180,
    shift=0.4,
    scale=(0.3, 3),
    flip=0.5,
    brightness=0.9,
    contrast=0.9,
    blur_probability=0.7,
    blur_sigma=(0.1, 3),
)


def keys_of(batch):
    return image_keys(f"film {number}" for number in range(len(batch)))


def parameters_of(batch, augmentation, size, epoch=0):
    return draw_parameters(keys_of(batch), augmentation, batch.shape[-1], size, seed=1, epoch=epoch, view=0)


def by_map(*rows):
    ones = np.ones(1)
    return ViewParameters(np.array([rows], dtype=np.float64), ones, ones, np.zeros(1))


def test_the_identity_gives_the_image_bit_for_bit(renderer, images):
    assert torch.equal(renderer(images, parameters_of(images, AUGMENTATIONS["none"], 40), 40), images / 255)
    assert torch.equal(renderer(images / 255, parameters_of(images, AUGMENTATIONS["none"], 40), 40), images / 255)


def test_a_shift_by_whole_pixels_moves_the_image_and_brings_in_black(renderer, images):
    view = renderer(images[:1], by_map([1, 0, 3], [0, 1, -2]), 40)[0, 0]
    assert torch.equal(view[2:, :37], images[0, 0, :38, 3:] / 255)
    assert not view[:2].any()
    assert not view[:, 37:].any()


def test_a_mirror_image_is_the_image_backwards(renderer, images):
    assert torch.equal(renderer(images[:1], by_map([-1, 0, 39], [0, 1, 0]), 40), images[:1].flip(3) / 255)


def test_a_quarter_turn_swaps_rows_and_columns(renderer, images):
    turned = renderer(images[:1], by_map([0, 1, 0], [-1, 0, 39]), 40)
    assert torch.equal(turned[0, 0], torch.rot90(images[0, 0], -1) / 255)


def test_a_ramp_shows_where_each_pixel_of_a_random_view_comes_from(renderer):
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 64, 64)
    ramps = torch.cat([ramp, ramp.transpose(2, 3)])
    augmentation = Augmentation(crop_area=(0.3, 0.6), rotate=15, scale=(0.9, 1.1), flip=0.5)
    keys = image_keys(["one film", "one film"])
    parameters = draw_parameters(keys, augmentation, 64, 48, seed=0, epoch=0, view=0)
    seen = renderer(ramps, parameters, 48)[:, 0].numpy() * 63
    i, j = np.mgrid[:48, :48]
    places = parameters.maps[0] @ np.stack([j.ravel(), i.ravel(), np.ones(48 * 48)])
    inside = ((places > 1) & (places < 62)).all(axis=0)
    assert inside.sum() > 1000
    assert np.abs(seen.reshape(2, -1)[:, inside] - places[:, inside]).max() < 1e-3


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.5])
def test_a_checkerboard_halved_in_size_becomes_its_mean(renderer, phase):
    board = torch.as_tensor((np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8))[None, None]
    view = renderer(board, by_map([2, 0, phase], [0, 2, phase]), 32)[..., 1:-1, 1:-1]
    assert view.sub(0.5).abs().max() < 1e-6


def test_a_rotated_and_minified_checkerboard_does_not_alias(renderer):
    board = torch.as_tensor((np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8))[None, None]
    parameters = parameters_of(board, Augmentation(rotate=15), 64)
    view = renderer(board, parameters, 64)[..., 12:-12, 12:-12]
    assert view.sub(0.5).abs().max() < 0.03
    nearest = board[0, 0, 24:-24:4, 24:-24:4] / 255
    assert nearest.sub(0.5).abs().min() == 0.5  # what taking every fourth pixel would show


@pytest.mark.parametrize("size", [10, 20, 35, 39])
def test_plain_reduction_is_area_averaging(images, size):
    expected = [
        cv2.resize(image[0].astype(np.float64), (size, size), interpolation=cv2.INTER_AREA) for image in images.numpy()
    ]
    assert np.allclose(plain_view(images, size)[:, 0] * 255, expected, atol=1e-4)


def test_plain_enlargement_is_bilinear_interpolation(images):
    expected = torch.nn.functional.interpolate(images / 255, size=101, mode="bilinear", align_corners=False)
    assert torch.allclose(plain_view(images, 101), expected, atol=1e-5)


@pytest.mark.parametrize(("source", "size"), [(40, 40), (40, 17), (40, 61), (13, 40)])
def test_the_geometry_equals_its_slow_definition(renderer, slow_view, images, source, size):
    batch = images[:12, :, :source, :source]
    parameters = parameters_of(batch, WILD, size)
    plain = ViewParameters(parameters.maps, np.ones(12), np.ones(12), np.zeros(12))
    expected = [
        slow_view(image[0] / 255, affine, size) for image, affine in zip(batch.numpy(), plain.maps, strict=True)
    ]
    # float32 coordinates of the accelerators' version: some 1e-5 of a pixel here, times steps of the whole grey range
    assert np.abs(renderer(batch, plain, size)[:, 0].numpy() - expected).max() < 3e-5


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 2.7, 12.0])
def test_the_blur_is_scipys(renderer, images, sigma):
    count = len(images)
    parameters = ViewParameters(
        plain_parameters(count, 40, 40).maps, np.ones(count), np.ones(count), np.full(count, sigma)
    )
    expected = gaussian_filter(
        images.numpy().astype(np.float64) / 255, sigma, axes=(2, 3), mode="reflect", truncate=4.0
    )
    assert np.abs(renderer(images, parameters, 40).numpy() - expected).max() < 2e-6


def test_brightness_multiplies_and_contrast_stretches_about_the_mean(renderer, images):
    count = len(images)
    brightness, contrast = np.linspace(0.8, 1.2, count), np.linspace(1.3, 0.7, count)
    parameters = ViewParameters(plain_parameters(count, 40, 40).maps, brightness, contrast, np.zeros(count))
    bright = images.numpy() / 255 * brightness[:, None, None, None]
    mean = bright.mean(axis=(2, 3), keepdims=True)
    expected = np.clip(mean + contrast[:, None, None, None] * (bright - mean), 0, 1)
    assert np.abs(renderer(images, parameters, 40).numpy() - expected).max() < 2e-6


@pytest.mark.parametrize("size", [40, 24])
def test_a_view_is_bitwise_the_same_in_any_batch(renderer, images, size):
    keys = keys_of(images)

    def views(rows):
        return renderer(images[rows], draw_parameters(keys[rows], WILD, 40, size, seed=1, epoch=0, view=0), size)

    whole = views(np.arange(37))
    assert torch.equal(views(np.arange(36, -1, -1)), whole.flip(0))
    for rows in ([4], [4, 11], [36, 4, 20, 4, 1], range(3, 22)):
        assert torch.equal(views(np.array(rows)), whole[list(rows)])


def test_the_number_of_threads_changes_nothing(images):
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            found.append(random_views(images, keys_of(images), WILD, 32, seed=0, epoch=0, view=0))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("other", [{"seed": 4}, {"epoch": 3}, {"view": 0}])
def test_another_seed_epoch_or_view_looks_different(images, other):
    run = {"seed": 3, "epoch": 2, "view": 1}
    first, again, second = (
        random_views(images, keys_of(images), AUGMENTATIONS["simclr"], 40, **run | change) for change in ({}, {}, other)
    )
    assert torch.equal(first, again)
    assert (first != second).flatten(1).any(dim=1).all()


@pytest.mark.parametrize("augmentation", [WILD, *AUGMENTATIONS.values()])
def test_grey_levels_stay_between_black_and_white(renderer, images, augmentation):
    for epoch in range(5):
        views = renderer(images, parameters_of(images, augmentation, 28, epoch), 28)
        assert views.dtype == torch.float32
        assert views.shape == (37, 1, 28, 28)
        assert views.min() >= 0  # false for a NaN too
        assert views.max() <= 1


def test_bytes_and_floats_give_the_same_views(images):
    run = {"seed": 0, "epoch": 0, "view": 0}
    from_bytes = random_views(images, keys_of(images), WILD, 40, **run)
    assert torch.allclose(random_views(images / 255, keys_of(images), WILD, 40, **run), from_bytes, atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "found"),
    [(torch.zeros(2, 3, 8, 8), r"\(2, 3, 8, 8\)"), (torch.zeros(2, 1, 8, 8, dtype=torch.int32), "int32")],
)
def test_images_of_another_shape_or_type_are_refused(batch, found):
    with pytest.raises(HilumError, match=found):
        plain_view(batch, 8)


def test_copies_are_mirrored_and_turned_counter_clockwise_before_the_view_is_drawn():
    """By whole quarters, where turning moves pixels onto pixels; then one random view of each is that of the copy."""
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 1, 16, 16), dtype=np.uint8))
    turned = torch.rot90(images, 1, (2, 3))  # counter-clockwise, as NumPy and torch turn
    mirrored = images.flip(3)
    keys = image_keys(["a", "b"])
    augmentation = Augmentation(rotate=30, shift=0.1, scale=(0.9, 1.1), flip=0.5)
    for before, copies in ((flip_and_rotation(False, 90), turned), (flip_and_rotation(True, 0), mirrored)):
        both = np.stack([before, before])
        torch.testing.assert_close(plain_view(images, 16, both), plain_view(copies, 16), rtol=0, atol=1e-5)
        drawn = random_views(images, keys, augmentation, 16, seed=0, epoch=1, view=0, before=both)
        expected = random_views(copies, keys, augmentation, 16, seed=0, epoch=1, view=0)
        # outside of the image both show the border, which lies elsewhere only within a pixel of it
        torch.testing.assert_close(drawn, expected, rtol=0, atol=1e-4)


def test_the_copies_of_a_batch_are_those_of_the_paper():
    maps = copy_transforms(np.array([0, 1, 2, 5], dtype=np.int8))
    np.testing.assert_array_equal(maps[0], np.eye(2))
    np.testing.assert_array_equal(maps[1], np.diag([-1.0, 1.0]))
    np.testing.assert_allclose(maps[2], flip_and_rotation(False, -40))
    np.testing.assert_allclose(maps[3], flip_and_rotation(False, 40))
    assert copy_transforms(None) is None
    assert copy_transforms(np.zeros(3, dtype=np.int8)) is None


def test_ten_crops_are_the_corners_the_middle_and_their_mirror_images():
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 1, 64, 64), dtype=np.uint8))
    views = views_to_average(images, 56, "ten_crop")
    crops = [images[:, :, y : y + 56, x : x + 56] / 255 for y, x in ((0, 0), (0, 8), (8, 0), (8, 8), (4, 4))]
    for view, crop in zip(views, [*crops, *(crop.flip(3) for crop in crops)], strict=True):
        torch.testing.assert_close(view, crop, rtol=0, atol=1e-5)
    plain, mirrored = views_to_average(images, 64, "flip")
    assert torch.equal(plain.flip(3), mirrored)
