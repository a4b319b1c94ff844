import math

import numpy as np
import pytest

from hilum.data.duplicates.hashes import BITS, SHIFTS, differing_bits, hashes, shifted


def as_detail(vectors):
    """(N, 1024) spread over 2 x 2 thumbnail pixels each, which is what a hash averages."""
    return np.repeat(np.repeat(vectors.reshape(-1, 32, 32), 2, axis=1), 2, axis=2).astype(np.float32)


@pytest.mark.parametrize("correlation", [0.98, 0.9, 0.5, 0.0, -0.5])
def test_the_share_of_differing_bits_is_the_angle_over_pi(correlation):
    # Charikar 2002, section 3
    draw = np.random.default_rng(1)
    one, other = draw.standard_normal((2, 60, 1024))
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    other -= (one * other).sum(axis=1, keepdims=True) * one
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    mixed = correlation * one + math.sqrt(1 - correlation**2) * other
    share = differing_bits(hashes(as_detail(one)), hashes(as_detail(mixed))).mean() / BITS
    assert share == pytest.approx(math.acos(correlation) / math.pi, abs=0.012)


def test_a_hash_belongs_to_the_image_alone():
    detail = np.random.default_rng(0).standard_normal((7, 64, 64)).astype(np.float32)
    assert np.array_equal(hashes(detail)[[3, 5]], hashes(detail[[3, 5]]))
    assert not differing_bits(hashes(detail), hashes(3 * detail)).any()


def test_differing_bits_are_counted_one_by_one():
    one, other = np.random.default_rng(0).integers(0, 2**63, (2, 5, 8), dtype=np.uint64)
    slow = [
        sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(*pair, strict=True))
        for pair in zip(one, other, strict=True)
    ]
    assert differing_bits(one, other).tolist() == slow


def test_shifts_move_right_and_down_and_repeat_the_edge():
    image = np.arange(9, dtype=np.float32).reshape(1, 3, 3)
    assert shifted(image, 1, 0)[0].tolist() == [[0, 0, 1], [3, 3, 4], [6, 6, 7]]
    assert shifted(image, 0, -0.5)[0].tolist() == [[1.5, 2.5, 3.5], [4.5, 5.5, 6.5], [6, 7, 8]]


def test_looking_up_at_half_pixels_makes_up_for_an_image_that_moved():
    draw = np.random.default_rng(0)
    image = as_detail(draw.standard_normal((20, 1024)))
    moved = shifted(image, 0.5, 0.5)
    asis = differing_bits(hashes(image), hashes(moved)).mean()
    best = min(differing_bits(hashes(image, shift), hashes(moved)).mean() for shift in SHIFTS)
    assert best == 0
    assert asis > 50
