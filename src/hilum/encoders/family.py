"""What must be known of architectures that are built alike, so that every encoder has one and the same face."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from hilum.encoders.positions import Interpolation
from hilum.encoders.stem import Stem

OwnPooling = Literal["mean", "cls", "flatten"]


@dataclass(frozen=True)
class Family:
    """Functions of a body: the network from one normalised channel to its last features.

    Attributes:
        build: a randomly initialised body by the encoder's name; draws from torch's generator.
        encode: body and normalised images (B, 1, H, W) to its last features: a map (B, width, rows, columns), or tokens
            (B, prefix + rows · columns, width), the rows one after another behind the prefix.
        blocks: the body's parts by name, in the order in which an image passes them: the stem, and then what can be
            unfrozen from the end. Every parameter is in exactly one.
        stem: its first convolution.
        pooling: how the architecture's authors make one feature of the last ones: the mean over places, the class
            token, or all of them one after another.
        norm_behind: name of the norm that the body applies to the pooled feature; "" for none.
        cells: rows of the last features by the padded side of a film in px; None: one for every patch.
        positions: how learnt position embeddings are resized, which `encode` then takes as a third argument; None where
            there are none.
    """

    build: Callable[[str], nn.Module]
    encode: Callable[..., Tensor]
    blocks: Callable[[nn.Module], dict[str, nn.Module]]
    stem: Stem
    pooling: OwnPooling = "mean"
    norm_behind: str = ""
    cells: Callable[[int], int] | None = None
    positions: Interpolation | None = None
