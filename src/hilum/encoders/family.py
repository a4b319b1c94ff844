"""Interface of encoder families."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from hilum.encoders.positions import Interpolation
from hilum.encoders.stem import Stem

OwnPooling = Literal["mean", "cls", "flatten"]
Step = Callable[[Tensor], Tensor]
"""Computation of a block: from one hidden state to the next."""


@dataclass(frozen=True)
class Family:
    """A family of architectures; its body is the network from one normalised channel to the last features.

    Attributes:
        build: Function of the encoder's name to a randomly initialised body; uses torch's generator.
        steps: Function of a body and the image size (rows, columns in px) to the computation of each of `blocks`. The
            first step takes normalised images (B, 1, H, W); the last returns the last features: a map (B, width, rows,
            columns), or tokens (B, prefix + rows · columns, width) in row-major order. A step uses only parameters of
            its block, and calls the block's modules, so that hooks and replaced `forward` methods have an effect
            (`hilum.training.activation_checkpointing`).
        blocks: Function of a body to its parts by name: the stem, then the blocks that can be unfrozen from the end.
            Every parameter is in exactly one.
        stem: First convolution.
        pooling: Pooling of the last features as in the publication: mean over positions, class token, or flattening.
        norm_behind: Name of the norm after the pooling; "" for none.
        cells: Function of the padded side of an image in px to the rows of the last features; None: one per patch.
        positions: Resizing rule of learned position embeddings, then the third argument of `encode`; None: no such
            embeddings.
    """

    build: Callable[[str], nn.Module]
    steps: Callable[..., list[Step]]
    blocks: Callable[[nn.Module], dict[str, nn.Module]]
    stem: Stem
    pooling: OwnPooling = "mean"
    norm_behind: str = ""
    cells: Callable[[int], int] | None = None
    positions: Interpolation | None = None

    def encode(self, body: nn.Module, images: Tensor, *rule: Interpolation) -> Tensor:
        """Compute the last features of normalised images (B, 1, H, W)."""
        return run_steps(self.steps(body, (images.shape[2], images.shape[3]), *rule), images)


def run_steps(steps: Sequence[Step], hidden: Tensor) -> Tensor:
    """Run steps in sequence."""
    for step in steps:
        hidden = step(hidden)
    return hidden


def run_modules(*modules: nn.Module) -> Step:
    """Return a step that calls modules in sequence."""

    def step(hidden: Tensor) -> Tensor:
        for module in modules:
            hidden = module(hidden)
        return hidden

    return step
