"""Attention written out is the fused one but for rounding, where it is used and only there."""

import pytest
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from hilum.encoders.zoo import create_encoder
from hilum.training.cpu import LONGEST_WRITTEN_OUT, explicit_short_attention

BLOCKS = 12
TRANSFORMERS = ["vit_tiny_patch16_224", "eva_x_tiny_patch16"]


class CountedFused(TorchFunctionMode):
    """Counts fused attentions."""

    count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += func is F.scaled_dot_product_attention
        return func(*args, **(kwargs or {}))


def features_and_gradients(encoder, images, *, precision, written_out):
    """And the number of fused attentions."""
    encoder.zero_grad()
    with CountedFused() as fused:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            if written_out:
                with explicit_short_attention(encoder):
                    features = encoder(images).float()
            else:
                features = encoder(images).float()
        features.square().mean().backward()
    gradients = torch.cat([each.grad.flatten() for each in encoder.parameters() if each.grad is not None])
    return features.detach(), gradients, fused.count


@pytest.fixture(params=TRANSFORMERS)
def transformer(request):
    encoder = create_encoder(request.param, seed=0, image_size=48)
    images = torch.rand((4, 1, 48, 48), generator=torch.Generator().manual_seed(0))
    return encoder.train(), images


def test_bf16_on_a_cpu_is_written_out_and_the_same_but_for_rounding(transformer):
    exact, exact_gradients, _ = features_and_gradients(*transformer, precision="fp32", written_out=False)
    fused, fused_gradients, fused_count = features_and_gradients(*transformer, precision="bf16", written_out=False)
    plain, plain_gradients, plain_count = features_and_gradients(*transformer, precision="bf16", written_out=True)
    assert (fused_count, plain_count) == (BLOCKS, 0)
    for found, other, truth in ((plain, fused, exact), (plain_gradients, fused_gradients, exact_gradients)):
        # no further from float32 than the fused kernel is
        assert (found - truth).norm() < 1.2 * (other - truth).norm()
        assert (found - truth).norm() < 0.03 * truth.norm()


def test_float32_stays_with_the_fused_kernel_and_its_bits(transformer):
    fused, fused_gradients, _ = features_and_gradients(*transformer, precision="fp32", written_out=False)
    found, gradients, count = features_and_gradients(*transformer, precision="fp32", written_out=True)
    assert count == BLOCKS
    assert torch.equal(found, fused)
    assert torch.equal(gradients, fused_gradients)


def test_long_sequences_stay_with_the_fused_kernel():
    side = 16 * 16  # 256 patches and a class token
    assert (side // 16) ** 2 + 1 > LONGEST_WRITTEN_OUT
    encoder = create_encoder("vit_tiny_patch16_224", seed=0, image_size=side)
    _, _, count = features_and_gradients(encoder, torch.rand(1, 1, side, side), precision="bf16", written_out=True)
    assert count == BLOCKS


def test_layers_are_as_before_afterwards_also_after_an_error(transformer):
    encoder, images = transformer
    with pytest.raises(ZeroDivisionError):
        interrupted(encoder, images)
    _, _, count = features_and_gradients(encoder, images, precision="bf16", written_out=False)
    assert count == BLOCKS


def interrupted(encoder, images):
    with explicit_short_attention(encoder), torch.autocast("cpu", torch.bfloat16):
        encoder(images)
        raise ZeroDivisionError
