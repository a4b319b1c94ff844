import cv2
import numpy as np
import pytest

from hilum.data.duplicates import MIN_CORRELATION, thumbnail
from hilum.data.duplicates.comparing import correlations
from hilum.data.duplicates.detail import FINE, details


def compare(one, other):
    return float(correlations(np.array([thumbnail(one), thumbnail(other)]), np.array([[0, 1]]))[0])


def slow_correlation(one, other):
    """Multiple correlation by least squares, the second image where it lies."""
    first, second = details(np.array([one, other]), FINE).astype(float)
    inner = slice(3, -3)
    derivatives = [(np.roll(second, -1, axis) - np.roll(second, 1, axis)) / 2 for axis in (0, 1)]
    message = np.stack([np.ones_like(second), second, *derivatives], axis=-1)[inner, inner].reshape(-1, 4)
    wanted = first[inner, inner].ravel()
    slopes, *_ = np.linalg.lstsq(message, wanted, rcond=None)
    return np.sqrt(1 - ((wanted - message @ slopes) ** 2).sum() / ((wanted - wanted.mean()) ** 2).sum())


def test_it_is_the_multiple_correlation_of_an_image_with_the_other_and_its_derivatives(images):
    small = np.array([thumbnail(image) for image in images[:12]])
    pairs = np.array([(one, other) for one in range(12) for other in range(one)])
    found = correlations(small, pairs)
    for (one, other), value in zip(pairs, found, strict=True):
        if small[one].max() < 253 and small[other].max() < 253 and 0 < abs(value) < 0.74:
            assert abs(value) == pytest.approx(slow_correlation(small[one], small[other]), abs=0.01)


def test_an_image_is_itself(images):
    assert compare(images[0], images[0]) == pytest.approx(1, abs=1e-3)


def test_disguises_do_not_hide_an_image(images, disguises):
    for name, disguise in disguises.items():
        for image in images[:10]:
            assert compare(image, disguise(image)) >= MIN_CORRELATION, name


def test_other_images_and_other_days_of_a_patient_are_not_alike(images):
    small = np.array([thumbnail(image) for image in images])
    pairs = np.array([(one, other) for one in range(len(small)) for other in range(one)])
    assert np.abs(correlations(small, pairs)).max() < MIN_CORRELATION - 0.02


def test_saturated_parts_do_not_count(images):
    image = images[0].copy()
    image[:, :96] = 255
    assert compare(images[0], image) >= MIN_CORRELATION


def test_a_negative_is_reported_by_its_sign(images):
    image = np.clip(images[0], 5, 250)
    assert compare(image, 255 - image) <= -MIN_CORRELATION


def test_an_empty_image_is_like_nothing(images):
    image = images[0]
    assert compare(image, np.full_like(image, 80)) == 0
    assert compare(image, np.full_like(image, 255)) == 0


def test_threads_do_not_change_the_result(images):
    small = np.array([thumbnail(cv2.flip(image, 1)) for image in images])
    pairs = np.array([(one, other) for one in range(len(small)) for other in range(one)])
    assert np.array_equal(correlations(small, pairs), correlations(small, pairs, workers=3))
