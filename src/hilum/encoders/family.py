"""Interface of encoder families."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

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

    @classmethod
    def of_sequence(
        cls,
        build: Callable[[str], nn.Module],
        parts: Callable[[nn.Module], Mapping[str, Sequence[nn.Module]]],
        stem: Stem,
        **further: Any,
    ) -> "Family":
        """Return a family whose blocks call modules in sequence.

        Args:
            build, stem: As in the class.
            parts: Function of a body to the modules of the stem and of each block, by name, in the order of the calls.
            further: Further attributes. A norm behind the pooling belongs to the last block.
        """

        def steps(body: nn.Module, _: tuple[int, int]) -> list[Step]:
            return [run_modules(*modules) for modules in parts(body).values()]

        def blocks(body: nn.Module) -> dict[str, nn.Module]:
            behind = further.get("norm_behind", "")
            *others, (last, modules) = parts(body).items()
            closing = [*modules, *([body.get_submodule(behind)] if behind else [])]
            return {name: nn.ModuleList(each) for name, each in (*others, (last, closing))}

        return cls(build, steps, blocks, stem, **further)

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
