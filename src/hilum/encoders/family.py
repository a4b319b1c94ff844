"""What must be known of architectures that are built alike, so that every encoder has one and the same face."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from hilum.encoders.positions import Interpolation
from hilum.encoders.stem import Stem

OwnPooling = Literal["mean", "cls", "flatten"]
Step = Callable[[Tensor], Tensor]
"""What a block does, with what belongs to it: from one hidden state to the next."""


@dataclass(frozen=True)
class Family:
    """Functions of a body: the network from one normalised channel to its last features.

    Attributes:
        build: a randomly initialised body by the encoder's name; draws from torch's generator.
        steps: what each of `blocks` computes, in the same order, for a body and images of so many rows and columns of
            pixels. The first takes normalised images (B, 1, H, W), each further one what the one before gave, and the
            last gives the last features: a map (B, width, rows, columns), or tokens (B, prefix + rows · columns,
            width), the rows one after another behind the prefix. A step uses the parameters of its own block alone,
            and calls the block's modules, so that what is hooked onto them or put in the place of their `forward` has
            its effect (`hilum.training.activation_checkpointing`).
        blocks: the body's parts by name, in the order in which an image passes them: the stem, and then what can be
            unfrozen from the end. Every parameter is in exactly one.
        stem: its first convolution.
        pooling: how the architecture's authors make one feature of the last ones: the mean over places, the class
            token, or all of them one after another.
        norm_behind: name of the norm that the body applies to the pooled feature; "" for none.
        cells: rows of the last features by the padded side of an image in px; None: one for every patch.
        positions: how learnt position embeddings are resized, which `encode` then takes as a third argument; None where
            there are none.
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
        """All steps: normalised images (B, 1, H, W) to the last features."""
        return run_steps(self.steps(body, (images.shape[2], images.shape[3]), *rule), images)


def run_steps(steps: Sequence[Step], hidden: Tensor) -> Tensor:
    """One step after another."""
    for step in steps:
        hidden = step(hidden)
    return hidden


def run_modules(*modules: nn.Module) -> Step:
    """A step that calls modules one after another."""

    def step(hidden: Tensor) -> Tensor:
        for module in modules:
            hidden = module(hidden)
        return hidden

    return step
