"""Catalogue of architectures, without torch: sizes, cost and constraints, for study files and cost estimates."""

from dataclasses import dataclass
from typing import Literal

from hilum.errors import HilumError
from hilum.extensions import ENCODERS, Registry, wrong_kind

TIMM = "timm (Apache-2.0)"
OWN = "Hilum (Apache-2.0)"

_TOH2023 = ("cnn", "densenet", "resnet", "unet_encoder", "xvt")

_WITH_BATCH_NORM = frozenset({"resnet", "densenet", *(f"toh2023_{name}" for name in _TOH2023)})


@dataclass(frozen=True)
class Architecture:
    """One architecture of the catalogue.

    Attributes:
        name: timm's name, if timm has the architecture.
        family: A name of `hilum.encoders.zoo.FAMILIES`, or "package.module:NAME" of a `hilum.encoders.family.Family`.
        blocks: Number of blocks that can be unfrozen from the end, without the stem.
        parameters: Parameters with one input channel and without head.
        gigaflops: 2 × multiply-adds of one forward pass at 224 x 224, in 10^9; proportional to the number of pixels.
        patch: Stride of the last features in px.
        feature_width: Length of the feature vector.
        size: Side of the images in the publication, in px.
        fills: Images are padded at the right and bottom, with mean gray, to a multiple of this many px.
        smallest: Minimum side of images in px.
        fixed: True if only images of `size` are supported.
        paper: Publication.
        published: Number of parameters as published, if counted differently: with three channels, a classifier of 14
            findings and, for CheXNet (DenseNet-121), running means and variances (Toh et al. 2023, Table 1).
        code: Source and licence of the code; weights have their own licences.
        batch_norm: For families of plug-ins: has batch norm.
        response_norm: Has global response normalisation (ConvNeXt V2), required for masked patches.
    """

    name: str
    family: str
    blocks: int
    parameters: int
    gigaflops: float
    patch: int
    feature_width: int
    paper: str
    size: int = 224
    fills: int = 1
    smallest: int = 32
    fixed: bool = False
    published: int | None = None
    code: str = TIMM
    batch_norm: bool = False
    response_norm: bool = False

    @property
    def sizes(self) -> str:
        """Supported image sizes as text."""
        if self.fixed:
            return f"{self.size} px only"
        return f"from {self.smallest} px" + (f", padded to n · {self.fills}" if self.fills > 1 else "")

    @property
    def random_opponent(self) -> Literal["calibrated", "plain"]:
        """Random baseline of pretraining: "calibrated" with batch norm, otherwise "plain"."""
        return "calibrated" if self.batch_norm or self.family in _WITH_BATCH_NORM else "plain"

    def padded(self, side: int) -> int:
        """Return the padded side in px for images of `side` px.

        Raises:
            HilumError: The size is not supported.
        """
        if side < self.smallest or (self.fixed and side != self.size):
            raise HilumError(
                f"size of images for {self.name}",
                expected=self.sizes,
                found=f"{side} px",
                fix=f"Use {self.size if self.fixed else self.smallest} px, or another encoder.",
            )
        return -(-side // self.fills) * self.fills


def _resnet(name: str, parameters: int, gigaflops: float, width: int) -> Architecture:
    return Architecture(name, "resnet", 4, parameters, gigaflops, 32, width, "He et al., CVPR 2016")


def _convnext(name: str, blocks: int, parameters: int, gigaflops: float, width: int, version: int = 1) -> Architecture:
    paper = {1: "Liu et al., CVPR 2022", 2: "Woo et al., CVPR 2023"}[version]
    return Architecture(
        name, "convnext", blocks, parameters, gigaflops, 32, width, paper, fills=32, response_norm=version == 2
    )


def _vit(
    name: str, family: str, parameters: int, gigaflops: float, patch: int, width: int, paper: str, blocks: int = 12
) -> Architecture:
    size = 518 if paper in (_DINOV2, _REGISTERS) else 224
    return Architecture(
        name, family, blocks, parameters, gigaflops, patch, width, paper, size=size, fills=patch, smallest=patch
    )


def _toh2023(
    name: str,
    blocks: int,
    parameters: int,
    gigaflops: float,
    patch: int,
    width: int,
    published: int,
    *,
    fixed: bool = False,
) -> Architecture:
    return Architecture(
        f"toh2023_{name}",
        f"toh2023_{name}",
        blocks,
        parameters,
        gigaflops,
        patch,
        width,
        "Toh et al., 2023",
        fills=14 if name == "xvt" else 1,
        smallest=224 if fixed else 32,
        fixed=fixed,
        published=published,
        code=TIMM if name == "densenet" else OWN,
    )


_DINOV2 = "Oquab et al., TMLR 2024"
_REGISTERS = "Darcet et al., ICLR 2024"
_DINOV3 = "Siméoni et al., 2025"
_EVA_X = "Yao et al., 2024"
_VIT = "Dosovitskiy et al., ICLR 2021"
_DEIT = "Touvron et al., ICML 2021"

_OWN: tuple[Architecture, ...] = (
    _resnet("resnet18", 11_170_240, 3.47, 512),
    _resnet("resnet34", 21_278_400, 7.17, 512),
    _resnet("resnet50", 23_501_760, 8.02, 2048),
    _resnet("resnet101", 42_493_888, 15.44, 2048),
    Architecture(
        "densenet121", "densenet", 4, 6_947_584, 5.51, 32, 1024, "Huang et al., CVPR 2017", published=7_051_854
    ),
    _convnext("convnextv2_atto", 12, 3_386_120, 1.09, 320, 2),
    _convnext("convnextv2_femto", 12, 4_846_704, 1.55, 384, 2),
    _convnext("convnextv2_pico", 12, 8_551_232, 2.72, 512, 2),
    _convnext("convnextv2_nano", 14, 14_980_240, 4.87, 640, 2),
    _convnext("convnextv2_tiny", 18, 27_863_424, 8.89, 768, 2),
    _convnext("convnextv2_base", 36, 87_688_704, 30.68, 1024, 2),
    _convnext("convnext_tiny", 18, 27_817_056, 8.89, 768),
    _convnext("convnext_small", 36, 49_451_616, 17.35, 768),
    _convnext("convnext_base", 36, 87_562_368, 30.68, 1024),
    _convnext("convnext_large", 36, 196_224_192, 68.68, 1536),
    _vit("vit_tiny_patch16_224", "vit", 5_426_112, 2.47, 16, 192, _DEIT),
    _vit("vit_small_patch16_224", "vit", 21_469_056, 9.12, 16, 384, _DEIT),
    _vit("vit_base_patch16_224", "vit", 85_405_440, 34.97, 16, 768, _VIT),
    _vit("vit_small_patch14_dinov2", "dinov2", 21_905_664, 12.44, 14, 384, _DINOV2),
    _vit("vit_base_patch14_dinov2", "dinov2", 86_278_656, 46.71, 14, 768, _DINOV2),
    _vit("vit_large_patch14_dinov2", "dinov2", 303_966_208, 162.54, 14, 1024, _DINOV2, 24),
    _vit("vit_small_patch14_reg4_dinov2", "vit", 21_906_816, 12.65, 14, 384, _REGISTERS),
    _vit("vit_base_patch14_reg4_dinov2", "vit", 86_280_960, 47.46, 14, 768, _REGISTERS),
    _vit("vit_large_patch14_reg4_dinov2", "vit", 303_969_280, 165.16, 14, 1024, _REGISTERS, 24),
    _vit("vit_small_patch16_dinov3", "dinov3", 21_390_336, 9.32, 16, 384, _DINOV3),
    _vit("vit_base_patch16_dinov3", "dinov3", 85_248_000, 35.71, 16, 768, _DINOV3),
    _vit("vit_small_patch16_dinov3_qkvb", "dinov3", 21_399_552, 9.32, 16, 384, _DINOV3),
    _vit("vit_base_patch16_dinov3_qkvb", "dinov3", 85_266_432, 35.71, 16, 768, _DINOV3),
    _vit("eva_x_tiny_patch16", "eva_x", 5_426_880, 2.47, 16, 192, _EVA_X),
    _vit("eva_x_small_patch16", "eva_x", 21_470_592, 9.12, 16, 384, _EVA_X),
    _vit("eva_x_base_patch16", "eva_x", 85_457_664, 34.97, 16, 768, _EVA_X),
    Architecture(
        "swin_base_patch4_window7_224", "swin", 24, 86_739_128, 30.83, 32, 1024, "Liu et al., ICCV 2021", fills=32
    ),
    _toh2023("cnn", 6, 14_272, 0.32, 64, 144, 19_026, fixed=True),
    _toh2023("resnet", 4, 6_289_248, 1.97, 32, 384, 6_299_342),
    _toh2023("densenet", 4, 2_123_940, 1.79, 32, 546, 2_136_302),
    _toh2023("unet_encoder", 5, 20_948_672, 17.44, 16, 12_800, 21_129_038, fixed=True),
    _toh2023("xvt", 6, 2_745_792, 1.70, 14, 192, 2_823_758),
)


def _architecture(name: str, added: object) -> Architecture:
    """Check the object of an entry point of `hilum.encoders`."""
    if not isinstance(added, Architecture):
        raise wrong_kind(ENCODERS, name, "a hilum.encoders.catalogue.Architecture", added)
    if added.name != name:
        where, fix = f"entry point {name} of {ENCODERS}", "Give both one name."
        raise HilumError(where, expected=f"an architecture of this name, {name}", found=added.name, fix=fix)
    return added


ARCHITECTURES: Registry[Architecture] = Registry(
    ENCODERS, {architecture.name: architecture for architecture in _OWN}, _architecture
)
"""Architectures by name: Hilum's own and those of installed plug-ins."""
