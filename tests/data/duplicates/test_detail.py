import numpy as np
import pytest

from hilum.data.duplicates.detail import COARSE, FINE, details, thumbnail


def test_a_thumbnail_is_the_mean_of_the_pixels_below_it():
    image = np.random.default_rng(0).integers(0, 256, (256, 128), dtype=np.uint8)
    expected = image.reshape(64, 4, 64, 2).mean(axis=(1, 3))
    assert np.abs(thumbnail(image) - expected).max() <= 0.51


def test_sixteen_bits_are_scaled_by_the_images_own_range():
    image = np.linspace(0, 255, 64 * 64).astype(np.uint8).reshape(64, 64)
    assert np.array_equal(thumbnail(image.astype(np.uint16) * 9 + 500), image)


@pytest.mark.parametrize("scale", [COARSE, FINE])
def test_brightness_and_contrast_drop_out(images, scale):
    small = thumbnail(images[0]).astype(float)
    plain, flatter = details(np.array([small, 0.5 * small + 60]).astype(np.uint8), scale)
    assert np.corrcoef(plain.ravel(), flatter.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("scale", [COARSE, FINE])
def test_large_forms_drop_out(scale):
    rows, columns = np.mgrid[:64, :64]
    wave = np.sin(rows / 1.5) * np.cos(columns / 1.5)
    ramp = 60 + 2 * columns
    plain, sloped = details(np.array([128 + 40 * wave, ramp + 40 * wave]).astype(np.uint8), scale)
    inner = slice(8, -8)
    assert np.corrcoef(plain[inner, inner].ravel(), sloped[inner, inner].ravel())[0, 1] > 0.95


def test_an_even_image_has_no_detail():
    assert not details(np.full((1, 64, 64), 90, dtype=np.uint8), COARSE).any()
