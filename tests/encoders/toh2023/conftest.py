"""What the five networks compute is held against their descriptions, step by step."""

import pytest
import torch


@pytest.fixture
def drawn():
    return lambda *shape: torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def batch_normed():
    """Batch norm in evaluation mode, from its formula."""

    def normed(maps, norm):
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return maps * scale[:, None, None] + (norm.bias - norm.running_mean * scale)[:, None, None]

    return normed


@pytest.fixture
def unlike_its_start():
    """A module with statistics and gains that matter, in evaluation mode."""

    def changed(module):
        generator = torch.Generator().manual_seed(1)
        for key, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                positive = torch.rand(tensor.shape, generator=generator) + 0.1
                tensor.copy_(positive if "var" in key else torch.randn(tensor.shape, generator=generator) * 0.3)
        return module.eval()

    return changed
