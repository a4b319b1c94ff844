import pytest
import torch
from lightly.utils.lars import LARS as Lightlys
from torch import nn

from hilum.training.optim import create_optimizer
from hilum.training.settings import TrainingSettings
from hilum.training.trainable import Trainable


class Wrapped(Trainable):
    def __init__(self, module):
        super().__init__()
        self.module = module


def lars(module, lr, weight_decay=0.0):
    settings = TrainingSettings(epochs=1, lr=lr, optimizer="lars", weight_decay=weight_decay)
    return create_optimizer(Wrapped(module), settings)


def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))


@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_a_step_is_that_of_the_paper(decay):
    """You et al. 2017, eq. 6 and algorithm 1, by hand: ‖w‖ = 5, ‖g‖ = 13, η = 0.001, lr 200, momentum 0.9."""
    weight = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    optimizer = lars(nn.ParameterList([weight]), 200.0, decay)
    weight.grad = torch.tensor([[5.0, 12.0]])
    optimizer.step()
    ratio = 0.001 * 5 / (13 + decay * 5)
    velocity = [ratio * (5 + decay * 3), ratio * (12 + decay * 4)]
    assert weight[0].tolist() == pytest.approx([3 - 200 * velocity[0], 4 - 200 * velocity[1]])
    before = weight.detach().clone()
    weight.grad = torch.zeros(1, 2)  # zero gradient: ratio 1, so plain decay and the rest of the velocity
    optimizer.step()
    expected = before[0] - 200 * (0.9 * torch.tensor(velocity) + decay * before[0])
    assert weight[0].tolist() == pytest.approx(expected.tolist())


def test_ten_steps_are_those_of_lightly():
    ours, theirs = network(), network()
    wide = [each for each in theirs.parameters() if each.ndim >= 2]
    flat = [each for each in theirs.parameters() if each.ndim < 2]
    groups = [{"params": wide, "weight_decay": 0.01}, {"params": flat, "weight_decay": 0.0}]
    optimizers = lars(ours, 0.3, 0.01), Lightlys(groups, lr=0.3, momentum=0.9)
    for step in range(10):
        images = torch.randn(4, 1, 6, 6, generator=torch.Generator().manual_seed(step))
        for module, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            module(images).square().mean().backward()
            optimizer.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, other, rtol=1e-4, atol=1e-6)
    assert (ours[0].weight - network()[0].weight).abs().max() > 1e-4


def test_biases_are_neither_scaled_nor_decayed_also_without_any_decay():
    bias = nn.Parameter(torch.tensor([3.0, 4.0]))
    bias.grad = torch.tensor([1.0, 2.0])
    lars(nn.ParameterList([bias]), 0.1).step()
    assert bias.tolist() == pytest.approx([2.9, 3.8])


def test_what_has_no_gradient_stays():
    weight = nn.Parameter(torch.ones(2, 2))
    optimizer = lars(nn.ParameterList([weight]), 1.0, 0.1)
    optimizer.step()
    assert torch.equal(weight, torch.ones(2, 2))
    assert not optimizer.state
