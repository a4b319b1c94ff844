import timm
import torch

from hilum.encoders.families.convolutional import cells
from hilum.encoders.zoo import create_encoder


@torch.no_grad()
def test_convnext_pools_and_norms_as_timm_does():
    encoder = create_encoder("convnextv2_atto", seed=0).eval()
    theirs = timm.create_model("convnextv2_atto", in_chans=1, num_classes=0).eval()
    theirs.load_state_dict(encoder.body.state_dict())
    images = torch.rand(2, 1, 96, 96, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(encoder(images), theirs((images - 0.5) / 0.25), atol=1e-5, rtol=1e-5)


def test_halving_belongs_to_the_block_behind_it_and_the_norm_to_the_last(weightless):
    encoder = weightless("convnextv2_atto")
    body, parts = encoder.body, encoder.named_blocks
    assert len(parts) == 1 + 2 + 2 + 6 + 2
    halving = id(body.stages[2].downsample[1].weight)
    assert halving in {id(parameter) for parameter in parts["stages.2.blocks.0"].parameters()}
    assert id(body.head.norm.weight) in {id(parameter) for parameter in parts["stages.3.blocks.1"].parameters()}


@torch.no_grad()
def test_densenet_pools_behind_norm_and_relu_as_timm_does():
    encoder = create_encoder("densenet121", seed=0).eval()
    theirs = timm.create_model("densenet121", in_chans=1, num_classes=0).eval()
    theirs.load_state_dict(encoder.body.state_dict())
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    features = encoder(images)
    torch.testing.assert_close(features, theirs((images - 0.5) / 0.25), atol=1e-5, rtol=1e-5)
    assert (features >= 0).all()


def test_a_transition_belongs_to_the_dense_block_before_it_and_the_norm_to_the_last(weightless):
    encoder = weightless("densenet121")
    features, parts = encoder.body.features, encoder.named_blocks
    first = {id(parameter) for parameter in parts["denseblock1"].parameters()}
    assert {id(p) for p in features.transition1.parameters()} < first
    assert id(features.norm5.weight) in {id(parameter) for parameter in parts["denseblock4"].parameters()}


def test_odd_rows_are_dropped_by_transitions():
    assert [cells(side) for side in (32, 224, 225, 252, 257)] == [1, 7, 7, 7, 8]
