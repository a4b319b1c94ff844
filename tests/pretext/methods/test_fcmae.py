import pytest
import torch

from hilum.augment import AUGMENTATIONS
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.pretext.methods import FCMAE, DecoderBlock, PretextRun, masked_patch_loss, patches_of
from hilum.pretext.methods.settings import FCMAESettings


def create(size=64, decoder_width=16):
    view = AUGMENTATIONS["fcmae"]
    run = PretextRun(view, view, size, 32, images=32, batch_size=4, steps=8, seed=0, collapse_monitor=None)
    settings = FCMAESettings(mask_ratio=0.5, decoder_width=decoder_width)
    return FCMAE(create_encoder("convnextv2_atto", seed=0), settings, run)


def test_patches_are_squares_of_the_image():
    images = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert patches_of(images, 2)[0, 0, 1].tolist() == [2, 3, 6, 7]
    assert patches_of(images, 2).shape == (1, 2, 2, 4)


def test_saying_nothing_costs_one_and_the_normalised_patch_costs_nothing():
    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    hidden = torch.tensor([[[True, False], [False, True]]] * 2)
    patches = patches_of(images, 4)
    # With the unbiased deviation, the squares of 16 normalised pixels sum to 15.
    assert masked_patch_loss(torch.zeros_like(patches), images, hidden, 4).item() == pytest.approx(15 / 16, rel=1e-3)
    perfect = (patches - patches.mean(-1, keepdim=True)) / patches.std(-1, keepdim=True)
    assert masked_patch_loss(perfect, images, hidden, 4).item() == pytest.approx(0, abs=1e-6)


def test_visible_patches_cost_nothing():
    images = torch.rand(1, 1, 8, 8)
    hidden = torch.tensor([[[True, False], [False, False]]])
    predicted = torch.zeros(1, 2, 2, 16)
    first = masked_patch_loss(predicted, images, hidden, 4)
    predicted[0, 1, 1] = 100.0
    assert masked_patch_loss(predicted, images, hidden, 4) == first


def test_the_decoder_block_is_timms():
    from timm.models.convnext import ConvNeXtBlock

    ours, theirs = DecoderBlock(8), ConvNeXtBlock(8, use_grn=True, ls_init_value=None)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    named = {
        "conv_dw.weight": ours.depthwise.weight, "conv_dw.bias": ours.depthwise.bias,
        "norm.weight": ours.norm.weight, "norm.bias": ours.norm.bias,
        "mlp.fc1.weight": ours.widen.weight, "mlp.fc1.bias": ours.widen.bias,
        "mlp.grn.weight": ours.gain, "mlp.grn.bias": ours.shift,
        "mlp.fc2.weight": ours.narrow.weight, "mlp.fc2.bias": ours.narrow.bias,
    }  # fmt: skip
    theirs.load_state_dict(named)
    features = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(ours(features), theirs(features), atol=1e-4)


def test_a_step_trains_the_whole_encoder_and_the_decoder(batch_of):
    method = create()
    loss = method.training_loss(batch_of([0, 1, 2], size=64), epoch=0)
    loss.backward()
    assert 0.5 < loss.item() < 3
    untouched = [
        name for name, parameter in method.named_parameters() if parameter.grad is None and "head.norm" not in name
    ]
    assert untouched == []


@pytest.mark.parametrize("size", [32, 80])
def test_a_size_without_whole_patches_is_refused(size):
    with pytest.raises(HilumError, match=f"a multiple of 32 px, at least 64; found {size} px"):
        create(size=size)
