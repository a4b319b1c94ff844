import math

import pytest
import torch

from hilum.training.optim import Lowest, Plateau, learning_rate_factor, weight_decay_at
from hilum.training.settings import TrainingSettings


def test_warm_up_rises_step_by_step_to_the_peak_and_the_cosine_falls_to_zero():
    settings = TrainingSettings(epochs=5, lr=1.0, warmup_epochs=1)
    shares = [learning_rate_factor(step, 4, settings) for step in range(20)]
    assert shares[:4] == [0.25, 0.5, 0.75, 1.0]
    # Loschilov & Hutter, ICLR 2017, eq. 5: (1 + cos(pi t / T)) / 2, here T = 16
    assert shares[4] == 1.0
    assert shares[8] == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert shares[12] == pytest.approx(0.5)
    assert shares[16] == pytest.approx((1 - math.sqrt(0.5)) / 2)
    assert shares[19] == pytest.approx(math.sin(math.pi / 32) ** 2)  # half-angle form of the last step


def test_the_cosine_is_that_of_torch():
    settings = TrainingSettings(epochs=3, lr=0.3)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
    for step in range(30):
        assert 0.3 * learning_rate_factor(step, 10, settings) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()


def test_warm_up_may_be_a_fraction_of_an_epoch_or_the_whole_run():
    half = TrainingSettings(epochs=2, lr=1.0, warmup_epochs=0.5)
    assert [learning_rate_factor(step, 4, half) for step in range(3)] == [0.5, 1.0, 1.0]
    whole = TrainingSettings(epochs=2, lr=1.0, warmup_epochs=2)
    assert [learning_rate_factor(step, 2, whole) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_other_schedules_stay_at_the_peak_after_the_warm_up(schedule):
    settings = TrainingSettings(epochs=3, lr=1.0, warmup_epochs=1, schedule=schedule)
    assert [learning_rate_factor(step, 2, settings) for step in range(6)] == [0.5, 1, 1, 1, 1, 1]


def test_weight_decay_moves_along_half_a_cosine_and_stays_where_no_end_is_given():
    """DINO: 0.04 to 0.4. At a quarter of the way 1 - cos(π/4) is 0.2929, half of which has been gone."""
    settings = TrainingSettings(epochs=2, lr=1.0, weight_decay=0.04, weight_decay_end=0.4)
    found = [weight_decay_at(step, 8, settings) for step in (0, 2, 4, 8)]
    assert found == pytest.approx([0.04, 0.04 + 0.36 * 0.146447, 0.22, 0.4], rel=1e-5)
    assert weight_decay_at(5, 8, TrainingSettings(epochs=2, lr=1.0, weight_decay=0.04)) == 0.04


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_the_plateau_reduces_when_torchs_does(patience):
    losses = [1.0, 0.8, 0.79999, 0.9, 0.8, 0.85, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.6, 0.61, 0.62, 0.63, 0.64]
    settings = TrainingSettings(epochs=3, lr=0.5, schedule="plateau", plateau_patience=patience, plateau_factor=0.1)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    # eps=0: torch otherwise ignores reductions below 1e-8
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=patience, eps=0)
    plateau = Plateau()
    for loss in losses:
        scheduler.step(loss)
        plateau.record(loss, settings)
        assert plateau.share * 0.5 == pytest.approx(optimizer.param_groups[0]["lr"])


def test_the_lowest_counts_epochs_since_a_strictly_lower_value():
    lowest = Lowest()
    assert [lowest.record(loss) for loss in (2.0, 1.0, 1.0, 1.5, 0.5)] == [True, True, False, False, True]
    assert (lowest.value, lowest.waited) == (0.5, 0)
    lowest.record(0.5)
    assert lowest.waited == 1
