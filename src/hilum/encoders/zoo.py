"""Encoders for one-channel radiographs: one face for every architecture."""

import math
from collections.abc import KeysView, Sequence
from difflib import get_close_matches
from pkgutil import resolve_name

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hilum.encoders.catalogue import ARCHITECTURES, Architecture
from hilum.encoders.families import rotary
from hilum.encoders.families.convnext import CONVNEXT
from hilum.encoders.families.densenet import DENSENET
from hilum.encoders.families.resnet import RESNET
from hilum.encoders.families.swin import SWIN
from hilum.encoders.families.vit import DINOV2, DINOV3, EVA_X, VIT
from hilum.encoders.family import Family, run_steps
from hilum.encoders.positions import Interpolation
from hilum.encoders.stem import Stem
from hilum.encoders.toh2023 import CNN, UNET_ENCODER, XVT
from hilum.encoders.toh2023 import DENSENET as SMALL_DENSENET
from hilum.encoders.toh2023 import RESNET as SMALL_RESNET
from hilum.errors import HilumError

ENCODERS: KeysView[str] = ARCHITECTURES.keys()
"""Names of `ARCHITECTURES`."""


class _Families(dict[str, Family]):
    """Families by name, and those of other packages by where their code is, "package.module:NAME"."""

    def __missing__(self, place: str) -> Family:
        """Import a family."""
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
    """A network without its classifier, for images of one channel.

    Attributes:
        name: one of `ENCODERS`.
        architecture: what the catalogue says of it.
        body: the network; its keys are timm's where timm has the architecture.
        feature_width: length of the feature vector.
        token_width: length of a token; the feature is as long, but where it is all places one after another.
        patch: side in px of what one place of the last features stands for.
        prefix_tokens: how many tokens precede those of places (class token, registers).
        has_class_token: whether the first of them is a class token.
        has_batch_norm: whether its features in training depend on the batch.
        mean, std: one-channel normalisation, applied inside; they travel with the weights as buffers.
        interpolation: how learnt position embeddings are resized, as the weights' own code does; None where there are
            none. It travels with the weights as the buffer `position_rule`.
        frozen_blocks: the first so many of `blocks` do not train (see `hilum.encoders.freezing`).
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
        """Features of gray images, pooled as the architecture's authors pool them.

        Args:
            images: (B, 1, H, W) in [0, 1].

        Returns:
            (B, feature_width), float32 also under autocast: averaging 7 x 7 numbers in bfloat16 would leave ties.

        Raises:
            HilumError: the architecture does not take images of this size.
        """
        return self.pooled(self._encode(images))

    def pooled(self, features: Tensor) -> Tensor:
        """The feature of an image as `forward` gives it, (B, feature_width) float32, from its last features."""
        if self.family.pooling == "flatten":
            return features.float().flatten(1)
        if self.family.pooling == "cls":
            return features[:, 0].float()
        if features.ndim == 4:
            return self.norm_pooled(features.float().mean((2, 3)))
        return self.norm_pooled(features[:, self.prefix_tokens :].float().mean(1))

    def tokens(self, images: Tensor) -> Tensor:
        """One vector for each place, behind the class token and registers where there are any.

        Args:
            images: (B, 1, H, W) in [0, 1].

        Returns:
            (B, prefix_tokens + rows · columns, width), the rows of `patch_grid` one after another.
        """
        return as_tokens(self._encode(images))

    def run_blocks(
        self, hidden: Tensor, image_size: tuple[int, int], first: int = 0, last: int | None = None
    ) -> Tensor:
        """Some of `blocks`, one after another; all of them one part at a time give the bits of all at once.

        Args:
            hidden: what enters the first of them: for the stem (0) images (B, 1, H, W) in [0, 1], else what
                `run_blocks` gave up to there.
            image_size: H, W of the images in px.
            first, last: places among `blocks`, from `first` to before `last`; None for the end.

        Returns:
            What leaves the last of them, (B, …); behind the end, the last features: tokens, or a map.
        """
        height, width = (self.architecture.padded(side) for side in image_size)
        if first == 0:
            hidden = self._normalised(hidden)
        rule = () if self.interpolation is None else (self.interpolation,)
        return run_steps(self.family.steps(self.body, (height, width), *rule)[first:last], hidden)

    def hidden_states(self, images: Tensor, cuts: Sequence[int]) -> list[Tensor]:
        """What leaves the blocks before each cut, as `run_blocks` gives it.

        Args:
            images: (B, 1, H, W) in [0, 1].
            cuts: numbers of blocks, ascending.
        """
        size, before, hidden = (images.shape[2], images.shape[3]), 0, images
        found = []
        for cut in cuts:
            hidden = self.run_blocks(hidden, size, before, cut)
            before = cut
            found.append(hidden)
        return found

    def norm_tokens(self, tokens: Tensor) -> Tensor:
        """The norm that closes a vision transformer, (B, …, width), applied to tokens of a block before the last."""
        normed: Tensor = self.body.get_submodule("norm")(tokens)
        return normed

    def feature_map(self, images: Tensor) -> Tensor:
        """The places of `tokens` as an image, (B, width, rows, columns), of `patch_grid` rows and columns."""
        features = self._encode(images)
        if features.ndim == 4:
            return features
        grid = self.patch_grid((images.shape[2], images.shape[3]))
        places = features[:, self.prefix_tokens :].transpose(1, 2)
        return places.reshape(images.shape[0], -1, *grid)

    def use_interpolation(self, rule: Interpolation) -> None:
        """Resize learnt position embeddings by another rule than the family's, now and wherever the weights go."""
        self.interpolation = rule
        self.register_buffer("position_rule", rule.as_tensor())

    def use_periods(self, periods: Tensor) -> None:
        """Compute rotary angles from these periods, now and wherever the weights go.

        The published files of DINOv3 hold periods that were rounded to bfloat16, with which the networks were trained.
        Those that timm computes in float32, and does not keep with the weights, move the feature by 1.6e-3.

        Args:
            periods: as many as the architecture has, in patches of a grid from -1 to 1.
        """
        own = rotary.periods(self.body)
        assert own is not None
        with torch.no_grad():
            own.copy_(periods)
        self.register_buffer("rotary_periods", own.detach().clone())

    def norm_pooled(self, pooled: Tensor) -> Tensor:
        """The norm that the architecture applies to a pooled feature, (…, width); none in most.

        Whatever pools `tokens` instead of the encoder applies it too.
        """
        if not self.family.norm_behind:
            return pooled
        norm = self.body.get_submodule(self.family.norm_behind)
        assert isinstance(norm, nn.LayerNorm)
        return F.layer_norm(pooled, norm.normalized_shape, norm.weight, norm.bias, norm.eps)

    def patch_grid(self, image_size: int | tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of places in images of this many px (height and width, or the side of a square).

        Raises:
            HilumError: the architecture does not take images of this size.
        """
        height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
        return self._cells(height), self._cells(width)

    @property
    def stem(self) -> Stem:
        """Where the first convolution is, for `hilum.encoders.stem.fold_gray`."""
        return self.family.stem

    @property
    def named_blocks(self) -> dict[str, nn.Module]:
        """The stem and then the blocks by name, in the order in which an image passes them."""
        return self.family.blocks(self.body)

    @property
    def blocks(self) -> list[nn.Module]:
        """The stem and then the blocks, in the order in which an image passes them."""
        return list(self.named_blocks.values())

    def train(self, mode: bool = True) -> "Encoder":
        """Switch to training or evaluation; the batch norm of frozen blocks stays in evaluation."""
        super().train(mode)
        for block in self.blocks[: self.frozen_blocks]:
            block.eval()
        return self

    def _encode(self, images: Tensor) -> Tensor:
        return self.run_blocks(images, (images.shape[2], images.shape[3]))

    def _normalised(self, images: Tensor) -> Tensor:
        """Padded at the right and at the bottom, with the mean gray, to a size that the architecture takes."""
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
    """A randomly initialised encoder; its weights depend on (name, seed) only, and torch's own generator is not moved.

    The initialisation is timm's. For ResNets: He et al. (ICCV 2015), with the last batch norm of every residual block
    zero, so that all residual branches start off (Goyal et al., 2017, §5.1).

    Args:
        name: one of `ENCODERS`.
        seed: of the weights.
        image_size: side in px of the images to come; None if not known. An encoder takes every size that its
            architecture allows, so this changes nothing but when an impossible one is refused.

    Raises:
        HilumError: the name is not one of `ENCODERS`, or the architecture does not take images of this size.
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
    """Last features of an encoder as tokens, (B, prefix + places, width)."""
    return features if features.ndim == 3 else features.flatten(2).transpose(1, 2)


def count_parameters(module: nn.Module, trainable_only: bool = False) -> int:
    """Number of weights, of all or of those that train; batch-norm statistics are buffers and do not count."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad or not trainable_only)
