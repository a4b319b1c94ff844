"""Encoders for one-channel radiographs with a common interface."""

import math
from collections.abc import KeysView, Sequence
from difflib import get_close_matches
from pkgutil import resolve_name

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hilum.encoders.catalogue import ARCHITECTURES, Architecture
from hilum.encoders.families import rotary
from hilum.encoders.families.convolutional import CONVNEXT, DENSENET, RESNET
from hilum.encoders.families.swin import SWIN
from hilum.encoders.families.vit import DINOV2, DINOV3, EVA_X, VIT
from hilum.encoders.family import Family, run_steps
from hilum.encoders.positions import Interpolation
from hilum.encoders.stem import Stem
from hilum.encoders.toh2023 import CNN, DENSENET as SMALL_DENSENET, RESNET as SMALL_RESNET, UNET_ENCODER, XVT
from hilum.errors import HilumError

ENCODERS: KeysView[str] = ARCHITECTURES.keys()
"""Names of `ARCHITECTURES`."""


class _Families(dict[str, Family]):
    """Families by name, or by place ("package.module:NAME") for plug-ins."""

    def __missing__(self, place: str) -> Family:
        """Import a family of a plug-in."""
        if ":" not in place:
            raise KeyError(place)
        try:
            found = resolve_name(place)
        except (ImportError, AttributeError, ValueError) as error:
            fix = "Correct the family of the architecture."
            raise HilumError(f"family {place}", expected="a Family", found=str(error), fix=fix) from error
        if not isinstance(found, Family):
            fix = "See docs/how-to/extending.md."
            raise HilumError(f"family {place}", expected="a Family", found=type(found).__name__, fix=fix)
        self[place] = found
        return found


FAMILIES: dict[str, Family] = _Families(
    {
        "resnet": RESNET,
        "densenet": DENSENET,
        "convnext": CONVNEXT,
        "vit": VIT,
        "dinov2": DINOV2,
        "dinov3": DINOV3,
        "eva_x": EVA_X,
        "swin": SWIN,
        "toh2023_cnn": CNN,
        "toh2023_resnet": SMALL_RESNET,
        "toh2023_densenet": SMALL_DENSENET,
        "toh2023_unet_encoder": UNET_ENCODER,
        "toh2023_xvt": XVT,
    }
)

GRAY_MEAN = 0.5
GRAY_STD = 0.25
"""Gray values of ChestX-ray14 as fractions of white, rounded.

Measured: 0.546 ± 0.246 on 500 images at 512 px (muhammedtalo/COVID-19) and 0.527 ± 0.250 on 601 images at 64 px
(dinbe0527/kcr2019d1), all pixels pooled.
"""


class Encoder(nn.Module):
    """A network without classifier, for one-channel images.

    Attributes:
        name: A name of `ENCODERS`.
        architecture: Entry of the catalogue.
        body: The network, with timm's keys if timm has the architecture.
        feature_width: Length of the feature vector.
        token_width: Length of a token; equal to `feature_width` except with pooling "flatten".
        patch: Stride of the last features in px.
        prefix_tokens: Number of tokens before those of patches (class token, registers).
        has_class_token: True if the first token is a class token.
        has_batch_norm: True if the network has batch norm.
        mean, std: One-channel normalisation, applied inside; buffers, stored with the weights.
        interpolation: Resizing rule of learned position embeddings; None without these. Stored with the weights as the
            buffer `position_rule`.
        frozen_blocks: Number of frozen `blocks` from the start (see `hilum.encoders.freezing`).
    """

    def __init__(self, architecture: Architecture, body: nn.Module) -> None:
        super().__init__()
        self.architecture, self.family = architecture, FAMILIES[architecture.family]
        self.name, self.patch, self.feature_width = architecture.name, architecture.patch, architecture.feature_width
        self.body = body
        self.prefix_tokens = int(getattr(body, "num_prefix_tokens", 0))
        self.has_class_token = getattr(body, "cls_token", None) is not None
        self.has_batch_norm = any(isinstance(module, nn.BatchNorm2d) for module in body.modules())
        self.frozen_blocks = 0
        places = math.prod(self.patch_grid(architecture.size)) if self.family.pooling == "flatten" else 1
        self.token_width = self.feature_width // places
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(GRAY_MEAN))
        self.register_buffer("std", torch.tensor(GRAY_STD))
        self.interpolation: Interpolation | None = None
        if self.family.positions is not None:
            self.use_interpolation(self.family.positions)
        if (periods := rotary.periods(body)) is not None:
            self.use_periods(periods)
        self.register_load_state_dict_post_hook(_follow_buffers)  # type: ignore[no-untyped-call]

    def forward(self, images: Tensor) -> Tensor:
        """Compute the pooled features of gray images.

        Args:
            images: Images, (B, 1, H, W) in [0, 1].

        Returns:
            Features, (B, feature_width), float32 also under autocast, since averages in bfloat16 would have ties.

        Raises:
            HilumError: The image size is not supported.
        """
        return self.pooled(self._encode(images))

    def pooled(self, features: Tensor) -> Tensor:
        """Pool the last features to (B, feature_width) float32, as in `forward`."""
        if self.family.pooling == "flatten":
            return features.float().flatten(1)
        if self.family.pooling == "cls":
            return features[:, 0].float()
        if features.ndim == 4:
            return self.norm_pooled(features.float().mean((2, 3)))
        return self.norm_pooled(features[:, self.prefix_tokens :].float().mean(1))

    def tokens(self, images: Tensor) -> Tensor:
        """Compute the last tokens: class token and registers, if any, then one per position.

        Args:
            images: Images, (B, 1, H, W) in [0, 1].

        Returns:
            Tokens, (B, prefix_tokens + rows · columns, width), in row-major order of `patch_grid`.
        """
        return as_tokens(self._encode(images))

    def run_blocks(
        self, hidden: Tensor, image_size: tuple[int, int], first: int = 0, last: int | None = None
    ) -> Tensor:
        """Run some of `blocks`; running all in several calls gives the same bits as one call.

        Args:
            hidden: Input of block `first`: for the stem (0) images (B, 1, H, W) in [0, 1], otherwise the output of
                `run_blocks` up to there.
            image_size: H, W of the images in px.
            first, last: Range of `blocks`, `last` excluded; None: to the end.

        Returns:
            Output of the last block, (B, …); at the end, the last features: tokens or a map.
        """
        height, width = (self.architecture.padded(side) for side in image_size)
        if first == 0:
            hidden = self._normalised(hidden)
        rule = () if self.interpolation is None else (self.interpolation,)
        return run_steps(self.family.steps(self.body, (height, width), *rule)[first:last], hidden)

    def hidden_states(self, images: Tensor, cuts: Sequence[int]) -> list[Tensor]:
        """Return the output of the first n blocks for each n of `cuts`, as from `run_blocks`.

        Args:
            images: Images, (B, 1, H, W) in [0, 1].
            cuts: Numbers of blocks, ascending.
        """
        size, before, hidden = (images.shape[2], images.shape[3]), 0, images
        found = []
        for cut in cuts:
            hidden = self.run_blocks(hidden, size, before, cut)
            before = cut
            found.append(hidden)
        return found

    def norm_tokens(self, tokens: Tensor) -> Tensor:
        """Apply the final norm of a vision transformer to tokens of an earlier block, (B, …, width)."""
        normed: Tensor = self.body.get_submodule("norm")(tokens)
        return normed

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the last features as a map, (B, width, rows, columns) of `patch_grid`."""
        features = self._encode(images)
        if features.ndim == 4:
            return features
        grid = self.patch_grid((images.shape[2], images.shape[3]))
        places = features[:, self.prefix_tokens :].transpose(1, 2)
        return places.reshape(images.shape[0], -1, *grid)

    def use_interpolation(self, rule: Interpolation) -> None:
        """Use another resizing rule of position embeddings than the family's; stored with the weights."""
        self.interpolation = rule
        self.register_buffer("position_rule", rule.as_tensor())

    def use_periods(self, periods: Tensor) -> None:
        """Use given periods of the rotary embedding; stored with the weights.

        DINOv3's published files have periods rounded to bfloat16, as in training; timm's float32 periods, not stored
        with the weights, change features by 1.6e-3.

        Args:
            periods: Periods, as many as the architecture has.
        """
        own = rotary.periods(self.body)
        assert own is not None
        with torch.no_grad():
            own.copy_(periods)
        self.register_buffer("rotary_periods", own.detach().clone())

    def norm_pooled(self, pooled: Tensor) -> Tensor:
        """Apply the architecture's norm of pooled features, (…, width), if any.

        Required for code that pools `tokens` itself.
        """
        if not self.family.norm_behind:
            return pooled
        norm = self.body.get_submodule(self.family.norm_behind)
        assert isinstance(norm, nn.LayerNorm)
        return F.layer_norm(pooled, norm.normalized_shape, norm.weight, norm.bias, norm.eps)

    def patch_grid(self, image_size: int | tuple[int, int]) -> tuple[int, int]:
        """Return rows and columns of the last features for an image size in px (height and width, or side).

        Raises:
            HilumError: The image size is not supported.
        """
        height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
        return self._cells(height), self._cells(width)

    @property
    def stem(self) -> Stem:
        """First convolution, for `hilum.encoders.stem.fold_gray`."""
        return self.family.stem

    @property
    def named_blocks(self) -> dict[str, nn.Module]:
        """Stem and blocks by name, in forward order."""
        return self.family.blocks(self.body)

    @property
    def blocks(self) -> list[nn.Module]:
        """Stem and blocks, in forward order."""
        return list(self.named_blocks.values())

    def train(self, mode: bool = True) -> "Encoder":
        """Set the training mode; batch norm of frozen blocks stays in evaluation mode."""
        super().train(mode)
        for block in self.blocks[: self.frozen_blocks]:
            block.eval()
        return self

    def _encode(self, images: Tensor) -> Tensor:
        return self.run_blocks(images, (images.shape[2], images.shape[3]))

    def _normalised(self, images: Tensor) -> Tensor:
        """Normalise, and pad at the right and bottom with mean gray to a supported size."""
        height, width = images.shape[2:]
        right, below = self.architecture.padded(width) - width, self.architecture.padded(height) - height
        normalised = (images - self.mean) / self.std
        return F.pad(normalised, (0, right, 0, below)) if right or below else normalised

    def _cells(self, side: int) -> int:
        padded = self.architecture.padded(side)
        return self.family.cells(padded) if self.family.cells else math.ceil(padded / self.patch)


def _follow_buffers(encoder: nn.Module, _: object) -> None:
    """After weights were loaded: what they brought with them, read once and not in every forward pass."""
    assert isinstance(encoder, Encoder)
    if rotary.periods(encoder.body) is not None:
        encoder.use_periods(encoder.get_buffer("rotary_periods"))
    if encoder.interpolation is not None:
        encoder.interpolation = Interpolation.from_tensor(encoder.get_buffer("position_rule"))


def create_encoder(name: str, *, seed: int, image_size: int | None = None) -> Encoder:
    """Create a randomly initialised encoder; weights are a function of (name, seed).

    timm's initialisation; for ResNets: He et al. (ICCV 2015), with zero gain of the last batch norm of each residual
    block (Goyal et al., 2017, §5.1). torch's global generator is not changed.

    Args:
        name: A name of `ENCODERS`.
        seed: Random seed of the weights.
        image_size: Side of the images in px, only checked; None: not checked.

    Raises:
        HilumError: Unknown name, or unsupported image size.
    """
    if name not in ARCHITECTURES:
        near = ", ".join(get_close_matches(name, ENCODERS, n=3)) or "none"
        raise HilumError(
            "encoder",
            expected=f"one of the {len(ENCODERS)} that `hilum encoders` lists",
            found=name,
            fix=f"The nearest names: {near}.",
        )
    architecture = ARCHITECTURES[name]
    if image_size is not None:
        architecture.padded(image_size)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        body = FAMILIES[architecture.family].build(name)
    return Encoder(architecture, body)


def as_tokens(features: Tensor) -> Tensor:
    """Convert last features to tokens, (B, prefix + positions, width)."""
    return features if features.ndim == 3 else features.flatten(2).transpose(1, 2)


def count_parameters(module: nn.Module, trainable_only: bool = False) -> int:
    """Count parameters, optionally trainable ones only; batch-norm statistics (buffers) are not counted."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad or not trainable_only)
