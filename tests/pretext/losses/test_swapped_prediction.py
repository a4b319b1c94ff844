import math

import pytest
import torch

from hilum.pretext.losses import sinkhorn_assignments
from hilum.pretext.losses.swapped_prediction import swapped_prediction


def test_scores_that_say_nothing_cost_the_log_of_the_prototypes():
    flat = torch.full((3, 6), 1 / 6)
    assert swapped_prediction([torch.zeros(3, 6)] * 3, [flat, flat], 0.1).item() == pytest.approx(math.log(6))


def test_a_view_never_predicts_itself():
    # Each view's scores agree with its own assignment and contradict the other's.
    first, second = torch.tensor([[100.0, 0.0]]), torch.tensor([[0.0, 100.0]])
    targets = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])]
    assert swapped_prediction([first, second], targets, 1.0).item() == pytest.approx(100.0)
    assert swapped_prediction([second, first], targets, 1.0).item() == pytest.approx(0.0, abs=1e-6)


def test_equals_lightlys_with_local_views():
    from lightly.loss import SwaVLoss

    scores = [torch.rand(4, 5, generator=torch.Generator().manual_seed(s)) * 2 - 1 for s in range(5)]
    theirs = SwaVLoss(temperature=0.1, sinkhorn_iterations=3, sinkhorn_epsilon=0.05)(scores[:2], scores[2:])
    ours = swapped_prediction(scores, [sinkhorn_assignments(view, 0.05) for view in scores[:2]], 0.1)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
