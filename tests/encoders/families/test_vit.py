import timm
import torch
import torch.nn.functional as F
from timm.models.eva import Eva

from hilum.encoders.families.vit import blocks
from hilum.encoders.zoo import create_encoder


def images(side):
    return torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(0))


def timms(encoder, name, **options):
    """timm's own network with an encoder's weights, which pools itself."""
    model = timm.create_model(name, in_chans=1, num_classes=0, dynamic_img_size=True, **options).eval()
    model.load_state_dict(encoder.body.state_dict())
    return model


def scattered(encoder, seed=1):
    """Position embeddings, class token and layer scales that matter, instead of their faint start."""
    generator = torch.Generator().manual_seed(seed)
    for parameter_name, parameter in encoder.body.named_parameters():
        if parameter_name in ("pos_embed", "cls_token", "reg_token") or "gamma" in parameter_name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.5
    return encoder.eval()


@torch.no_grad()
def test_a_vit_computes_at_another_size_what_timm_does():
    encoder = scattered(create_encoder("vit_tiny_patch16_224", seed=0))
    theirs = timms(encoder, "vit_tiny_patch16_224")
    for side in (96, 224):
        expected = theirs((images(side) - 0.5) / 0.25)
        torch.testing.assert_close(encoder(images(side)), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_dinov2_with_registers_computes_at_another_size_what_timm_does():
    encoder = scattered(create_encoder("vit_small_patch14_reg4_dinov2", seed=0))
    expected = timms(encoder, "vit_small_patch14_reg4_dinov2")((images(70) - 0.5) / 0.25)
    torch.testing.assert_close(encoder(images(70)), expected, atol=1e-4, rtol=1e-5)
    assert encoder.prefix_tokens == 5


@torch.no_grad()
def test_dinov2_without_registers_stretches_its_positions_as_its_authors_do():
    """Step by step: Oquab et al.'s `prepare_tokens` and `interpolate_pos_encoding`, then the blocks."""
    encoder = scattered(create_encoder("vit_small_patch14_dinov2", seed=0))
    body, patches = encoder.body, (images(70) - 0.5) / 0.25
    patches = F.conv2d(patches, body.patch_embed.proj.weight, body.patch_embed.proj.bias, stride=14)
    tokens = torch.cat([body.cls_token.expand(2, -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
    grid = body.pos_embed[:, 1:].reshape(1, 37, 37, 384).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, scale_factor=(5.1 / 37, 5.1 / 37), mode="bicubic")
    positions = torch.cat([body.pos_embed[:, :1], grid.permute(0, 2, 3, 1).reshape(1, 25, 384)], dim=1)
    expected = body.norm(body.blocks(tokens + positions))
    torch.testing.assert_close(encoder.tokens(images(70)), expected, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(encoder(images(70)), expected[:, 0], atol=1e-4, rtol=1e-5)
    antialiased = timms(encoder, "vit_small_patch14_dinov2")((images(70) - 0.5) / 0.25)
    assert (antialiased - expected[:, 0]).abs().max() > 0.01


@torch.no_grad()
def test_dinov3_turns_by_place_as_timm_does_and_gives_its_class_token():
    encoder = scattered(create_encoder("vit_small_patch16_dinov3", seed=0))
    expected = timms(encoder, "vit_small_patch16_dinov3", global_pool="token")((images(96) - 0.5) / 0.25)
    torch.testing.assert_close(encoder(images(96)), expected, atol=1e-4, rtol=1e-5)


@torch.no_grad()
def test_eva_x_is_its_authors_architecture():
    encoder = scattered(create_encoder("eva_x_tiny_patch16", seed=0))
    theirs = Eva(  # `eva_x_tiny_patch16` of Yao et al.'s repository, with one channel
        img_size=224,
        patch_size=16,
        in_chans=1,
        num_classes=0,
        embed_dim=192,
        depth=12,
        num_heads=3,
        mlp_ratio=4 * 2 / 3,
        swiglu_mlp=True,
        use_rot_pos_emb=True,
        ref_feat_shape=(14, 14),
    ).eval()
    theirs.load_state_dict(encoder.body.state_dict())
    expected = theirs((images(224) - 0.5) / 0.25)
    torch.testing.assert_close(encoder(images(224)), expected, atol=1e-5, rtol=1e-5)


def test_class_token_registers_and_positions_are_in_the_stem_and_the_norm_in_the_last_block(weightless):
    body = weightless("vit_small_patch14_reg4_dinov2").body
    parts = blocks(body)
    stem = {id(parameter) for parameter in parts["stem"].parameters()}
    assert {id(body.cls_token), id(body.reg_token), id(body.pos_embed), id(body.patch_embed.proj.weight)} < stem
    assert id(body.norm.weight) in {id(parameter) for parameter in parts["blocks.11"].parameters()}
    assert list(parts) == ["stem", *(f"blocks.{n}" for n in range(12))]
