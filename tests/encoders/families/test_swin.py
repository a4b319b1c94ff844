import pytest
import torch
from timm.models.swin_transformer import SwinTransformer

from hilum.encoders.families.swin import SWIN, blocks


def small(side, **options):
    shape = {"embed_dim": 12, "depths": (2, 2, 2, 2), "num_heads": (1, 2, 2, 4)}
    return SwinTransformer(img_size=side, in_chans=1, num_classes=0, global_pool="", **shape, **options).eval()


def images(side):
    return torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("side", [224, 448])
@torch.no_grad()
def test_built_for_one_size_it_computes_at_another_what_a_swin_built_for_that_size_does(side):
    anywhere, built = small(224, strict_img_size=False), small(side)
    generator = torch.Generator().manual_seed(1)
    weights = {key: torch.randn(w.shape, generator=generator) * 0.3 for key, w in anywhere.state_dict().items()}
    anywhere.load_state_dict(weights)
    built.load_state_dict(weights)
    SWIN.encode(anywhere, images(448))  # what it saw before leaves no trace
    expected = built.forward_features(images(side)).permute(0, 3, 1, 2)
    torch.testing.assert_close(SWIN.encode(anywhere, images(side)), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_maps_smaller_than_a_window_are_padded():
    maps = SWIN.encode(small(224, strict_img_size=False), images(64))
    assert maps.shape == (1, 96, 2, 2)
    assert maps.isfinite().all()


def test_merging_belongs_to_the_block_behind_it_and_the_norm_to_the_last():
    body = small(224)
    parts = blocks(body)
    assert list(parts)[:4] == ["stem", "layers.0.blocks.0", "layers.0.blocks.1", "layers.1.blocks.0"]
    behind = {id(parameter) for parameter in parts["layers.1.blocks.0"].parameters()}
    assert id(body.layers[1].downsample.reduction.weight) in behind
    assert id(body.norm.weight) in {id(parameter) for parameter in parts["layers.3.blocks.1"].parameters()}
