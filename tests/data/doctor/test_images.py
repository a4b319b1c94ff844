import hashlib

import cv2
import numpy as np
import pytest

from hilum.artifacts import file_sha256
from hilum.data.doctor.images import bars, describe, measure
from hilum.data.duplicates import thumbnail


def test_gray_values_are_described_as_shares_of_what_the_bits_allow():
    image = np.array([[0, 0, 0, 51], [51, 51, 102, 204]], dtype=np.uint8)
    message = describe(image)
    values = image / 255
    assert (message.height, message.width, message.bits, message.levels) == (2, 4, 8, 4)
    assert (message.low, message.high) == (0, 0.8)
    assert (message.black, message.white) == (3 / 8, 1 / 8)
    assert message.mean == pytest.approx(values.mean())
    assert message.deviation == pytest.approx(values.std())


def test_sixteen_bits_are_described_alike():
    image = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    one, other = describe(image), describe(image.astype(np.uint16) * 257)
    for name in ("low", "high", "mean", "deviation", "levels", "black", "white", "top", "left"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))
    assert (one.bits, other.bits) == (8, 16)
    assert one.pixel_sha256 != other.pixel_sha256


def test_only_the_middle_counts_as_clipped():
    image = np.random.default_rng(0).integers(0, 200, (100, 50), dtype=np.uint8)
    image[:20], image[80:], image[:, :10], image[:, 40:] = 255, 255, 255, 255
    assert describe(image).clipped == 0
    image[20:50] = 255
    assert describe(image).clipped == 0.5


def test_bars_are_measured_from_each_edge():
    image = np.random.default_rng(0).integers(60, 200, (100, 200), dtype=np.uint8)
    image[0, 0], image[1, 1] = 0, 255
    image[:10], image[-20:], image[:, :30], image[:, -2:] = 0, 255, 2, 0
    image[:10, :], image[-20:, :] = 0, 255
    assert bars(image) == (0.10, 0.20, 0.0, 0.0)  # the left and right bars end at a bar of the other colour
    image[:10], image[-20:] = 0, 0
    assert bars(image) == (0.10, 0.20, 0.15, 0.01)


def test_an_image_without_bars_has_none_and_an_even_one_is_nothing_else():
    assert bars(np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)) == (0, 0, 0, 0)
    assert bars(np.full((50, 50), 7, dtype=np.uint8)) == (1, 0, 1, 0)


def test_a_file_is_reported_by_its_bytes_and_an_image_by_its_pixels(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    for name, level in (("one.png", 0), ("other.png", 9)):
        cv2.imwrite(str(tmp_path / name), image, [cv2.IMWRITE_PNG_COMPRESSION, level])
    (one, small), (other, _) = measure(tmp_path / "one.png"), measure(tmp_path / "other.png")
    assert one.pixel_sha256 == other.pixel_sha256 == hashlib.sha256(b"(40, 40) uint8" + image.tobytes()).hexdigest()
    assert one.file_sha256 == file_sha256(tmp_path / "one.png") != other.file_sha256
    assert one.kind == "png"
    assert np.array_equal(small, thumbnail(image))
