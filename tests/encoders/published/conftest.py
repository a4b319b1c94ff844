"""Keys and shapes of published files, written down from the networks' public definitions, not from Hilum's key maps."""

import math
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


def affine(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def linear(name: str, out: int, inputs: int) -> Shapes:
    return {f"{name}.weight": (out, inputs), f"{name}.bias": (out,)}


def batch_norm(name: str, width: int, counted: bool = True) -> Shapes:
    shapes = affine(name, width) | {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
    return shapes | ({f"{name}.num_batches_tracked": ()} if counted else {})


def prefixed(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + key: shape for key, shape in shapes.items()}


def resnet(layers: tuple[int, ...], *, bottleneck: bool, counted: bool = True) -> Shapes:
    """He et al. 2016 as in torchvision.models.resnet, without fc; torchvision's stem has three channels."""
    shapes = {"conv1.weight": (64, 3, 7, 7)} | batch_norm("bn1", 64, counted)
    inputs = 64
    for stage, (blocks, width) in enumerate(zip(layers, (64, 128, 256, 512), strict=True), 1):
        for block in range(blocks):
            name, out = f"layer{stage}.{block}", width * (4 if bottleneck else 1)
            convs = (
                [(inputs, width, 1), (width, width, 3), (width, out, 1)]
                if bottleneck
                else [(inputs, width, 3), (width, out, 3)]
            )
            for n, (i, o, k) in enumerate(convs, 1):
                shapes |= {f"{name}.conv{n}.weight": (o, i, k, k)} | batch_norm(f"{name}.bn{n}", o, counted)
            if block == 0 and (stage > 1 or bottleneck):
                shapes |= {f"{name}.downsample.0.weight": (out, inputs, 1, 1)}
                shapes |= batch_norm(f"{name}.downsample.1", out, counted)
            inputs = out
    return shapes


def densenet121(*, channels: int = 3, dot: str = "", counted: bool = True) -> Shapes:
    """Huang et al. 2017 as in torchvision.models.densenet; `dot` is "." in the names of torch before 0.4."""
    shapes = {"features.conv0.weight": (64, channels, 7, 7)} | batch_norm("features.norm0", 64, counted)
    width = 64
    for block, layers in enumerate((6, 12, 24, 16), 1):
        for layer in range(1, layers + 1):
            name = f"features.denseblock{block}.denselayer{layer}"
            shapes |= batch_norm(f"{name}.norm{dot}1", width, counted)
            shapes |= {f"{name}.conv{dot}1.weight": (128, width, 1, 1)}
            shapes |= batch_norm(f"{name}.norm{dot}2", 128, counted)
            shapes |= {f"{name}.conv{dot}2.weight": (32, 128, 3, 3)}
            width += 32
        if block < 4:
            shapes |= batch_norm(f"features.transition{block}.norm", width, counted)
            shapes |= {f"features.transition{block}.conv.weight": (width // 2, width, 1, 1)}
            width //= 2
    return shapes | batch_norm("features.norm5", width, counted)


def vit(width: int, *, patch: int, tokens: int, depth: int = 12, block: str = "blocks.{}.", scale: str = "") -> Shapes:
    """Dosovitskiy et al. 2021 as in DINO, DINOv2 and MAE: timm's names, qkv in one, LayerScale where `scale` is."""
    shapes = {"cls_token": (1, 1, width), "pos_embed": (1, tokens, width)}
    shapes |= {"patch_embed.proj.weight": (width, 3, patch, patch), "patch_embed.proj.bias": (width,)}
    for n in range(depth):
        inner = affine("norm1", width) | linear("attn.qkv", 3 * width, width) | linear("attn.proj", width, width)
        inner |= affine("norm2", width) | linear("mlp.fc1", 4 * width, width) | linear("mlp.fc2", width, 4 * width)
        inner |= {f"{each}.{scale}": (width,) for each in ("ls1", "ls2")} if scale else {}
        shapes |= prefixed(block.format(n), inner)
    return shapes | affine("norm", width)


def flax_vit(width: int, heads: int, *, depth: int = 12) -> Shapes:
    """models_vit.VisionTransformer of google-research/vision_transformer, ImageNet-21K."""
    shapes: Shapes = {"cls": (1, 1, width), "embedding/kernel": (16, 16, 3, width), "embedding/bias": (width,)}
    shapes |= {"Transformer/posembed_input/pos_embedding": (1, 197, width)}
    for n in range(depth):
        name, head = f"Transformer/encoderblock_{n}/", width // heads
        for norm in ("LayerNorm_0", "LayerNorm_2"):
            shapes |= {f"{name}{norm}/scale": (width,), f"{name}{norm}/bias": (width,)}
        attention = f"{name}MultiHeadDotProductAttention_1/"
        for part in ("query", "key", "value"):
            shapes |= {f"{attention}{part}/kernel": (width, heads, head), f"{attention}{part}/bias": (heads, head)}
        shapes |= {f"{attention}out/kernel": (heads, head, width), f"{attention}out/bias": (width,)}
        for dense, (i, o) in {"Dense_0": (width, 4 * width), "Dense_1": (4 * width, width)}.items():
            shapes |= {f"{name}MlpBlock_3/{dense}/kernel": (i, o), f"{name}MlpBlock_3/{dense}/bias": (o,)}
    shapes |= {"Transformer/encoder_norm/scale": (width,), "Transformer/encoder_norm/bias": (width,)}
    return shapes | {"head/kernel": (width, 21843), "head/bias": (21843,)}


def hf_dinov2(width: int, *, depth: int = 12) -> Shapes:
    """transformers.Dinov2Model."""
    shapes: Shapes = {"embeddings.cls_token": (1, 1, width), "embeddings.mask_token": (1, width)}
    shapes |= {"embeddings.position_embeddings": (1, 1370, width)}
    shapes |= {"embeddings.patch_embeddings.projection.weight": (width, 3, 14, 14)}
    shapes |= {"embeddings.patch_embeddings.projection.bias": (width,)}
    for n in range(depth):
        inner = affine("norm1", width) | affine("norm2", width) | linear("attention.output.dense", width, width)
        for part in ("query", "key", "value"):
            inner |= linear(f"attention.attention.{part}", width, width)
        inner |= {"layer_scale1.lambda1": (width,), "layer_scale2.lambda1": (width,)}
        inner |= linear("mlp.fc1", 4 * width, width) | linear("mlp.fc2", width, 4 * width)
        shapes |= prefixed(f"encoder.layer.{n}.", inner)
    return shapes | affine("layernorm", width)


def hf_dinov3(width: int, *, depth: int = 12) -> Shapes:
    """transformers.DINOv3ViTModel: no bias of keys; periods are computed, and in no file."""
    shapes: Shapes = {"embeddings.cls_token": (1, 1, width), "embeddings.mask_token": (1, 1, width)}
    shapes |= {"embeddings.register_tokens": (1, 4, width), "embeddings.patch_embeddings.weight": (width, 3, 16, 16)}
    shapes |= {"embeddings.patch_embeddings.bias": (width,)}
    for n in range(depth):
        inner = affine("norm1", width) | affine("norm2", width) | linear("attention.o_proj", width, width)
        inner |= {"attention.k_proj.weight": (width, width)}
        inner |= linear("attention.v_proj", width, width) | linear("attention.q_proj", width, width)
        inner |= {"layer_scale1.lambda1": (width,), "layer_scale2.lambda1": (width,)}
        inner |= linear("mlp.up_proj", 4 * width, width) | linear("mlp.down_proj", width, 4 * width)
        shapes |= prefixed(f"layer.{n}.", inner)
    return shapes | affine("norm", width)


def hf_vit(width: int, *, depth: int = 12) -> Shapes:
    """transformers.ViTModel, with its pooler."""
    shapes: Shapes = {"embeddings.cls_token": (1, 1, width), "embeddings.position_embeddings": (1, 197, width)}
    shapes |= {"embeddings.patch_embeddings.projection.weight": (width, 3, 16, 16)}
    shapes |= {"embeddings.patch_embeddings.projection.bias": (width,)}
    for n in range(depth):
        inner = affine("layernorm_before", width) | affine("layernorm_after", width)
        for part in ("query", "key", "value"):
            inner |= linear(f"attention.attention.{part}", width, width)
        inner |= linear("attention.output.dense", width, width)
        inner |= linear("intermediate.dense", 4 * width, width) | linear("output.dense", width, 4 * width)
        shapes |= prefixed(f"encoder.layer.{n}.", inner)
    return shapes | affine("layernorm", width) | linear("pooler.dense", width, width)


def hf_convnext(depths: tuple[int, ...], dims: tuple[int, ...], *, v2: bool) -> Shapes:
    """transformers.ConvNextModel or ConvNextV2Model; the first stage's downsampling_layer is empty."""
    shapes: Shapes = {"embeddings.patch_embeddings.weight": (dims[0], 3, 4, 4)}
    shapes |= {"embeddings.patch_embeddings.bias": (dims[0],)} | affine("embeddings.layernorm", dims[0])
    for stage, (depth, dim) in enumerate(zip(depths, dims, strict=True)):
        at = f"encoder.stages.{stage}."
        if stage:
            shapes |= affine(f"{at}downsampling_layer.0", dims[stage - 1])
            shapes |= {f"{at}downsampling_layer.1.weight": (dim, dims[stage - 1], 2, 2)}
            shapes |= {f"{at}downsampling_layer.1.bias": (dim,)}
        for block in range(depth):
            inner: Shapes = {"dwconv.weight": (dim, 1, 7, 7), "dwconv.bias": (dim,)} | affine("layernorm", dim)
            inner |= linear("pwconv1", 4 * dim, dim) | linear("pwconv2", dim, 4 * dim)
            inner |= (
                {"grn.weight": (1, 1, 1, 4 * dim), "grn.bias": (1, 1, 1, 4 * dim)}
                if v2
                else {"layer_scale_parameter": (dim,)}
            )
            shapes |= prefixed(f"{at}layers.{block}.", inner)
    return shapes | affine("layernorm", dims[-1])


def hf_dinov3_convnext(depths: tuple[int, ...], dims: tuple[int, ...]) -> Shapes:
    """transformers.DINOv3ConvNextModel: the stem is the first stage's downsample_layers, convolution first."""
    shapes: Shapes = {}
    for stage, (depth, dim) in enumerate(zip(depths, dims, strict=True)):
        at = f"stages.{stage}."
        conv, norm, before = (0, 1, 3) if stage == 0 else (1, 0, dims[stage - 1])
        shapes |= {f"{at}downsample_layers.{conv}.weight": (dim, before, *((4, 4) if stage == 0 else (2, 2)))}
        shapes |= {f"{at}downsample_layers.{conv}.bias": (dim,)}
        shapes |= affine(f"{at}downsample_layers.{norm}", before if stage else dim)
        for block in range(depth):
            inner: Shapes = {"depthwise_conv.weight": (dim, 1, 7, 7), "depthwise_conv.bias": (dim,), "gamma": (dim,)}
            inner |= affine("layer_norm", dim)
            inner |= linear("pointwise_conv1", 4 * dim, dim) | linear("pointwise_conv2", dim, 4 * dim)
            shapes |= prefixed(f"{at}layers.{block}.", inner)
    return shapes | affine("layer_norm", dims[-1])


def dinov3_vit(width: int, heads: int, *, depth: int = 12) -> Shapes:
    """DinoVisionTransformer of facebookresearch/dinov3 with four storage tokens and a masked key bias."""
    shapes = vit(width, patch=16, tokens=0, depth=depth, scale="gamma")
    del shapes["pos_embed"]
    shapes |= {f"blocks.{n}.attn.qkv.bias_mask": (3 * width,) for n in range(depth)}
    shapes |= {"mask_token": (1, width), "rope_embed.periods": (width // heads // 4,)}
    return shapes | {"storage_tokens": (1, 4, width)}


def eva_x(width: int, *, base: bool, depth: int = 12) -> Shapes:
    """VisionTransformerForMaskedImageModeling of EVA-02, patch 16: packed SwiGLU, or sub-norms for base."""
    hidden = int(width * 4 * 2 / 3)
    shapes: Shapes = {"cls_token": (1, 1, width), "mask_token": (1, 1, width), "pos_embed": (1, 197, width)}
    shapes |= {"patch_embed.proj.weight": (width, 3, 16, 16), "patch_embed.proj.bias": (width,)}
    angles = {f"rope.freqs_{part}": (196, 64) for part in ("cos", "sin")}
    for n in range(depth):
        inner = affine("norm1", width) | affine("norm2", width) | linear("attn.proj", width, width)
        inner |= {"attn.q_bias": (width,), "attn.v_bias": (width,)} | prefixed("attn.", angles)
        if base:
            inner |= {f"attn.{part}_proj.weight": (width, width) for part in "qkv"}
            inner |= linear("mlp.w1", hidden, width) | linear("mlp.w2", hidden, width) | affine("mlp.ffn_ln", hidden)
        else:
            inner |= {"attn.qkv.weight": (3 * width, width)} | linear("mlp.w12", 2 * hidden, width)
        shapes |= prefixed(f"blocks.{n}.", inner | linear("mlp.w3", width, hidden))
    return shapes | angles | affine("norm", width) | linear("lm_head", 512, width)


ATTO = (2, 2, 6, 2), (40, 80, 160, 320)
TINY = (3, 3, 9, 3), (96, 192, 384, 768)


def convnext(depths: tuple[int, ...], dims: tuple[int, ...], *, inner: Callable[[int], Shapes]) -> Shapes:
    """ConvNeXt (V2) of facebookresearch, without final norm and head; `inner` gives what a block has besides."""
    shapes: Shapes = {"downsample_layers.0.0.weight": (dims[0], 3, 4, 4), "downsample_layers.0.0.bias": (dims[0],)}
    shapes |= affine("downsample_layers.0.1", dims[0])
    for n in range(1, 4):
        shapes |= affine(f"downsample_layers.{n}.0", dims[n - 1])
        shapes |= {f"downsample_layers.{n}.1.weight": (dims[n], dims[n - 1], 2, 2)}
        shapes |= {f"downsample_layers.{n}.1.bias": (dims[n],)}
    for stage, (depth, dim) in enumerate(zip(depths, dims, strict=True)):
        for block in range(depth):
            shapes |= prefixed(
                f"stages.{stage}.{block}.",
                {"dwconv.weight": (dim, 1, 7, 7), "dwconv.bias": (dim,)}
                | affine("norm", dim)
                | linear("pwconv1", 4 * dim, dim)
                | linear("pwconv2", dim, 4 * dim)
                | inner(dim),
            )
    return shapes


def fcmae_decoder(dim: int) -> Shapes:
    """The rest of FCMAE: one block of ConvNeXt V2 on 512 channels, and what stands around it."""
    block = {"dwconv.weight": (512, 1, 7, 7), "dwconv.bias": (512,)} | affine("norm", 512)
    block |= linear("pwconv1", 2048, 512) | linear("pwconv2", 512, 2048)
    block |= {"grn.gamma": (1, 1, 1, 2048), "grn.beta": (1, 1, 1, 2048)}
    shapes: Shapes = {"mask_token": (1, 512, 1, 1), "proj.weight": (512, dim, 1, 1), "proj.bias": (512,)}
    return shapes | prefixed("decoder.0.", block) | {"pred.weight": (3072, 512, 1, 1), "pred.bias": (3072,)}


def sparse_convnext(depths: tuple[int, ...], dims: tuple[int, ...]) -> Shapes:
    """SparseConvNeXtV2 on MinkowskiEngine: kernels (places, in, out), norms in `ln`, dense layers in `linear`."""
    shapes: Shapes = {"downsample_layers.0.0.weight": (dims[0], 3, 4, 4), "downsample_layers.0.0.bias": (dims[0],)}
    shapes |= affine("downsample_layers.0.1", dims[0])
    for n in range(1, 4):
        shapes |= affine(f"downsample_layers.{n}.0.ln", dims[n - 1])
        shapes |= {f"downsample_layers.{n}.1.kernel": (4, dims[n - 1], dims[n])}
        shapes |= {f"downsample_layers.{n}.1.bias": (1, dims[n])}
    for stage, (depth, dim) in enumerate(zip(depths, dims, strict=True)):
        for block in range(depth):
            inner = {"dwconv.kernel": (49, dim), "dwconv.bias": (1, dim)} | affine("norm.ln", dim)
            inner |= linear("pwconv1.linear", 4 * dim, dim) | linear("pwconv2.linear", dim, 4 * dim)
            inner |= {"grn.gamma": (1, 4 * dim), "grn.beta": (1, 4 * dim)}
            shapes |= prefixed(f"stages.{stage}.{block}.", inner)
    return prefixed("encoder.", shapes)


def grn(dim: int) -> Shapes:
    return {"grn.gamma": (1, 1, 1, 4 * dim), "grn.beta": (1, 1, 1, 4 * dim)}


def children(shapes: Shapes) -> Shapes:
    """nn.Sequential(*list(resnet.children())[:-1]): conv1, bn1, relu, maxpool, layer1 to layer4, in this order."""
    places = {"conv1": "0", "bn1": "1"} | {f"layer{n}": str(3 + n) for n in range(1, 5)}
    return {f"{places[key.split('.', 1)[0]]}.{key.split('.', 1)[1]}": shape for key, shape in shapes.items()}


PUBLISHED: dict[str, Callable[[], Shapes]] = {
    "torchvision": lambda: resnet((2, 2, 2, 2), bottleneck=False) | linear("fc", 1000, 512),
    "torchvision_densenet": lambda: densenet121(dot=".", counted=False) | linear("classifier", 1000, 1024),
    "chexnet": lambda: prefixed(
        "state_dict.module.densenet121.", densenet121(dot=".", counted=False) | linear("classifier.0", 14, 1024)
    ),
    "torchxrayvision": lambda: densenet121(channels=1, counted=False) | linear("classifier", 18, 1024),
    "simclr": lambda: prefixed("state_dict.", resnet((3, 4, 6, 3), bottleneck=True) | linear("fc", 1000, 2048)),
    "moco": lambda: (
        prefixed("state_dict.module.encoder_q.", resnet((2, 2, 2, 2), bottleneck=False))
        | prefixed("state_dict.module.encoder_q.", linear("fc.0", 2048, 2048) | linear("fc.2", 128, 2048))
        | prefixed("state_dict.module.encoder_k.", linear("fc.0", 2048, 2048) | batch_norm("bn1", 64))
        | {"state_dict.module.queue": (128, 65536), "state_dict.module.queue_ptr": (1,)}
        | {"optimizer.state.0.momentum_buffer": (64, 3, 7, 7)}
    ),
    "swav": lambda: prefixed(
        "module.",
        resnet((2, 2, 2, 2), bottleneck=False)
        | linear("projection_head.0", 2048, 2048)
        | batch_norm("projection_head.1", 2048)
        | linear("projection_head.3", 128, 2048)
        | {"prototypes.weight": (3000, 128)},
    ),
    "dino_resnet": lambda: resnet((2, 2, 2, 2), bottleneck=False),
    "dino_resnet_checkpoint": lambda: (
        prefixed("teacher.backbone.", resnet((2, 2, 2, 2), bottleneck=False))
        | prefixed("student.module.backbone.", batch_norm("bn1", 64))
        | prefixed("teacher.head.", linear("mlp.0", 2048, 2048) | {"last_layer.weight_g": (60, 1)})
        | {"dino_loss.center": (1, 60)}
    ),
    "dino_vit": lambda: vit(192, patch=16, tokens=197),
    "dino_vit_checkpoint": lambda: (
        prefixed("teacher.backbone.", vit(192, patch=16, tokens=197))
        | prefixed("student.module.backbone.", affine("norm", 192))
        | prefixed("teacher.head.", linear("mlp.0", 2048, 192) | {"last_layer.weight_v": (60, 256)})
        | {"dino_loss.center": (1, 60)}
    ),
    "mae": lambda: prefixed(
        "model.",
        vit(192, patch=16, tokens=197)
        | {"mask_token": (1, 1, 512), "decoder_pos_embed": (1, 197, 512)}
        | linear("decoder_embed", 512, 192)
        | affine("decoder_blocks.0.norm1", 512)
        | affine("decoder_norm", 512)
        | linear("decoder_pred", 768, 512),
    ),
    "dinov2": lambda: vit(384, patch=14, tokens=1370, scale="gamma") | {"mask_token": (1, 384)},
    "dinov2 with registers": lambda: (
        vit(384, patch=14, tokens=1370, scale="gamma") | {"mask_token": (1, 384), "register_tokens": (1, 4, 384)}
    ),
    "swav_checkpoint": lambda: (
        prefixed(
            "state_dict.module.",
            resnet((2, 2, 2, 2), bottleneck=False)
            | linear("projection_head.0", 2048, 2048)
            | {"prototypes.weight": (3000, 128)},
        )
        | {"optimizer.state.0.momentum_buffer": (64, 3, 7, 7)}
    ),
    "torchvision_children": lambda: children(resnet((2, 2, 2, 2), bottleneck=False)),
    "dinov2_checkpoint": lambda: prefixed(
        "teacher.",
        prefixed(
            "backbone.", vit(384, patch=14, tokens=1370, scale="gamma", block="blocks.0.{}.") | {"mask_token": (1, 384)}
        )
        | linear("dino_head.mlp.0", 64, 384)
        | linear("ibot_head.mlp.0", 64, 384),
    ),
    "hf_dinov2": lambda: hf_dinov2(384),
    "hf_vit": lambda: hf_vit(192),
    "hf_vit of MAE": lambda: (
        prefixed("vit.", {key: shape for key, shape in hf_vit(192).items() if "pooler" not in key})
        | {"decoder.mask_token": (1, 1, 512), "decoder.decoder_pos_embed": (1, 197, 512)}
        | linear("decoder.decoder_embed", 512, 192)
    ),
    "hf_dinov3": lambda: hf_dinov3(384),
    "hf_dinov3_convnext": lambda: hf_dinov3_convnext(*TINY),
    "hf_convnext": lambda: prefixed("convnextv2.", hf_convnext(*ATTO, v2=True)) | linear("classifier", 1000, 320),
    "hf_convnext of V1": lambda: hf_convnext(*TINY, v2=False),
    "dinov3": lambda: dinov3_vit(384, 6),
    "dinov3_convnext": lambda: (
        convnext(*TINY, inner=lambda dim: {"gamma": (dim,)}) | affine("norm", 768) | affine("norms.3", 768)
    ),
    "convnextv2": lambda: prefixed(
        "model.", convnext(*ATTO, inner=grn) | affine("norm", 320) | linear("head", 1000, 320)
    ),
    "convnextv2 without norm": lambda: prefixed("model.", convnext(*ATTO, inner=grn)),
    "convnextv2_sparse": lambda: prefixed("model.", sparse_convnext(*ATTO) | fcmae_decoder(320)),
    "augreg": lambda: flax_vit(192, 3),
    "eva_x": lambda: prefixed("module.", eva_x(192, base=False)),
    "eva_x base": lambda: prefixed("module.", eva_x(768, base=True)),
}


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Small layers in many threads cost more than they save, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def published_shapes() -> dict[str, Callable[[], Shapes]]:
    """Native keys and shapes of each kind of file, by a name of its own."""
    return PUBLISHED


@pytest.fixture(scope="session")
def fill() -> Callable[[Shapes, int], dict[str, Tensor]]:
    """Random numbers in given shapes, of a size that keeps features of the order of 1 through deep networks."""
    pool = torch.randn(1 << 22, generator=torch.Generator().manual_seed(0))

    def numbers(shape: tuple[int, ...], start: int) -> Tensor:
        count = math.prod(shape)
        start %= max(1, len(pool) - count)
        repeats = -(-(start + count) // len(pool))
        long_enough = pool.repeat(repeats) if repeats > 1 else pool
        return long_enough[start : start + count].reshape(shape).clone()

    def filled(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
        tensors = {}
        for place, (key, shape) in enumerate(shapes.items()):
            random = numbers(shape, 7919 * (place + seed))
            if key.endswith("num_batches_tracked"):
                random = torch.tensor(7)
            elif key.endswith(("running_var", "gamma", "scale", "lambda1")) or (
                key.endswith("weight") and len(shape) == 1
            ):
                random = 1 + random.clamp(-4, 4) / 8
            elif len(shape) > 1 and "token" not in key and "pos" not in key:
                random = random / math.sqrt(math.prod(shape) / max(shape[0], shape[-1]))
            else:
                random = random / 8
            tensors[key] = random
        return tensors

    return filled
