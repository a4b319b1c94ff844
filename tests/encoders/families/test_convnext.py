import timm
import torch

from hilum.encoders.zoo import create_encoder


@torch.no_grad()
def test_it_pools_and_norms_as_timm_does():
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
