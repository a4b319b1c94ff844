"""Catalogue of architectures, without torch: sizes, cost and constraints, for study files and cost estimates."""

import csv
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from hilum.errors import HilumError
from hilum.extensions import ENCODERS, Registry, wrong_kind

TIMM = "timm (Apache-2.0)"

_TOH2023 = ("cnn", "densenet", "resnet", "unet_encoder", "xvt")

_TEXT = frozenset({"name", "family", "paper", "code"})

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


def _own() -> dict[str, Architecture]:
    """Read Hilum's own architectures; an empty cell means the default."""
    text = files("hilum.encoders").joinpath("architectures.csv").read_text(encoding="utf-8")
    own: dict[str, Architecture] = {}
    for row in csv.DictReader(text.splitlines()):
        given: dict[str, Any] = {
            column: value if column in _TEXT else json.loads(value) for column, value in row.items() if value != ""
        }
        own[row["name"]] = Architecture(**given)
    return own


def _architecture(name: str, added: object) -> Architecture:
    """Check the object of an entry point of `hilum.encoders`."""
    if not isinstance(added, Architecture):
        raise wrong_kind(ENCODERS, name, "a hilum.encoders.catalogue.Architecture", added)
    if added.name != name:
        where, fix = f"entry point {name} of {ENCODERS}", "Give both one name."
        raise HilumError(where, expected=f"an architecture of this name, {name}", found=added.name, fix=fix)
    return added


ARCHITECTURES: Registry[Architecture] = Registry(ENCODERS, _own(), _architecture)
"""Architectures by name: Hilum's own and those of installed plug-ins."""
