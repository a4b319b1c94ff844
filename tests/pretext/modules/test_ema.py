import pytest
import torch
from torch import nn

from hilum.pretext.modules import cosine_schedule, ema_copy, ema_update, linear_schedule


def test_a_follower_starts_alike_and_learns_nothing_itself():
    trained = nn.Linear(3, 2)
    copied = ema_copy(trained)
    assert torch.equal(copied.weight, trained.weight)
    assert not any(parameter.requires_grad for parameter in copied.parameters())
    assert trained.weight.requires_grad


@pytest.mark.parametrize(("momentum", "value"), [(0.0, 5.0), (0.75, 2.0), (1.0, 1.0)])
def test_a_follower_goes_the_rest_of_the_way(momentum, value):
    copied, trained = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.constant_(copied.weight, 1.0)
    nn.init.constant_(trained.weight, 5.0)
    ema_update(copied, trained, momentum)
    assert copied.weight.item() == pytest.approx(value)


def test_statistics_of_batches_stay_the_followers_own():
    copied, trained = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    trained.running_mean.fill_(3.0)
    ema_update(copied, trained, 0.0)
    assert copied.running_mean.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("share", "value"), [(-1, 0.996), (0, 0.996), (0.5, 0.998), (1, 1.0), (2, 1.0), (1 / 3, 0.997)]
)
def test_the_cosine_goes_from_start_to_end(share, value):
    assert cosine_schedule(0.996, 1.0, share) == pytest.approx(value)


@pytest.mark.parametrize(("share", "value"), [(-1, 0.04), (0.5, 0.055), (1, 0.07), (3, 0.07)])
def test_the_line_goes_from_start_to_end(share, value):
    assert linear_schedule(0.04, 0.07, share) == pytest.approx(value)
