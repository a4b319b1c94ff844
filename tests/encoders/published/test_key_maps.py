"""Every native layout, end to end: a file with the published keys and shapes, and random numbers, gives the encoder
whose features equal those of the network written out step by step from its public definition, on native keys."""

import math
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.published.importing import encoder_of, layout_of
from hilum.encoders.published.key_maps import LAYOUTS
from hilum.encoders.published.key_maps.layout import map_keys
from hilum.encoders.published.registry import published_weights
from hilum.encoders.zoo import FAMILIES
from hilum.errors import HilumError

WHERE = Path("checkpoint.pth")
ONE = {"mean": (0.4, 0.4, 0.4), "std": (0.3, 0.3, 0.3)}
"""Padded convolutions fold exactly only where the channels share a normalisation (see `hilum.encoders.stem`)."""


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


def slow_vit(x, t, heads, *, scale="", grid=None, registers=None, block="blocks.{}"):
    patches = F.conv2d(
        x, t("patch_embed.proj.weight"), t("patch_embed.proj.bias"), t("patch_embed.proj.weight").shape[2:]
    )
    rows, width = patches.shape[2], patches.shape[1]
    positions = t("pos_embed")
    if grid is not None:  # DINOv2's own interpolation, with or without the tenth
        old = math.isqrt(positions.shape[1] - 1)
        table = positions[:, 1:].reshape(1, old, old, width).permute(0, 3, 1, 2)
        how = {"size": (rows, rows)} if registers is not None else {"scale_factor": ((rows + 0.1) / old,) * 2}
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
    side, width = patches.shape[2], patches.shape[1] // heads
    periods = 100.0 ** (2 * torch.arange(width // 4, dtype=torch.float64) / (width // 2))
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


def slow_eva_x(x, t, heads, base):
    patches = F.conv2d(x, t("patch_embed.proj.weight"), t("patch_embed.proj.bias"), 16)
    half = patches.shape[1] // heads // 2
    frequencies = 10000.0 ** -(torch.arange(0, half, 2, dtype=torch.float64) / half)
    line = (torch.arange(14, dtype=torch.float64)[:, None] * frequencies).repeat_interleave(2, 1)
    angles = torch.cat([line[:, None].expand(14, 14, half), line[None].expand(14, 14, half)], -1).flatten(0, 1)

    def turn(x):
        x = x.unflatten(-1, (heads, -1)).transpose(1, 2)
        rest = x[:, :, 1:]
        pairs = torch.stack([-rest[..., 1::2], rest[..., ::2]], -1).flatten(-2)
        return torch.cat([x[:, :, :1], rest * angles.cos() + pairs * angles.sin()], 2).transpose(1, 2).flatten(2)

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


CASES = {
    # file: row of the registry, encoder instead of the row's, prefix of the native keys, side in px, slow network
    "torchvision": ("imagenet1k_resnet18", None, "", 32, lambda x, t: slow_resnet(x, t, (2, 2, 2, 2), 2)),
    "torchvision_densenet": ("imagenet1k_densenet121", None, "", 32, lambda x, t: slow_densenet(x, t, ".")),
    "chexnet": ("chexnet", None, "state_dict.module.densenet121.", 32, lambda x, t: slow_densenet(x, t, ".")),
    "torchxrayvision": ("torchxrayvision_nih", None, "", 32, lambda x, t: slow_densenet(x, t, "")),
    "simclr": ("simclr_resnet50", None, "state_dict.", 32, lambda x, t: slow_resnet(x, t, (3, 4, 6, 3), 3)),
    "moco": (
        "mocov2_resnet50",
        None,
        "state_dict.module.encoder_q.",
        32,
        lambda x, t: slow_resnet(x, t, (3, 4, 6, 3), 3),
    ),
    "swav": ("swav_resnet50", None, "module.", 32, lambda x, t: slow_resnet(x, t, (3, 4, 6, 3), 3)),
    "dino_resnet": ("dino_resnet50", None, "", 32, lambda x, t: slow_resnet(x, t, (3, 4, 6, 3), 3)),
    "dino_resnet_checkpoint": (
        "dino_resnet50",
        None,
        "teacher.backbone.",
        32,
        lambda x, t: slow_resnet(x, t, (3, 4, 6, 3), 3),
    ),
    "dino_vit": ("dino_vits16", "vit_tiny_patch16_224", "", 224, lambda x, t: slow_vit(x, t, 3)),
    "dino_vit_checkpoint": (
        "dino_vits16",
        "vit_tiny_patch16_224",
        "teacher.backbone.",
        224,
        lambda x, t: slow_vit(x, t, 3),
    ),
    "mae": ("medical_mae_vits16", "vit_tiny_patch16_224", "model.", 224, lambda x, t: slow_vit(x, t, 3)),
    "dinov2": ("dinov2_vits14", None, "", 56, lambda x, t: slow_vit(x, t, 6, scale="gamma", grid=37)),
    "dinov2 with registers": (
        "dinov2_vits14_reg",
        None,
        "",
        56,
        lambda x, t: slow_vit(x, t, 6, scale="gamma", grid=37, registers=t("register_tokens")),
    ),
    "dinov2 in chunks": (
        "dinov2_vits14",
        None,
        "teacher.backbone.",
        56,
        lambda x, t: slow_vit(x, t, 6, scale="gamma", grid=37, block="blocks.0.{}"),
    ),
    "hf_dinov2": (
        "dinov2_vits14",
        None,
        "",
        56,
        lambda x, t: slow_vit(x, hf(t), 6, scale="lambda1", grid=37, block="encoder.layer.{}"),
    ),
    "dinov3": ("dinov3_vits16_qkvb", None, "", 32, lambda x, t: slow_dinov3(x, t, 6)),
    "dinov3_convnext": ("dinov3_convnext_tiny", None, "", 32, lambda x, t: slow_convnext(x, t, (3, 3, 9, 3), v2=False)),
    "convnextv2": (
        "fcmae_imagenet1k_convnextv2_atto",
        None,
        "model.",
        32,
        lambda x, t: slow_convnext(x, t, (2, 2, 6, 2), v2=True),
    ),
    "convnextv2 without norm": (
        "fcmae_convnextv2_atto",
        None,
        "model.",
        32,
        lambda x, t: slow_convnext(x, t, (2, 2, 6, 2), v2=True, final_norm=False),
    ),
    "convnextv2_sparse": (
        "fcmae_convnextv2_atto",
        None,
        "model.encoder.",
        32,
        lambda x, t: slow_convnext(x, dense_names(t), (2, 2, 6, 2), v2=True, final_norm=False),
    ),
    "augreg": ("imagenet21k_vitb16", "vit_tiny_patch16_224", "", 224, lambda x, t: slow_vit(x, flax(t), 3)),
    "eva_x": ("eva_x_tiny", None, "module.", 224, lambda x, t: slow_eva_x(x, t, 3, base=False)),
    "eva_x base": ("eva_x_base", None, "module.", 224, lambda x, t: slow_eva_x(x, t, 12, base=True)),
}


def row_of(case):
    name, encoder, _, _, _ = CASES[case]
    row = published_weights()[name]
    row = row.model_copy(update={"encoder": encoder}) if encoder else row
    padded = row.encoder.startswith(("resnet", "densenet")) and len(row.mean) == 3
    return row.model_copy(update=ONE) if padded else row


def published_file(case, published_shapes, fill):
    tensors = fill(published_shapes[case](), 0)
    for key in tensors:
        if key.endswith("bias_mask"):
            tensors[key] = torch.ones(3, len(tensors[key]) // 3).index_fill(0, torch.tensor(1), 0).flatten()
        if key.endswith("queue_ptr"):
            tensors[key] = torch.zeros(1, dtype=torch.int64)
    return tensors


def load(row, tensors):
    return encoder_of(row, tensors, WHERE, layout_of(row, tensors, WHERE))


def test_every_layout_has_a_file_here():
    assert {layout_name(case) for case in CASES} == set(LAYOUTS) - {"timm"}


def layout_name(case):
    return case.split(" ")[0]


BIG = {"eva_x base": pytest.mark.slow}


@pytest.mark.parametrize("case", [pytest.param(case, marks=BIG.get(case, ())) for case in CASES])
def test_a_published_file_gives_the_published_features(case, published_shapes, fill):
    row, (_, _, prefix, side, slow) = row_of(case), CASES[case]
    tensors = published_file(case, published_shapes, fill)
    encoder, report = load(row, tensors)
    assert report.layout == layout_name(case)
    assert report.used + sum(report.dropped.values()) == len(tensors)

    gray = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    channels = len(row.mean)
    mean, std = (torch.tensor(of, dtype=torch.float64)[:, None, None] for of in (row.mean, row.std))
    with torch.no_grad():
        expected = slow((gray.expand(-1, channels, -1, -1) - mean) / std, lambda key: tensors[prefix + key].double())
        found = encoder(gray.float()).double()
    assert expected.std() > 1e-3
    assert (found - expected).abs().max() / expected.abs().max() < 1e-5


@pytest.mark.parametrize("case", CASES)
def test_one_key_missing_renamed_or_extra_is_refused_and_named(case, published_shapes):
    row, prefix = row_of(case), CASES[case][2]
    with torch.device("meta"):
        body = FAMILIES[ARCHITECTURES[row.encoder].family].build(row.encoder)
    wanted = {key: tensor.shape for key, tensor in body.state_dict().items()}
    tensors = {key: torch.zeros(()).expand(shape) for key, shape in published_shapes[case]().items()}
    layout = LAYOUTS[layout_name(case)]
    map_keys(layout, tensors, wanted, WHERE)
    inside = re.compile(re.escape(prefix) + r".*(blocks|stages|layer|encoderblock).*(weight|kernel)")
    victim = next(key for key in reversed(tensors) if inside.fullmatch(key) and "decoder" not in key)

    def refused(**change):
        broken = {key: tensor for key, tensor in tensors.items() if key != victim} | change
        with pytest.raises(HilumError) as caught:
            map_keys(layout, broken, wanted, WHERE)
        return str(caught.value)

    assert re.search(r"missing: |2 are here", refused())
    assert f"unknown: {victim}_x" in refused(**{f"{victim}_x": tensors[victim]})
    assert f"unknown: {prefix}stray.weight" in refused(
        **{victim: tensors[victim], f"{prefix}stray.weight": torch.ones(3)}
    )


@pytest.mark.parametrize("case", ["torchvision", "convnextv2", "convnextv2_sparse", "augreg", "dino_vit", "eva_x"])
def test_a_tensor_of_another_shape_is_refused_and_named(case, published_shapes, fill):
    tensors = published_file(case, published_shapes, fill)
    inner = re.compile(r"(?!.*decoder).*(conv2|dwconv|fc1|Dense_0|w3)[./](weight|kernel)")
    victim = next(key for key in reversed(tensors) if inner.fullmatch(key))
    with pytest.raises(HilumError, match=re.escape(victim)):
        load(row_of(case), tensors | {victim: torch.zeros(5, 7, 3)})


def test_two_names_of_one_weight_are_refused(published_shapes, fill):
    tensors = published_file("convnextv2", published_shapes, fill)
    key = "model.stages.0.0.dwconv.bias"
    with pytest.raises(HilumError, match=r"twice: model\.stages\.0\.0\.dwconv\.bias and stages\.0\.0\.dwconv\.bias"):
        load(row_of("convnextv2"), tensors | {key.removeprefix("model."): tensors[key]})


def test_a_bias_that_the_encoder_cannot_hold_is_refused(published_shapes, fill):
    tensors = published_file("dinov3", published_shapes, fill)
    with pytest.raises(HilumError, match=r"blocks\.0\.attn\.qkv\.bias is not all zeros behind its mask"):
        load(published_weights()["dinov3_vits16"], tensors)
    for key in tensors:
        if key.endswith("qkv.bias"):
            tensors[key] = torch.zeros_like(tensors[key])
    encoder, _ = load(published_weights()["dinov3_vits16"], tensors)
    assert encoder.name == "vit_small_patch16_dinov3"


def test_timms_own_names_load_as_they_are():
    import timm

    row = published_weights()["fcmae_imagenet1k_convnextv2_atto"]
    tensors = timm.create_model("convnextv2_atto").state_dict()
    encoder, report = load(row, tensors)
    assert report.layout == "timm"
    assert report.dropped == {"the classifier of the original task": 2}
    assert torch.equal(
        encoder.body.state_dict()["stages.0.blocks.0.conv_dw.weight"], tensors["stages.0.blocks.0.conv_dw.weight"]
    )


def test_position_embeddings_of_another_grid_are_resized_and_it_is_said(published_shapes, fill):
    tensors = published_file("dino_vit", published_shapes, fill)
    tensors["pos_embed"] = torch.randn(1, 1 + 24 * 24, 192, generator=torch.Generator().manual_seed(0))
    encoder, report = load(row_of("dino_vit"), tensors)
    table = tensors["pos_embed"][:, 1:].reshape(1, 24, 24, 192).permute(0, 3, 1, 2)
    expected = F.interpolate(table, size=(14, 14), mode="bicubic", antialias=True).flatten(2).mT
    assert torch.allclose(encoder.body.pos_embed[:, 1:], expected, atol=1e-5)
    assert "position embeddings were resized from 24×24 to 14×14 patches (bicubic, antialiased)" in report.notes


def test_weights_of_another_architecture_are_refused(published_shapes, fill):
    tensors = published_file("torchvision", published_shapes, fill)
    with pytest.raises(HilumError, match="expected weights of chexnet: arnoweng's CheXNet"):
        load(published_weights()["chexnet"], tensors)
    with pytest.raises(HilumError, match=r"(?s)missing: cls_token.*and \d+ more"):
        load(published_weights()["dinov2_vits14"], tensors)
    with pytest.raises(HilumError, match=r"missing: layer1\.0\.conv3\.weight"):
        load(published_weights()["imagenet1k_resnet50"], tensors)


def test_what_is_left_out_has_a_reason(published_shapes, fill):
    tensors = published_file("moco", published_shapes, fill)
    _, report = load(row_of("moco"), tensors)
    assert set(report.dropped) == {
        "MoCo's projection head",
        "the momentum copy of the encoder",
        "MoCo's queue of negatives",
        "state of the optimiser",
    }
