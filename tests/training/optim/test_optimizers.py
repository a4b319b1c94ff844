import pytest
import torch
from timm.optim.lars import Lars
from torch import nn

from hilum.training.optim import create_optimizer, set_learning_rate, set_weight_decay
from hilum.training.settings import TrainingSettings
from hilum.training.trainable import Trainable


class Small(Trainable):
    def __init__(self):
        super().__init__()
        self.convolution, self.norm, self.linear = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 1)
        self.linear.bias.requires_grad_(False)


def test_weight_decay_is_on_kernels_and_matrices_only_and_frozen_parameters_are_left_out():
    small = Small()
    decayed, free = create_optimizer(small, TrainingSettings(epochs=1, lr=0.1, weight_decay=0.05)).param_groups
    assert [id(p) for p in decayed["params"]] == [id(small.convolution.weight), id(small.linear.weight)]
    assert [id(p) for p in free["params"]] == [id(small.convolution.bias), id(small.norm.weight), id(small.norm.bias)]
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.05, 0.0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD), ("lars", Lars)],
)
def test_the_optimiser_is_the_one_named(name, kind):
    optimizer = create_optimizer(Small(), TrainingSettings(epochs=1, lr=0.1, optimizer=name))
    assert type(optimizer) is kind
    if name in ("sgd", "lars"):
        assert optimizer.param_groups[0]["momentum"] == 0.9


def test_every_group_takes_its_share_of_its_own_peak():
    class TwoRates(Small):
        def parameter_groups(self, settings):
            return [{"params": [self.convolution.weight]}, {"params": [self.linear.weight], "lr": 1.0}]

    optimizer = create_optimizer(TwoRates(), TrainingSettings(epochs=1, lr=0.1))
    set_learning_rate(optimizer, 0.5)
    set_learning_rate(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.025, 0.25])


def test_a_new_weight_decay_reaches_kernels_and_matrices_only():
    optimizer = create_optimizer(Small(), TrainingSettings(epochs=1, lr=0.1))
    set_weight_decay(optimizer, 0.3)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.0]
