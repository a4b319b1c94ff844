import numpy as np
import pytest

from hilum.errors import HilumError
from hilum.evaluation.inference import Look, boundaries, spent
from hilum.evaluation.inference.sequential import _Walk

OBRIEN_FLEMING_SPENDING = {
    2: [2.9626, 1.9686],
    3: [3.7103, 2.5114, 1.9930],
    4: [4.3326, 2.9631, 2.3590, 2.0141],
    5: [4.8769, 3.3569, 2.6803, 2.2898, 2.0310],
}
"""Reboussin, DeMets, Kim & Lan, Controlled Clinical Trials 21:190-207 (2000), and PASS, chapter 710: two-sided 5 %,
looks evenly spaced."""

POCOCK_SPENDING = {2: [2.157, 2.201], 3: [2.279, 2.295, 2.296], 5: [2.438, 2.427, 2.410, 2.397, 2.386]}

POCOCK = {2: 2.178, 3: 2.289, 4: 2.361, 5: 2.413}
OBRIEN_FLEMING = {2: 1.977, 3: 2.004, 4: 2.024, 5: 2.040}
"""Constants of Jennison & Turnbull, Group Sequential Methods, 2000, tables 2.1 and 2.3: c and c sqrt(K / k)."""


def even(looks):
    return [look / looks for look in range(1, looks + 1)]


def crossing(bounds, fractions, drift=0.0):
    """Probability that the standardised difference is beyond its boundary at one of the looks."""
    before, total, last = _Walk.start(), 0.0, 0.0
    for bound, fraction in zip(bounds, fractions, strict=True):
        step, shift, edge = np.sqrt(fraction - last), drift * (fraction - last), bound * np.sqrt(fraction)
        total += before.beyond(step, edge, shift)
        before, last = before.after(step, edge, shift), fraction
    return total


@pytest.mark.parametrize("looks", OBRIEN_FLEMING_SPENDING)
def test_obrien_and_flemings_spending_has_the_published_boundaries(looks):
    assert boundaries(even(looks)) == pytest.approx(OBRIEN_FLEMING_SPENDING[looks], abs=2e-4)


@pytest.mark.parametrize("looks", POCOCK_SPENDING)
def test_pococks_spending_has_the_published_boundaries(looks):
    assert boundaries(even(looks), spending="pocock") == pytest.approx(POCOCK_SPENDING[looks], abs=1e-3)


@pytest.mark.parametrize("looks", POCOCK)
def test_the_classical_boundaries_are_crossed_by_5_percent(looks):
    flat = [POCOCK[looks]] * looks
    falling = [OBRIEN_FLEMING[looks] * np.sqrt(looks / look) for look in range(1, looks + 1)]
    assert crossing(flat, even(looks)) == pytest.approx(0.05, abs=1e-4)
    assert crossing(falling, even(looks)) == pytest.approx(0.05, abs=1e-4)


def test_looking_three_times_without_paying_claims_too_much():
    assert crossing([1.96] * 3, even(3)) == pytest.approx(0.107, abs=5e-4)  # Armitage, McPherson & Rowe 1969, table 2


def test_what_is_spent_ends_at_the_level_whatever_the_spacing():
    fractions = [0.2, 0.25, 0.7, 1.0]
    for spending in ("obrien_fleming", "pocock"):
        assert spent(1.0, 0.05, spending) == pytest.approx(0.05)
        assert crossing(boundaries(fractions, spending=spending), fractions) == pytest.approx(0.05, abs=1e-6)


def test_power_falls_little_with_three_looks():
    drift = 1.959964 + 0.841621
    assert crossing([1.959964], [1.0], drift) == pytest.approx(0.8, abs=1e-4)
    assert 0.78 < crossing(boundaries(even(3)), even(3), drift) < 0.8


def test_seeds_that_are_added_are_looked_at_honestly():
    """Nested means of seeds with a part of the variance that never falls: at most 5 % of claims at three looks."""
    rng = np.random.default_rng(0)
    trials, bounds = 20_000, boundaries(even(3))
    patients = 0.6 * rng.normal(size=trials)
    seeds = rng.normal(size=(trials, 9))
    claimed = np.zeros(trials, dtype=bool)
    for look, bound in enumerate(bounds, start=1):
        number = 3 * look
        z = (patients + seeds[:, :number].mean(axis=1)) / np.sqrt(0.36 + 1 / number)
        claimed |= np.abs(z) > bound
    assert 0.035 < claimed.mean() < 0.053


def test_a_look_has_a_level_and_one_look_is_the_whole_test():
    assert Look().significance() == 0.05
    assert [round(Look(look, 3).significance(), 4) for look in (1, 2, 3)] == [0.0002, 0.0120, 0.0463]


def test_more_looks_than_were_announced_are_refused():
    with pytest.raises(HilumError, match="look 1 to 2; found look 3"):
        Look(3, 2)
    with pytest.raises(HilumError, match="ascending"):
        boundaries([0.5, 0.4])
