import math

import pytest
import torch
from lightly.loss import NTXentLoss

from hilum.pretext.losses.nt_xent import nt_xent


def slow_nt_xent(first, second, temperature):
    """Chen et al. 2020, eq. 1 and algorithm 1, term by term."""
    views = [z / z.norm() for z in (*first.double(), *second.double())]
    count = len(first)
    total = 0.0
    for i, view in enumerate(views):
        similar = [math.exp(float(view @ other) / temperature) for other in views]
        total -= math.log(similar[(i + count) % (2 * count)] / (sum(similar) - similar[i]))
    return total / (2 * count)


def projections(count=5, width=3):
    return torch.randn(2, count, width, dtype=torch.float64, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize("count", [1, 4, 100])
def test_projections_that_say_nothing_cost_the_log_of_the_candidates(count):
    same = torch.ones(count, 8)
    assert nt_xent(same, same).item() == pytest.approx(math.log(2 * count - 1), abs=1e-6)


def test_twins_nearer_than_all_others_cost_nothing():
    apart = torch.eye(8)
    assert nt_xent(apart, apart, temperature=0.05).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.07, 0.1, 1.0])
def test_equals_the_definition_written_out(temperature):
    first, second = projections()
    assert nt_xent(first, second, temperature).item() == pytest.approx(
        slow_nt_xent(first, second, temperature), rel=1e-5
    )


@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
def test_equals_lightlys_loss(temperature):
    first, second = projections(32, 16).float()
    expected = NTXentLoss(temperature=temperature)(first, second).item()
    assert nt_xent(first, second, temperature).item() == pytest.approx(expected, rel=1e-5)


def test_does_not_depend_on_norms_or_on_which_view_is_first():
    first, second = projections()
    assert nt_xent(7 * first, second).item() == pytest.approx(nt_xent(first, second).item(), rel=1e-6)
    assert nt_xent(second, first).item() == pytest.approx(nt_xent(first, second).item(), rel=1e-6)


def test_keeps_full_precision_under_autocast():
    first, second = projections(64, 128).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = nt_xent(first, second)
    assert inside.item() == nt_xent(first, second).item()


def test_gradients_pull_twins_together():
    first, second = projections(4, 3).float()
    first.requires_grad_()
    nt_xent(first, second, 0.5).backward()
    moved = first.detach() - 0.1 * first.grad
    assert nt_xent(moved, second, 0.5) < nt_xent(first, second, 0.5)
