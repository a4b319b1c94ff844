"""In one process the joined batch is the batch, so that torch's own batch norm is the measure.

What two processes find is compared with one in tests/pretext/test_several_processes.py.
"""

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from hilum.training.distributed import SyncBatchNormMode


def modules():
    return {
        "maps": (nn.BatchNorm2d(3), (5, 3, 4, 4)),
        "vectors": (nn.BatchNorm1d(3), (7, 3)),
        "with activation": (BatchNormAct2d(3), (5, 3, 4, 4)),
        "without gain": (nn.BatchNorm1d(3, affine=False), (7, 3)),
        "plain average": (nn.BatchNorm2d(3, momentum=None), (5, 3, 4, 4)),
        "no statistics": (nn.BatchNorm2d(3, track_running_stats=False), (5, 3, 4, 4)),
    }


def passed(module, shape, joined):
    """Outputs, gradients and statistics after two batches in double precision."""
    generator = torch.Generator().manual_seed(0)
    module.double().train()
    for parameter in module.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5, generator=generator)
    left = []
    for _ in range(2):
        batch = (3 + 2 * torch.randn(shape, generator=generator, dtype=torch.float64)).requires_grad_()
        if joined:
            with SyncBatchNormMode():
                out = module(batch)
        else:
            out = module(batch)
        (out * torch.randn(shape, generator=generator, dtype=torch.float64)).sum().backward()
        left += [out.detach(), batch.grad]
    return left + [parameter.grad for parameter in module.parameters()] + [value.double() for value in module.buffers()]


@pytest.mark.parametrize("kind", modules())
def test_values_gradients_and_statistics_are_those_of_torch(kind):
    ours, theirs = (passed(*modules()[kind], joined) for joined in (True, False))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, rtol=1e-10, atol=1e-10)


def test_gradients_are_those_of_finite_differences():
    weight, bias = (torch.rand(2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    batch = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)

    def normed(batch, weight, bias):
        with SyncBatchNormMode():
            return nn.functional.batch_norm(batch, None, None, weight, bias, training=True)

    assert torch.autograd.gradcheck(normed, (batch, weight, bias))


def test_evaluation_uses_the_statistics_kept():
    module = nn.BatchNorm2d(3).eval()
    batch = torch.randn(2, 3, 4, 4)
    with SyncBatchNormMode():
        assert torch.equal(module(batch), nn.functional.batch_norm(batch, torch.zeros(3), torch.ones(3)))
