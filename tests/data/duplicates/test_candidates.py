import numpy as np
import pytest

from hilum.data.duplicates.candidates import CROWD, MOST_DIFFERING, _band, band_bits, candidates
from hilum.data.duplicates.hashes import BITS
from hilum.data.duplicates.search import groups


def random_hashes(images, seed=0):
    return np.random.default_rng(seed).integers(0, 2**64, (images, 8), dtype=np.uint64)


def as_text(words):
    return "".join(f"{int(word):064b}" for word in words)


def with_flipped(words, places):
    bits = [int(bit) for bit in as_text(words)]
    for place in places:
        bits[place] ^= 1
    text = "".join(map(str, bits))
    return np.array([int(text[start : start + 64], 2) for start in range(0, BITS, 64)], dtype=np.uint64)


@pytest.mark.parametrize("bits", [16, 19, 26])
def test_a_band_is_a_run_of_bits(bits):
    words = random_hashes(5)
    for band in range(BITS // bits):
        slow = [int(as_text(row)[band * bits : (band + 1) * bits], 2) for row in words]
        assert _band(words, band * bits, bits).tolist() == slow


def test_candidates_are_the_pairs_that_share_a_band_and_differ_in_few_bits():
    draw = np.random.default_rng(2)
    words = random_hashes(60)
    for copy in range(30):
        places = draw.choice(BITS, size=int(draw.integers(1, 160)), replace=False)
        words[30 + copy] = with_flipped(words[copy], places)
    texts, bits, slow = [as_text(row) for row in words], band_bits(60), []
    for one in range(60):
        for other in range(one + 1, 60):
            differing = sum(a != b for a, b in zip(texts[one], texts[other], strict=True))
            bands = [slice(start, start + bits) for start in range(0, BITS - bits + 1, bits)]
            if differing <= MOST_DIFFERING and any(texts[one][band] == texts[other][band] for band in bands):
                slow.append([one, other])
    assert 5 < len(slow) < 30
    assert candidates(words, [words]).tolist() == slow


def test_an_image_is_found_by_any_hash_that_it_is_looked_up_with():
    words = random_hashes(10)
    moved = random_hashes(10, seed=1)
    moved[4] = words[7]
    assert candidates(words, [words, moved]).tolist() == [[4, 7]]


def test_a_crowd_costs_in_proportion_and_stays_one_group():
    images = 4 * CROWD
    words = np.repeat(random_hashes(1), images, axis=0)
    found = candidates(words, [words])
    assert images - 1 <= len(found) <= images * CROWD
    assert set(groups(images, found)) == {0}


def test_no_images_and_one_image_have_no_pairs():
    for images in (0, 1):
        words = random_hashes(images)
        assert candidates(words, [words]).shape == (0, 2)


def test_bands_grow_by_three_bits_as_the_images_quadruple():
    assert [band_bits(images) for images in (10, 5_000, 20_000, 80_000, 100_000, 800_000)] == [16, 17, 20, 23, 24, 26]
