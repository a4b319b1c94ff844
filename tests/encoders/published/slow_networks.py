"""Published networks written out step by step from their definitions, on their native keys.

Not a test: `test_key_maps.py` compares the features of encoders that were given such keys with these. `x` is (N, C, H, W),
`t` gives the tensor of a native key.
"""

import math
import re

import torch
import torch.nn.functional as F


def layer_norm(x, t, name, eps=1e-6):
    return F.layer_norm(x, x.shape[-1:], t(f"{name}.weight"), t(f"{name}.bias"), eps)


def dense(x, t, name):
    return x @ t(f"{name}.weight").mT + t(f"{name}.bias")


def batch_norm(x, t, name):
    mean, var, weight, bias = (
        t(f"{name}.{part}")[:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def attend(q, k, v, heads):
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2)


def slow_resnet(x, t, layers, convs):
    x = F.relu(batch_norm(F.conv2d(x, t("conv1.weight"), stride=2, padding=3), t, "bn1"))
    x = F.max_pool2d(x, 3, 2, 1)
    for stage, blocks in enumerate(layers, 1):
        for block in range(blocks):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = x
            for n in range(1, convs + 1):
                weight = t(f"{name}.conv{n}.weight")
                strided = n == (2 if convs == 3 else 1)
                y = F.conv2d(y, weight, stride=stride if strided else 1, padding=weight.shape[-1] // 2)
                y = batch_norm(y, t, f"{name}.bn{n}")
                y = F.relu(y) if n < convs else y
            if block == 0 and (stage > 1 or convs == 3):
                x = batch_norm(F.conv2d(x, t(f"{name}.downsample.0.weight"), stride=stride), t, f"{name}.downsample.1")
            x = F.relu(x + y)
    return x.mean((2, 3))


def slow_densenet(x, t, dot):
    x = F.relu(batch_norm(F.conv2d(x, t("features.conv0.weight"), stride=2, padding=3), t, "features.norm0"))
    x = F.max_pool2d(x, 3, 2, 1)
    for block, layers in enumerate((6, 12, 24, 16), 1):
        for layer in range(1, layers + 1):
            name = f"features.denseblock{block}.denselayer{layer}"
            y = F.conv2d(F.relu(batch_norm(x, t, f"{name}.norm{dot}1")), t(f"{name}.conv{dot}1.weight"))
            y = F.conv2d(F.relu(batch_norm(y, t, f"{name}.norm{dot}2")), t(f"{name}.conv{dot}2.weight"), padding=1)
            x = torch.cat([x, y], 1)
        if block < 4:
            name = f"features.transition{block}"
            x = F.avg_pool2d(F.conv2d(F.relu(batch_norm(x, t, f"{name}.norm")), t(f"{name}.conv.weight")), 2)
    return F.relu(batch_norm(x, t, "features.norm5")).mean((2, 3))


def slow_vit(x, t, heads, *, scale="", grid=None, registers=None, exact=False, block="blocks.{}"):
    patches = F.conv2d(
        x, t("patch_embed.proj.weight"), t("patch_embed.proj.bias"), t("patch_embed.proj.weight").shape[2:]
    )
    rows, width = patches.shape[2], patches.shape[1]
    positions = t("pos_embed")
    if grid is not None:  # DINOv2's own interpolation, with or without the tenth; transformers' is to the exact size
        old = math.isqrt(positions.shape[1] - 1)
        table = positions[:, 1:].reshape(1, old, old, width).permute(0, 3, 1, 2)
        how = {"size": (rows, rows)} if registers is not None or exact else {"scale_factor": ((rows + 0.1) / old,) * 2}
        table = F.interpolate(table, mode="bicubic", antialias=registers is not None, **how)
        positions = torch.cat([positions[:, :1], table.flatten(2).mT], 1)
    x = torch.cat([t("cls_token").expand(len(x), -1, -1), patches.flatten(2).mT], 1) + positions
    if registers is not None:
        x = torch.cat([x[:, :1], registers.expand(len(x), -1, -1), x[:, 1:]], 1)
    for n in range(12):
        name = block.format(n)
        y = dense(layer_norm(x, t, f"{name}.norm1"), t, f"{name}.attn.qkv")
        y = dense(attend(*y.chunk(3, -1), heads), t, f"{name}.attn.proj")
        x = x + (t(f"{name}.ls1.{scale}") * y if scale else y)
        y = dense(F.gelu(dense(layer_norm(x, t, f"{name}.norm2"), t, f"{name}.mlp.fc1")), t, f"{name}.mlp.fc2")
        x = x + (t(f"{name}.ls2.{scale}") * y if scale else y)
    return layer_norm(x, t, "norm")[:, 0]


def slow_dinov3(x, t, heads):
    patches = F.conv2d(x, t("patch_embed.proj.weight"), t("patch_embed.proj.bias"), 16)
    side = patches.shape[2]
    periods = t("rope_embed.periods")
    at = 2 * (torch.arange(side, dtype=torch.float64) + 0.5) / side - 1
    places = torch.stack(torch.meshgrid(at, at, indexing="ij"), -1).flatten(0, 1)
    angles = (2 * math.pi * places[:, :, None] / periods).flatten(1).tile(2)

    def turn(x):
        x = x.unflatten(-1, (heads, -1)).transpose(1, 2)
        first, rest = x[:, :, :5], x[:, :, 5:]
        a, b = rest.chunk(2, -1)
        turned = rest * angles.cos() + torch.cat([-b, a], -1) * angles.sin()
        return torch.cat([first, turned], 2).transpose(1, 2).flatten(2)

    tokens = [t("cls_token").expand(len(x), -1, -1), t("storage_tokens").expand(len(x), -1, -1)]
    x = torch.cat([*tokens, patches.flatten(2).mT], 1)
    for n in range(12):
        name = f"blocks.{n}"
        y = layer_norm(x, t, f"{name}.norm1", 1e-5) @ t(f"{name}.attn.qkv.weight").mT
        y = y + t(f"{name}.attn.qkv.bias") * t(f"{name}.attn.qkv.bias_mask")
        q, k, v = y.chunk(3, -1)
        y = dense(attend(turn(q), turn(k), v, heads), t, f"{name}.attn.proj")
        x = x + t(f"{name}.ls1.gamma") * y
        y = F.gelu(dense(layer_norm(x, t, f"{name}.norm2", 1e-5), t, f"{name}.mlp.fc1"))
        x = x + t(f"{name}.ls2.gamma") * dense(y, t, f"{name}.mlp.fc2")
    return layer_norm(x, t, "norm", 1e-5)[:, 0]


def eva_angles(side, half):
    """VisionRotaryEmbeddingFast of EVA-02: sines and cosines (side · side, 2 · half), rows first."""
    frequencies = 10000.0 ** -(torch.arange(0, half, 2, dtype=torch.float64) / half)
    line = (torch.arange(side, dtype=torch.float64)[:, None] * frequencies).repeat_interleave(2, 1)
    angles = torch.cat([line[:, None].expand(side, side, half), line[None].expand(side, side, half)], -1).flatten(0, 1)
    return {"sin": angles.sin(), "cos": angles.cos()}


def slow_eva_x(x, t, heads, base):
    patches = F.conv2d(x, t("patch_embed.proj.weight"), t("patch_embed.proj.bias"), 16)
    turns = eva_angles(14, patches.shape[1] // heads // 2)

    def turn(x):
        x = x.unflatten(-1, (heads, -1)).transpose(1, 2)
        rest = x[:, :, 1:]
        pairs = torch.stack([-rest[..., 1::2], rest[..., ::2]], -1).flatten(-2)
        return torch.cat([x[:, :, :1], rest * turns["cos"] + pairs * turns["sin"]], 2).transpose(1, 2).flatten(2)

    x = torch.cat([t("cls_token").expand(len(x), -1, -1), patches.flatten(2).mT], 1) + t("pos_embed")
    for n in range(12):
        name = f"blocks.{n}"
        y = layer_norm(x, t, f"{name}.norm1")
        if base:
            q, k, v = (y @ t(f"{name}.attn.{part}_proj.weight").mT for part in "qkv")
        else:
            q, k, v = (y @ t(f"{name}.attn.qkv.weight").mT).chunk(3, -1)
        q, v = q + t(f"{name}.attn.q_bias"), v + t(f"{name}.attn.v_bias")
        x = x + dense(attend(turn(q), turn(k), v, heads), t, f"{name}.attn.proj")
        y = layer_norm(x, t, f"{name}.norm2")
        if base:
            y = F.silu(dense(y, t, f"{name}.mlp.w1")) * dense(y, t, f"{name}.mlp.w2")
            y = layer_norm(y, t, f"{name}.mlp.ffn_ln")
        else:
            gate, value = dense(y, t, f"{name}.mlp.w12").chunk(2, -1)
            y = F.silu(gate) * value
        x = x + dense(y, t, f"{name}.mlp.w3")
    return layer_norm(x[:, 1:].mean(1), t, "norm")


def slow_convnext(x, t, depths, *, v2, final_norm=True):
    for stage, depth in enumerate(depths):
        name = f"downsample_layers.{stage}"
        conv, norm = ("0", "1") if stage == 0 else ("1", "0")
        x = x if stage == 0 else layer_norm(x.movedim(1, -1), t, f"{name}.{norm}").movedim(-1, 1)
        weight = t(f"{name}.{conv}.weight")
        x = F.conv2d(x, weight, t(f"{name}.{conv}.bias"), weight.shape[2:])
        x = layer_norm(x.movedim(1, -1), t, f"{name}.{norm}").movedim(-1, 1) if stage == 0 else x
        for block in range(depth):
            name = f"stages.{stage}.{block}"
            y = F.conv2d(x, t(f"{name}.dwconv.weight"), t(f"{name}.dwconv.bias"), padding=3, groups=x.shape[1])
            y = F.gelu(dense(layer_norm(y.movedim(1, -1), t, f"{name}.norm"), t, f"{name}.pwconv1"))
            if v2:
                response = y.square().sum((1, 2), keepdim=True).sqrt()
                normed = y * (response / (response.mean(-1, keepdim=True) + 1e-6))
                y = t(f"{name}.grn.gamma") * normed + t(f"{name}.grn.beta") + y
            y = dense(y, t, f"{name}.pwconv2")
            x = x + (y if v2 else t(f"{name}.gamma") * y).movedim(-1, 1)
    x = x.mean((2, 3))
    return layer_norm(x, t, "norm") if final_norm else F.layer_norm(x, x.shape[-1:], eps=1e-6)


def fused(t, query, key, value, rest):
    """A reader of native tensors that joins three projections, for `slow_vit`."""

    def read(name):
        if ".attn.qkv." in name:
            block, kind = name.split(".attn.qkv.")
            return torch.cat([t(f"{block}{part}{kind}") for part in (query, key, value)])
        return t(rest(name))

    return read


def children(t):
    """A ResNet's children by their places in a Sequential."""

    def read(name):
        first, rest = name.split(".", 1)
        return t(f"{ {'conv1': 0, 'bn1': 1}.get(first) if first in ('conv1', 'bn1') else 3 + int(first[-1]) }.{rest}")

    return read


def hf(t):
    def native(name):
        for ours, theirs in {
            "patch_embed.proj": "embeddings.patch_embeddings.projection",
            "cls_token": "embeddings.cls_token",
            "pos_embed": "embeddings.position_embeddings",
            "attn.proj": "attention.output.dense",
            "ls1": "layer_scale1",
            "ls2": "layer_scale2",
        }.items():
            name = name.replace(ours, theirs)
        return f"layernorm{name[4:]}" if name.startswith("norm.") else name

    parts = (f".attention.attention.{part}." for part in ("query", "key", "value"))
    return fused(t, *parts, native)


def renamed(t, *pairs):
    """A reader of tensors that transformers names otherwise; each pair is a pattern and what it becomes."""

    def read(name):
        for pattern, instead in pairs:
            name, changed = re.subn(pattern, instead, name)
            if changed:
                break
        return t(name)

    return read


def hf_vit(t):
    """ViTModel of transformers, by names of `slow_vit` with blocks called encoder.layer."""

    def native(name):
        for ours, theirs in {
            "patch_embed.proj": "embeddings.patch_embeddings.projection",
            "cls_token": "embeddings.cls_token",
            "pos_embed": "embeddings.position_embeddings",
            "attn.proj": "attention.output.dense",
            "mlp.fc1": "intermediate.dense",
            "mlp.fc2": "output.dense",
            ".norm1": ".layernorm_before",
            ".norm2": ".layernorm_after",
        }.items():
            name = name.replace(ours, theirs)
        return f"layernorm{name[4:]}" if name.startswith("norm.") else name

    return fused(t, *(f".attention.attention.{part}." for part in ("query", "key", "value")), native)


def hf_dinov3(t):
    """DINOv3ViTModel of transformers, by names of `slow_dinov3`: keys have no bias, and periods are in no file."""
    read_one = renamed(
        t,
        (r"^(cls_token)$", r"embeddings.\1"),
        (r"^storage_tokens$", "embeddings.register_tokens"),
        (r"^patch_embed\.proj", "embeddings.patch_embeddings"),
        (r"^blocks\.(\d+)\.attn\.proj", r"layer.\1.attention.o_proj"),
        (r"^blocks\.(\d+)\.ls([12])\.gamma", r"layer.\1.layer_scale\2.lambda1"),
        (r"^blocks\.(\d+)\.mlp\.fc1", r"layer.\1.mlp.up_proj"),
        (r"^blocks\.(\d+)\.mlp\.fc2", r"layer.\1.mlp.down_proj"),
        (r"^blocks", "layer"),
    )

    def read(name):
        if name == "rope_embed.periods":
            return 100 ** (torch.arange(16, dtype=torch.float64) / 16)
        if ".attn.qkv." not in name:
            return read_one(name)
        block, kind = re.fullmatch(r"blocks\.(\d+)\.attn\.qkv\.(\w+)", name).groups()
        query, key, value = (f"layer.{block}.attention.{part}_proj" for part in "qkv")
        if kind == "weight":
            return torch.cat([t(f"{part}.weight") for part in (query, key, value)])
        bias = torch.cat([t(f"{query}.bias"), torch.zeros_like(t(f"{query}.bias")), t(f"{value}.bias")])
        return torch.ones_like(bias) if kind == "bias_mask" else bias

    return read


def hf_convnext(t):
    """ConvNextModel and ConvNextV2Model of transformers, by names of `slow_convnext`."""
    return renamed(
        t,
        (r"^downsample_layers\.0\.0", "embeddings.patch_embeddings"),
        (r"^downsample_layers\.0\.1", "embeddings.layernorm"),
        (r"^downsample_layers\.(\d)\.", r"encoder.stages.\1.downsampling_layer."),
        (r"^stages\.(\d)\.(\d+)\.norm", r"encoder.stages.\1.layers.\2.layernorm"),
        (r"^stages\.(\d)\.(\d+)\.grn\.gamma", r"encoder.stages.\1.layers.\2.grn.weight"),
        (r"^stages\.(\d)\.(\d+)\.grn\.beta", r"encoder.stages.\1.layers.\2.grn.bias"),
        (r"^stages\.(\d)\.(\d+)\.gamma", r"encoder.stages.\1.layers.\2.layer_scale_parameter"),
        (r"^stages\.(\d)\.(\d+)\.", r"encoder.stages.\1.layers.\2."),
        (r"^norm", "layernorm"),
    )


def hf_dinov3_convnext(t):
    """DINOv3ConvNextModel of transformers, by names of `slow_convnext`."""
    return renamed(
        t,
        (r"^downsample_layers\.(\d)\.", r"stages.\1.downsample_layers."),
        (r"^stages\.(\d)\.(\d+)\.dwconv", r"stages.\1.layers.\2.depthwise_conv"),
        (r"^stages\.(\d)\.(\d+)\.norm", r"stages.\1.layers.\2.layer_norm"),
        (r"^stages\.(\d)\.(\d+)\.pwconv", r"stages.\1.layers.\2.pointwise_conv"),
        (r"^stages\.(\d)\.(\d+)\.", r"stages.\1.layers.\2."),
        (r"^norm", "layer_norm"),
    )


def flax(t):
    """Flax's arrays as torch's, by names of `slow_vit`."""
    places = {"norm1": "LayerNorm_0", "norm2": "LayerNorm_2", "mlp.fc1": "MlpBlock_3/Dense_0"}
    places |= {"mlp.fc2": "MlpBlock_3/Dense_1", "attn.proj": "MultiHeadDotProductAttention_1/out"}

    def read(name):
        if name in ("cls_token", "pos_embed"):
            return t({"cls_token": "cls", "pos_embed": "Transformer/posembed_input/pos_embedding"}[name])
        place, kind = name.rsplit(".", 1)
        if place == "patch_embed.proj":
            return t("embedding/bias") if kind == "bias" else t("embedding/kernel").permute(3, 2, 0, 1)
        if place == "norm":
            return t(f"Transformer/encoder_norm/{'scale' if kind == 'weight' else 'bias'}")
        block, inner = place.removeprefix("blocks.").split(".", 1)
        base = f"Transformer/encoderblock_{block}/"
        if inner == "attn.qkv":
            leaf = "kernel" if kind == "weight" else "bias"
            parts = [t(f"{base}MultiHeadDotProductAttention_1/{part}/{leaf}") for part in ("query", "key", "value")]
            return torch.cat([p.flatten(1).T if kind == "weight" else p.flatten() for p in parts])
        if "norm" in inner:
            return t(f"{base}{places[inner]}/{'scale' if kind == 'weight' else 'bias'}")
        tensor = t(f"{base}{places[inner]}/{'kernel' if kind == 'weight' else 'bias'}")
        return tensor.flatten(0, -2).T if kind == "weight" else tensor

    return read


def dense_names(t):
    """Sparse tensors of MinkowskiEngine as dense ones, by names of `slow_convnext`: columns come before rows."""

    def read(name):
        place, kind = name.rsplit(".", 1)
        if "dwconv" in place or (place.endswith(".1") and not place.startswith("downsample_layers.0")):
            if kind == "bias":
                return t(f"{place}.bias").flatten()
            kernel = t(f"{place}.kernel")
            side = math.isqrt(len(kernel))
            rows = torch.stack(
                [torch.stack([kernel[column * side + row] for column in range(side)]) for row in range(side)]
            )
            return rows.movedim((0, 1), (-2, -1)).movedim(0, 1) if kernel.ndim == 3 else rows.permute(2, 0, 1)[:, None]
        if place.endswith(".norm") or (place.endswith(".0") and not place.startswith("downsample_layers.0")):
            return t(f"{place}.ln.{kind}")
        if "pwconv" in place:
            return t(f"{place}.linear.{kind}")
        return t(name)

    return read
