import pytest
import torch

from hilum.pretext.losses import sinkhorn_assignments


def slow_sinkhorn(scores, epsilon, iterations):
    """Caron et al. 2020, eq. 3 to 5, on exponentials: columns are images there, rows prototypes."""
    q = (scores / epsilon).exp().T
    q /= q.sum()
    for _ in range(iterations):
        q = q / q.sum(1, keepdim=True) / q.shape[0]
        q = q / q.sum(0, keepdim=True) / q.shape[1]
    return (q * q.shape[1]).T


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.rand(12, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize("iterations", [1, 3, 10])
def test_equals_the_definition_on_exponentials(scores, iterations):
    found = sinkhorn_assignments(scores, 0.1, iterations)
    assert torch.allclose(found, slow_sinkhorn(scores, 0.1, iterations), atol=1e-12)


def test_becomes_doubly_stochastic(scores):
    found = sinkhorn_assignments(scores, 0.1, 200)
    assert torch.allclose(found.sum(1), torch.ones(12, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(found.sum(0), torch.full((5,), 12 / 5, dtype=torch.float64), atol=1e-4)


def test_equals_lightlys_for_the_same_settings(scores):
    from lightly.loss.swav_loss import sinkhorn

    expected = sinkhorn(scores.float(), iterations=3, epsilon=0.05, gather_distributed=False)
    assert torch.allclose(sinkhorn_assignments(scores.float(), 0.05, 3), expected, atol=1e-5)


def test_scores_that_say_nothing_are_shared_out_evenly():
    assert torch.allclose(sinkhorn_assignments(torch.zeros(4, 8), 0.05), torch.full((4, 8), 1 / 8))


def test_a_small_epsilon_overflows_nothing():
    found = sinkhorn_assignments(torch.tensor([[900.0, 0.0], [0.0, 900.0]]), 1e-3)
    assert torch.equal(found, torch.eye(2))


def test_half_precision_is_widened(scores):
    assert sinkhorn_assignments(scores.to(torch.bfloat16), 0.05).dtype == torch.float32
