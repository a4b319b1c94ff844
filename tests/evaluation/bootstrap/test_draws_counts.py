from collections import Counter

import numpy as np
import pytest
from scipy import stats

from hilum.draws import philox
from hilum.evaluation.bootstrap import bootstrap_counts
from hilum.evaluation.bootstrap.draws import _APART_FROM_TRAINING


def slowly_drawn_counts(units: int, draws: int, seed: int, resample: int, stream: int) -> Counter[int]:
    """Lemire's algorithm with Python's whole numbers, on the words of the vectorised Philox of `hilum.draws`."""
    blocks = np.arange(draws + 5, dtype=np.uint64)
    other = (np.full_like(blocks, number) for number in (resample, stream, 0))
    key = np.uint64(seed & 0xFFFFFFFF), np.uint64((seed >> 32) ^ _APART_FROM_TRAINING)
    words = np.stack(philox((blocks, *other), key), axis=-1).ravel()
    counts: Counter[int] = Counter()
    for word in words.tolist():
        product = word * units
        if product % 2**32 >= 2**32 % units:
            counts[product // 2**32] += 1
        if counts.total() == draws:
            return counts
    raise AssertionError("too few words")


@pytest.mark.parametrize(
    ("units", "draws"),
    [(1, 1), (2, 2), (7, 7), (3, 2), (100, 100), (10**8, 2000)],  # of the last, one word in 45 is rejected
)
def test_equals_lemires_algorithm_written_out(units, draws):
    seed = 2**40 + 7
    for resample in (11, 12):
        counts = bootstrap_counts(units, draws=draws, n_bootstrap=1, seed=seed, stream=3, first=resample)[:, 0]
        drawn = {unit: counts[unit] for unit in np.flatnonzero(counts).tolist()}
        assert drawn == slowly_drawn_counts(units, draws, seed, resample, 3)


def test_every_resample_draws_as_many_patients_as_there_are():
    assert np.all(bootstrap_counts(37, draws=37, n_bootstrap=100, seed=0).sum(axis=0) == 37)


def test_a_resample_is_the_same_whatever_is_drawn_beside_it():
    many = bootstrap_counts(20, draws=20, n_bootstrap=300, seed=4)
    assert np.array_equal(many[:, :100], bootstrap_counts(20, draws=20, n_bootstrap=100, seed=4))
    assert np.array_equal(many[:, 64:128], bootstrap_counts(20, draws=20, n_bootstrap=64, seed=4, first=64))


@pytest.mark.parametrize("other", [{"seed": 1}, {"stream": 2}])
def test_another_seed_or_stream_gives_other_resamples(other):
    assert not np.array_equal(
        bootstrap_counts(50, draws=50, n_bootstrap=9, seed=0),
        bootstrap_counts(50, draws=50, n_bootstrap=9, **({"seed": 0} | other)),
    )


def test_counts_are_multinomial():
    counts = bootstrap_counts(10, draws=10, n_bootstrap=20_000, seed=0)
    observed = np.bincount(counts.ravel(), minlength=11)[:7]
    expected = stats.binom.pmf(range(7), 10, 0.1) * counts.size
    assert np.all(np.abs(observed - expected) < 5 * np.sqrt(expected) + 5)
    assert np.cov(counts)[0, 1] == pytest.approx(-10 / 100, abs=0.03)  # multinomial covariance -n p p
