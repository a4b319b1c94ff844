import pytest
import torch

from hilum.pretext.modules import DINOHead


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")  # lightly's own
def test_equals_lightlys_with_the_same_weights():
    from lightly.models.modules.heads import DINOProjectionHead

    ours = DINOHead(6, 10, seed=0, hidden=8, bottleneck=4)
    theirs = DINOProjectionHead(6, 8, 4, 10)
    linear = [layer for layer in ours.layers if isinstance(layer, torch.nn.Linear)]
    other = [layer for layer in theirs.layers if isinstance(layer, torch.nn.Linear)]
    for mine, its in zip(linear, other, strict=True):
        its.load_state_dict(mine.state_dict())
    theirs.last_layer.weight_v.data.copy_(ours.prototypes)
    features = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(ours(features), theirs(features), atol=1e-6)


def test_weights_are_the_seeds_and_torchs_generator_stays():
    before = torch.random.get_rng_state()
    first, second = (DINOHead(4, 6, seed=3, hidden=5).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert torch.equal(before, torch.random.get_rng_state())


def test_prototypes_held_still_get_no_gradient():
    head = DINOHead(4, 6, seed=0, hidden=5)
    head(torch.ones(2, 4), train_prototypes=False).sum().backward()
    assert head.prototypes.grad is None
    assert head.layers[0].weight.grad is not None


def test_batch_norm_stands_after_the_hidden_layers():
    norms = [m for m in DINOHead(4, 6, seed=0, hidden=5, batch_norm=True).modules() if "Norm" in type(m).__name__]
    assert len(norms) == 2
