import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import hilum.data.balance
import hilum.draws
from hilum.draws import Stream, image_keys, philox, shuffled, uniforms

IMAGES = [f"{patient:08d}_{image:03d}.png" for patient in range(200) for image in range(5)]


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # known-answer tests of Random123 (kat_vectors: philox4x32 10)
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_published_answers(counter, key, expected):
    words = philox(tuple(np.array([c], dtype=np.uint64) for c in counter), tuple(np.uint64(k) for k in key))
    assert [int(word[0]) for word in words] == expected


def test_a_draw_does_not_depend_on_the_other_images_of_the_batch():
    keys = image_keys(IMAGES)
    whole = uniforms(7, keys, 9, epoch=3, view=1)
    assert np.array_equal(whole[[5, 2]], uniforms(7, keys[[5, 2]], 9, epoch=3, view=1))


@pytest.mark.parametrize("other", [{"seed": 8}, {"epoch": 4}, {"view": 2}])
def test_another_seed_epoch_or_view_gives_independent_draws(other):
    keys = image_keys(IMAGES)
    draw = {"seed": 7, "epoch": 3, "view": 1}
    first, second = (
        uniforms(d["seed"], keys, 4, epoch=d["epoch"], view=d["view"]).ravel() for d in (draw, draw | other)
    )
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(len(first))


def test_draws_are_uniform():
    assert stats.kstest(uniforms(0, image_keys(IMAGES), 40).ravel(), "uniform").pvalue > 0.001


def test_more_draws_extend_fewer():
    keys = image_keys(IMAGES[:3])
    assert np.array_equal(uniforms(1, keys, 11)[:, :6], uniforms(1, keys, 6))


def test_the_order_of_an_epoch_visits_every_image_once_however_they_are_listed():
    keys = image_keys(IMAGES)
    order = shuffled(0, keys, epoch=1)
    assert sorted(order) == list(range(len(IMAGES)))
    assert [IMAGES[i] for i in order] == [IMAGES[::-1][i] for i in shuffled(0, keys[::-1], epoch=1)]
    assert not np.array_equal(order, shuffled(0, keys, epoch=2))


def test_no_images_get_no_draws():
    assert uniforms(0, image_keys([]), 5).shape == (0, 5)


USES = re.compile(r"shuffled\([^\n]*\buse=(?!Stream\.|use\b)(\w+)")


def test_every_random_stream_is_registered_once():
    numbers = [stream.value for stream in Stream]
    assert len(set(numbers)) == len(Stream.__members__)
    assert max(numbers) <= 5_535
    sources = Path(hilum.draws.__file__).parent.rglob("*.py")
    others = {path.name: USES.findall(path.read_text(encoding="utf-8")) for path in sources}
    assert {name: found for name, found in others.items() if found} == {"balance.py": ["_FOR_RESAMPLING"]}
    assert hilum.data.balance._FOR_RESAMPLING == Stream.RESAMPLING
