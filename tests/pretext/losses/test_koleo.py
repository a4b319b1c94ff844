import math

import pytest
import torch

from hilum.pretext.losses import CLOSEST
from hilum.pretext.losses.koleo import koleo


@pytest.mark.parametrize(
    ("features", "value"),
    [
        ([[1.0, 0.0], [-2.0, 0.0]], -math.log(2)),  # opposite: distance 2
        ([[1.0, 0.0], [0.0, 5.0]], -math.log(math.sqrt(2))),  # at right angles
        ([[3.0, 0.0], [3.0, 0.0]], -math.log(2 * CLOSEST)),  # equal
    ],
)
def test_has_known_values(features, value):
    assert koleo(torch.tensor(features)).item() == pytest.approx(value, abs=1e-5)


def test_equals_the_definition_written_out():
    features = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    unit = [row / row.norm() for row in features]
    nearest = [min((a - b).norm().item() for j, b in enumerate(unit) if j != i) for i, a in enumerate(unit)]
    assert koleo(features).item() == pytest.approx(-sum(math.log(d + CLOSEST) for d in nearest) / 6, rel=1e-9)


def test_equals_lightlys():
    from lightly.loss import KoLeoLoss

    features = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
    assert koleo(features).item() == pytest.approx(KoLeoLoss()(features).item(), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equal_features_give_finite_loss_and_gradient(dtype):
    features = torch.ones(4, 8, dtype=dtype, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = koleo(features)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert features.grad.isfinite().all()
