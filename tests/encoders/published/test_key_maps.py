"""Every native layout, end to end: a file with the published keys and shapes, and random numbers, gives the encoder
whose features equal those of the network written out step by step from its public definition, on native keys."""

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from hilum.encoders.positions import ANTIALIASED, EXACT_SIZE, OFFSET_BY_A_TENTH
from hilum.encoders.published import encoder_of, layout_of, published_weights
from hilum.encoders.published.fitting import shapes_of
from hilum.encoders.published.key_maps import LAYOUTS
from hilum.encoders.published.key_maps.layout import map_keys
from hilum.encoders.published.key_maps.native_names import native_names
from hilum.errors import HilumError

WHERE = Path("checkpoint.pth")
WRITTEN_OUT = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("slow_networks.py"))))
ONE = {"mean": (0.4, 0.4, 0.4), "std": (0.3, 0.3, 0.3)}
"""Padded convolutions fold exactly only where the channels share a normalisation (see `hilum.encoders.stem`)."""


CASES = {
    # file: row of the registry, encoder instead of the row's, prefix of the native keys, side in px, slow network
    # (bottlenecks are those of simclr; the other files of self-supervised ResNets differ in what stands around them)
    "torchvision": ("imagenet1k_resnet18", None, "", 32, lambda x, t: WRITTEN_OUT.slow_resnet(x, t, (2, 2, 2, 2), 2)),
    "torchvision_densenet": ("imagenet1k_densenet121", None, "", 32, lambda x, t: WRITTEN_OUT.slow_densenet(x, t, ".")),
    "chexnet": (
        "chexnet",
        None,
        "state_dict.module.densenet121.",
        32,
        lambda x, t: WRITTEN_OUT.slow_densenet(x, t, "."),
    ),
    "torchxrayvision": ("torchxrayvision_nih", None, "", 32, lambda x, t: WRITTEN_OUT.slow_densenet(x, t, "")),
    "simclr": ("simclr_resnet50", None, "state_dict.", 32, lambda x, t: WRITTEN_OUT.slow_resnet(x, t, (3, 4, 6, 3), 3)),
    "moco": (
        "mocov2_resnet50",
        "resnet18",
        "state_dict.module.encoder_q.",
        32,
        lambda x, t: WRITTEN_OUT.slow_resnet(x, t, (2, 2, 2, 2), 2),
    ),
    "swav_checkpoint": (
        "swav_resnet50",
        "resnet18",
        "state_dict.module.",
        32,
        lambda x, t: WRITTEN_OUT.slow_resnet(x, t, (2, 2, 2, 2), 2),
    ),
    "torchvision_children": (
        "imagenet1k_resnet18",
        None,
        "",
        32,
        lambda x, t: WRITTEN_OUT.slow_resnet(x, WRITTEN_OUT.children(t), (2, 2, 2, 2), 2),
    ),
    "swav": ("swav_resnet50", "resnet18", "module.", 32, lambda x, t: WRITTEN_OUT.slow_resnet(x, t, (2, 2, 2, 2), 2)),
    "dino_resnet": ("dino_resnet50", "resnet18", "", 32, lambda x, t: WRITTEN_OUT.slow_resnet(x, t, (2, 2, 2, 2), 2)),
    "dino_resnet_checkpoint": (
        "dino_resnet50",
        "resnet18",
        "teacher.backbone.",
        32,
        lambda x, t: WRITTEN_OUT.slow_resnet(x, t, (2, 2, 2, 2), 2),
    ),
    "dino_vit": ("dino_vits16", "vit_tiny_patch16_224", "", 224, lambda x, t: WRITTEN_OUT.slow_vit(x, t, 3)),
    "dino_vit_checkpoint": (
        "dino_vits16",
        "vit_tiny_patch16_224",
        "teacher.backbone.",
        224,
        lambda x, t: WRITTEN_OUT.slow_vit(x, t, 3),
    ),
    "mae": ("medical_mae_vits16", "vit_tiny_patch16_224", "model.", 224, lambda x, t: WRITTEN_OUT.slow_vit(x, t, 3)),
    "dinov2": ("dinov2_vits14", None, "", 56, lambda x, t: WRITTEN_OUT.slow_vit(x, t, 6, scale="gamma", grid=37)),
    "dinov2 with registers": (
        "dinov2_vits14_reg",
        None,
        "",
        56,
        lambda x, t: WRITTEN_OUT.slow_vit(x, t, 6, scale="gamma", grid=37, registers=t("register_tokens")),
    ),
    "dinov2_checkpoint": (
        "dinov2_vits14",
        None,
        "teacher.backbone.",
        56,
        lambda x, t: WRITTEN_OUT.slow_vit(x, t, 6, scale="gamma", grid=37, block="blocks.0.{}"),
    ),
    "hf_dinov2": (
        "dinov2_vits14",
        None,
        "",
        56,
        lambda x, t: WRITTEN_OUT.slow_vit(
            x, WRITTEN_OUT.hf(t), 6, scale="lambda1", grid=37, exact=True, block="encoder.layer.{}"
        ),
    ),
    "hf_vit": (
        "dino_vits16",
        "vit_tiny_patch16_224",
        "",
        224,
        lambda x, t: WRITTEN_OUT.slow_vit(x, WRITTEN_OUT.hf_vit(t), 3, block="encoder.layer.{}"),
    ),
    "hf_vit of MAE": (
        "mae_vitb16",
        "vit_tiny_patch16_224",
        "vit.",
        192,
        lambda x, t: WRITTEN_OUT.slow_vit(x, WRITTEN_OUT.hf_vit(t), 3, grid=14, exact=True, block="encoder.layer.{}"),
    ),
    "hf_dinov3": (
        "dinov3_vits16_qkvb",
        None,
        "",
        32,
        lambda x, t: WRITTEN_OUT.slow_dinov3(x, WRITTEN_OUT.hf_dinov3(t), 6),
    ),
    "hf_dinov3_convnext": (
        "dinov3_convnext_tiny",
        None,
        "",
        32,
        lambda x, t: WRITTEN_OUT.slow_convnext(x, WRITTEN_OUT.hf_dinov3_convnext(t), (3, 3, 9, 3), v2=False),
    ),
    "hf_convnext": (
        "fcmae_imagenet1k_convnextv2_atto",
        None,
        "convnextv2.",
        32,
        lambda x, t: WRITTEN_OUT.slow_convnext(x, WRITTEN_OUT.hf_convnext(t), (2, 2, 6, 2), v2=True),
    ),
    "hf_convnext of V1": (
        "fcmae_imagenet1k_convnextv2_atto",
        "convnext_tiny",
        "",
        32,
        lambda x, t: WRITTEN_OUT.slow_convnext(x, WRITTEN_OUT.hf_convnext(t), (3, 3, 9, 3), v2=False),
    ),
    "dinov3": ("dinov3_vits16_qkvb", None, "", 32, lambda x, t: WRITTEN_OUT.slow_dinov3(x, t, 6)),
    "dinov3_convnext": (
        "dinov3_convnext_tiny",
        None,
        "",
        32,
        lambda x, t: WRITTEN_OUT.slow_convnext(x, t, (3, 3, 9, 3), v2=False),
    ),
    "convnextv2": (
        "fcmae_imagenet1k_convnextv2_atto",
        None,
        "model.",
        32,
        lambda x, t: WRITTEN_OUT.slow_convnext(x, t, (2, 2, 6, 2), v2=True),
    ),
    "convnextv2 without norm": (
        "fcmae_convnextv2_atto",
        None,
        "model.",
        32,
        lambda x, t: WRITTEN_OUT.slow_convnext(x, t, (2, 2, 6, 2), v2=True, final_norm=False),
    ),
    "convnextv2_sparse": (
        "fcmae_convnextv2_atto",
        None,
        "model.encoder.",
        32,
        lambda x, t: WRITTEN_OUT.slow_convnext(x, WRITTEN_OUT.dense_names(t), (2, 2, 6, 2), v2=True, final_norm=False),
    ),
    "augreg": (
        "imagenet21k_vitb16",
        "vit_tiny_patch16_224",
        "",
        224,
        lambda x, t: WRITTEN_OUT.slow_vit(x, WRITTEN_OUT.flax(t), 3),
    ),
    "eva_x": ("eva_x_tiny", None, "module.", 224, lambda x, t: WRITTEN_OUT.slow_eva_x(x, t, 3, base=False)),
    "eva_x base": ("eva_x_base", None, "module.", 224, lambda x, t: WRITTEN_OUT.slow_eva_x(x, t, 12, base=True)),
}


def row_of(case):
    name, encoder, _, _, _ = CASES[case]
    row = published_weights()[name]
    row = row.model_copy(update={"encoder": encoder}) if encoder else row
    row = row.model_copy(update={"layouts": (layout_name(case),)}) if layout_name(case) in OWN else row
    padded = row.encoder.startswith(("resnet", "densenet")) and len(row.mean) == 3
    return row.model_copy(update=ONE) if padded else row


def published_file(case, published_shapes, fill):
    tensors = fill(published_shapes[case](), 0)
    for key in tensors:
        if key.endswith("bias_mask"):
            tensors[key] = torch.ones(3, len(tensors[key]) // 3).index_fill(0, torch.tensor(1), 0).flatten()
        if key.endswith("rope_embed.periods"):  # as the authors' bfloat16 training left them
            tensors[key] = (100 ** (torch.arange(16) / 16)).bfloat16().float()
        if "rope.freqs" in key:
            tensors[key] = WRITTEN_OUT.eva_angles(14, 32)[key[-3:]].float()
        if key.endswith("queue_ptr"):
            tensors[key] = torch.zeros(1, dtype=torch.int64)
    return tensors


def load(row, tensors):
    return encoder_of(row, tensors, WHERE, layout_of(row, tensors, WHERE))


def test_every_layout_has_a_file_here():
    assert {layout_name(case) for case in CASES} == set(LAYOUTS) - {"timm"}


OWN = ("dinov2_checkpoint", "swav_checkpoint", "torchvision_children")
"""What training code writes and nobody publishes."""


def test_layouts_that_nobody_publishes_are_of_no_row():
    assert not {layout for row in published_weights().values() for layout in row.layouts} & set(OWN)


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
    wanted = shapes_of(row.encoder)
    tensors = {key: torch.zeros(()).expand(shape) for key, shape in published_shapes[case]().items()}
    layout = LAYOUTS[layout_name(case)]
    map_keys(layout, tensors, wanted, WHERE, norm_absent=row.norm_absent)
    inside = re.compile(re.escape(prefix) + r".*(blocks|stages|layer|encoderblock|7\.1).*(weight|kernel)")
    victim = next(key for key in reversed(tensors) if inside.fullmatch(key) and "decoder" not in key)

    def refused(**change):
        broken = {key: tensor for key, tensor in tensors.items() if key != victim} | change
        with pytest.raises(HilumError) as caught:
            map_keys(layout, broken, wanted, WHERE, norm_absent=row.norm_absent)
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
    with pytest.raises(
        HilumError, match=r"duplicate: model\.stages\.0\.0\.dwconv\.bias and stages\.0\.0\.dwconv\.bias"
    ):
        load(row_of("convnextv2"), tensors | {key.removeprefix("model."): tensors[key]})


def test_a_bias_that_the_encoder_cannot_hold_is_refused(published_shapes, fill):
    tensors = published_file("dinov3", published_shapes, fill)
    with pytest.raises(HilumError, match=r"blocks\.0\.attn\.qkv\.bias is not all zeros behind its mask"):
        load(published_weights()["dinov3_vits16"], tensors)
    half = {"blocks.0.attn.qkv.bias_mask": torch.full((1152,), 0.5)}
    with pytest.raises(HilumError, match=r"blocks\.0\.attn\.qkv\.bias_mask has values other than 0 and 1"):
        load(published_weights()["dinov3_vits16_qkvb"], tensors | half)
    for key in tensors:
        if key.endswith("qkv.bias"):
            tensors[key] = torch.zeros_like(tensors[key])
    encoder, _ = load(published_weights()["dinov3_vits16"], tensors)
    assert encoder.name == "vit_small_patch16_dinov3"


def test_biases_of_transformers_that_the_encoder_cannot_hold_are_refused(published_shapes, fill):
    tensors = published_file("hf_dinov3", published_shapes, fill)
    with pytest.raises(HilumError, match=r"blocks\.\d+\.attn\.[qv]_bias is not all zeros, and the encoder has no bias"):
        load(published_weights()["dinov3_vits16"], tensors)
    with pytest.raises(HilumError, match=r"unknown: layer\.0\.attention\.k_proj\.bias"):
        load(published_weights()["dinov3_vits16_qkvb"], tensors | {"layer.0.attention.k_proj.bias": torch.ones(384)})
    for key in tensors:
        if re.search(r"[qv]_proj\.bias", key):
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


def test_position_embeddings_of_another_grid_are_resized_and_it_is_reported(published_shapes, fill):
    tensors = published_file("dino_vit", published_shapes, fill)
    tensors["pos_embed"] = torch.randn(1, 1 + 24 * 24, 192, generator=torch.Generator().manual_seed(0))
    encoder, report = load(row_of("dino_vit"), tensors)
    table = tensors["pos_embed"][:, 1:].reshape(1, 24, 24, 192).permute(0, 3, 1, 2)
    expected = F.interpolate(table, size=(14, 14), mode="bicubic", antialias=True).flatten(2).mT
    assert torch.allclose(encoder.body.pos_embed[:, 1:], expected, atol=1e-5)
    assert "position embeddings were resized from 24×24 to 14×14 patches (bicubic, antialiased)" in map(
        str, report.notes
    )


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


@pytest.mark.parametrize("case", CASES)
def test_a_missing_weight_is_named_as_the_file_names_it(case, published_shapes):
    row, layout = row_of(case), LAYOUTS[layout_name(case)]
    wanted = shapes_of(row.encoder)
    tensors = {key: torch.zeros(()).expand(shape) for key, shape in published_shapes[case]().items()}
    mapped = map_keys(layout, tensors, wanted, WHERE, norm_absent=row.norm_absent)
    alone = {key: natives[0] for key, natives in mapped.origins.items() if len(natives) == 1}
    found = native_names(layout.prefix, layout.uses, tensors, alone)
    assert set(found.values()) <= set(tensors) or case in WRITTEN_IN_TWO_WAYS
    if case not in WRITTEN_IN_TWO_WAYS:
        assert found == alone


WRITTEN_IN_TWO_WAYS = ("torchvision_densenet", "chexnet", "dinov2_checkpoint")
"""Names with an optional dot (torch before 0.4) or chunk: a message takes the newer, shorter one."""


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("hf_dinov2", EXACT_SIZE),
        ("dinov2", OFFSET_BY_A_TENTH),
        ("dinov2 with registers", ANTIALIASED),
        ("dino_vit", OFFSET_BY_A_TENTH),
        ("mae", EXACT_SIZE),
        ("hf_vit", EXACT_SIZE),
    ],
)
def test_positions_are_resized_as_the_files_own_code_does(case, rule, published_shapes, fill):
    tensors = published_file(case, published_shapes, fill)
    encoder, report = load(row_of(case), tensors)
    assert encoder.interpolation == rule
    assert any("as in the file's own code" in note for note in map(str, report.notes)) == (
        case in ("hf_dinov2", "hf_vit", "dino_vit", "mae")
    )

    # The patch embedding of a gray image is constant but for its positions, which torch's own kernel resizes here.
    side = 8 * encoder.patch
    old = encoder.body.pos_embed.shape[1] - 1 if "registers" not in case else encoder.body.pos_embed.shape[1]
    grid = int(old**0.5)
    table = encoder.body.pos_embed[:, -old:].reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
    how = {"scale_factor": ((8 + rule.offset) / grid,) * 2} if rule.offset else {"size": (8, 8)}
    expected = F.interpolate(table, mode="bicubic", antialias=rule.antialias, **how).flatten(2).mT
    seen = []
    handle = encoder.body.norm_pre.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    with torch.no_grad():
        encoder(torch.full((1, 1, side, side), float(encoder.mean)))
        patches = encoder.body.patch_embed(torch.zeros(1, 1, side, side)).flatten(1, 2)
    handle.remove()
    torch.testing.assert_close(seen[0][:, encoder.prefix_tokens :] - patches, expected, atol=1e-5, rtol=0)
