"""Dense masking against convolutions that are written out over visible places alone."""

import pytest
import torch
import torch.nn.functional as F

from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.pretext.masking import VisiblePatches, check_is_convnext_v2, masked_block, visible_features


@pytest.fixture(scope="module")
def encoder():
    made = create_encoder("convnextv2_atto", seed=0).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # response normalisation and biases start at zero, where mistakes would not show
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return made


def sparse_block(block, places):
    """A residual block on a dictionary of visible places: (row, column) to features. Nothing else exists."""
    weight, bias = block.conv_dw.weight[:, 0], block.conv_dw.bias
    reach = weight.shape[-1] // 2
    wide = {}
    for row, column in places:
        total = bias.clone()
        for i in range(-reach, reach + 1):
            for j in range(-reach, reach + 1):
                if (row + i, column + j) in places:
                    total = total + weight[:, reach + i, reach + j] * places[row + i, column + j]
        normed = F.layer_norm(total, total.shape, block.norm.weight, block.norm.bias, block.norm.eps)
        fc1 = block.mlp.fc1
        wide[row, column] = F.gelu(F.linear(normed, fc1.weight.flatten(1), fc1.bias))
    energy = torch.stack(list(wide.values())).square().sum(0).sqrt()
    grn, fc2 = block.mlp.grn, block.mlp.fc2
    share = energy / (energy.mean() + grn.eps)
    out = {}
    for place, values in wide.items():
        responded = values + grn.weight * values * share + grn.bias
        out[place] = places[place] + F.linear(responded, fc2.weight.flatten(1), fc2.bias)
    return out


def visible_places(shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.4


def masked(block, features, visible):
    """Of one image whose patches are single places."""
    patches = VisiblePatches.of(visible[None])
    return patches.unpack(masked_block(block, patches.pack(features), patches))[0]


def test_a_masked_block_equals_the_sparse_one(encoder):
    block = encoder.body.stages[0].blocks[0]
    visible = visible_places((9, 9))
    width = block.conv_dw.weight.shape[0]
    features = torch.randn(1, width, 9, 9, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        dense = masked(block, features, visible)
        sparse = sparse_block(block, {(r, c): features[0, :, r, c] for r, c in visible.nonzero().tolist()})
    for (row, column), values in sparse.items():
        assert torch.allclose(dense[:, row, column], values, atol=1e-5)
    assert dense[:, ~visible].abs().max() == 0


@pytest.mark.parametrize("conv_mlp", [True, False])
def test_the_block_with_channels_last_does_the_same(encoder, conv_mlp):
    from timm.models.convnext import ConvNeXtBlock

    block = ConvNeXtBlock(8, conv_mlp=conv_mlp, use_grn=True, ls_init_value=None, kernel_size=3).eval()
    visible = visible_places((5, 5))
    features = torch.randn(1, 8, 5, 5, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        dense = masked(block, features, visible)
        sparse = sparse_block(block, {(r, c): features[0, :, r, c] for r, c in visible.nonzero().tolist()})
    for (row, column), values in sparse.items():
        assert torch.allclose(dense[:, row, column], values, atol=1e-5)


def test_nothing_of_a_hidden_patch_has_a_part_in_the_features(encoder):
    visible = torch.tensor([[[1, 0, 1], [0, 1, 1], [1, 1, 0]]]).bool()
    images = torch.rand(1, 1, 96, 96, generator=torch.Generator().manual_seed(3))
    changed = images.clone()
    changed[..., 40:60, 5:25] = 0.0  # within the hidden patch of row 1, column 0
    with torch.no_grad():
        first, second = (visible_features(encoder, each, visible) for each in (images, changed))
    assert torch.equal(first, second)
    assert first[0, :, ~visible[0]].abs().max() == 0


def test_an_image_that_is_visible_everywhere_has_the_encoders_own_features(encoder):
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found = visible_features(encoder, images, torch.ones(2, 2, 2).bool())
        assert torch.allclose(found, encoder.feature_map(images), atol=1e-5)


def test_another_encoder_is_refused_with_what_to_use():
    with pytest.raises(HilumError, match=r"a ConvNeXt V2 .*; found resnet18\. Use convnextv2_atto"):
        check_is_convnext_v2(create_encoder("resnet18", seed=0))
