import pytest
import torch
from lightly.utils.lars import LARS as Lightlys
from torch import nn

from hilum.training.optim import LARS


def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))


def groups(module):
    """Weights with decay, biases and gains without, as `hilum.training.param_groups.decay_groups` has them."""
    wide = [each for each in module.parameters() if each.ndim >= 2]
    return [
        {"params": wide, "weight_decay": 0.01},
        {"params": [each for each in module.parameters() if each.ndim < 2], "weight_decay": 0.0},
    ]


def test_a_step_is_that_of_the_paper():
    """You et al. 2017, eq. 6 and algorithm 1, by hand: ‖w‖ = 5, ‖g‖ = 13, η = 0.1, β = 0.2, lr 2."""
    weight = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    optimizer = LARS([weight], lr=2.0, momentum=0.5, weight_decay=0.2, trust=0.1)
    weight.grad = torch.tensor([[5.0, 12.0]])
    optimizer.step()
    ratio = 0.1 * 5 / (13 + 0.2 * 5)
    velocity = [ratio * (5 + 0.2 * 3), ratio * (12 + 0.2 * 4)]
    assert weight[0].tolist() == pytest.approx([3 - 2 * velocity[0], 4 - 2 * velocity[1]])
    before = weight.detach().clone()
    weight.grad = torch.zeros(1, 2)  # no slope, no ratio: plain decay and what is left of the velocity
    optimizer.step()
    expected = before[0] - 2 * (0.5 * torch.tensor(velocity) + 0.2 * before[0])
    assert weight[0].tolist() == pytest.approx(expected.tolist())


def test_ten_steps_are_those_of_lightly():
    ours, theirs = network(), network()
    optimizers = LARS(groups(ours), lr=0.3), Lightlys(groups(theirs), lr=0.3, momentum=0.9)
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
    LARS([bias], lr=0.1).step()
    assert bias.tolist() == pytest.approx([2.9, 3.8])


def test_what_has_no_gradient_stays():
    weight = nn.Parameter(torch.ones(2, 2))
    optimizer = LARS([weight], lr=1.0, weight_decay=0.1)
    optimizer.step()
    assert torch.equal(weight, torch.ones(2, 2))
    assert not optimizer.state
