"""Vision transformers: Dosovitskiy et al. (ICLR 2021), DINOv2 with and without registers, DINOv3, and EVA-02 as EVA-X.

Blocks are the transformer blocks, as in Tables 3 and 5 of Elwirehardja et al. (2025). The last norm belongs to the
last block. The stem is everything before the first block: patch embedding, class token, registers and position
embeddings.

Position embeddings keep the grid that the architecture was published with (37x37 for DINOv2, 14x14 for the others) and
are interpolated in every forward pass, by the rule of the family's reference implementation unless the weights have
their own (see `hilum.encoders.positions`). Rotary embeddings (DINOv3, EVA-X) are computed for the current grid.
"""

from functools import partial
from typing import Any

import timm
from torch import Tensor, cat, nn

from hilum.encoders.family import Family, Step, run_modules
from hilum.encoders.positions import ANTIALIASED, OFFSET_BY_A_TENTH, Interpolation, resize_positions
from hilum.encoders.stem import Stem


def build(name: str) -> nn.Module:
    """Create timm's model with its initialisation."""
    return timm.create_model(name, in_chans=1, num_classes=0, global_pool="token", dynamic_img_size=True)


def build_eva_x(name: str) -> nn.Module:
    """Create timm's EVA-02 with patches of 16 px and a norm after mean pooling: Yao et al., "EVA-X", 2024."""
    return timm.create_model(
        {
            "eva_x_tiny_patch16": "eva02_tiny_patch14_224",
            "eva_x_small_patch16": "eva02_small_patch14_224",
            "eva_x_base_patch16": "eva02_base_patch14_224",
        }[name],
        in_chans=1,
        num_classes=0,
        global_pool="avg",
        patch_size=16,
        ref_feat_shape=(14, 14),
        dynamic_img_size=True,
    )


def steps(body: Any, size: tuple[int, int], rule: Interpolation = ANTIALIASED) -> list[Step]:  # noqa: ARG001
    """Return stem and blocks with learned positions; last tokens (B, prefix + rows · columns, width), normed."""
    return _closed_by_norm(body, [partial(_embed, body, rule), *(run_modules(block) for block in body.blocks)])


def rotary_steps(body: Any, size: tuple[int, int], rule: Interpolation = ANTIALIASED) -> list[Step]:
    """Return stem and blocks with rotary position embeddings.

    The last tokens, (B, prefix + rows · columns, width), are normed for DINOv3; for EVA-X the norm follows the pooling.
    """
    grid = [pixels // patch for pixels, patch in zip(size, body.patch_embed.patch_size, strict=True)]
    places = body.rope.get_embed(shape=grid)

    def turned(block: nn.Module) -> Step:
        return lambda tokens: block(tokens, rope=places)

    return _closed_by_norm(body, [partial(_embed, body, rule), *(turned(block) for block in body.blocks)])


def _embed(body: Any, rule: Interpolation, images: Tensor) -> Tensor:
    tokens: Tensor = body.norm_pre(_with_prefix_and_positions(body, body.patch_embed(images), rule))
    return tokens


def _closed_by_norm(body: Any, taken: list[Step]) -> list[Step]:
    last = taken.pop()
    return [*taken, lambda tokens: body.norm(last(tokens))]


def _with_prefix_and_positions(body: Any, patches: Tensor, rule: Interpolation) -> Tensor:
    """Concatenate class token, registers and patches (B, rows, columns, width), with position embeddings."""
    tokens = patches.flatten(1, 2)
    prefix = [token.expand(patches.shape[0], -1, -1) for token in (body.cls_token, body.reg_token) if token is not None]
    if body.pos_embed is None:
        return cat([*prefix, tokens], dim=1)
    positions = resize_positions(
        body.pos_embed,
        from_grid=tuple(body.patch_embed.grid_size),
        to_grid=(patches.shape[1], patches.shape[2]),
        prefix_tokens=0 if body.no_embed_class else body.num_prefix_tokens,
        rule=rule,
    )
    if body.no_embed_class:  # with registers: the class token includes its position
        return cat([*prefix, tokens + positions], dim=1)
    return cat([*prefix, tokens], dim=1) + positions


def blocks(body: nn.Module) -> dict[str, nn.Module]:
    """Return stem and transformer blocks."""
    own = [getattr(body, name, None) for name in ("cls_token", "reg_token", "pos_embed")]
    stem = nn.ModuleList(
        [
            body.get_submodule("patch_embed"),
            body.get_submodule("norm_pre"),
            nn.ParameterList([parameter for parameter in own if parameter is not None]),
        ]
    )
    parts = {f"blocks.{n}": block for n, block in enumerate(body.get_submodule("blocks").children())}
    last, block = parts.popitem()
    closing = nn.ModuleList([block, body.get_submodule("norm"), body.get_submodule("fc_norm")])
    return {"stem": stem} | parts | {last: closing}


STEM = Stem("patch_embed.proj")
VIT = Family(build, steps, blocks, STEM, pooling="cls", positions=ANTIALIASED)
DINOV2 = Family(build, steps, blocks, STEM, pooling="cls", positions=OFFSET_BY_A_TENTH)
DINOV3 = Family(build, rotary_steps, blocks, STEM, pooling="cls")
EVA_X = Family(build_eva_x, rotary_steps, blocks, STEM, pooling="mean", norm_behind="fc_norm", positions=ANTIALIASED)
