"""The visible patches of films, side by side in a map of their own, so that hidden ones need not be computed.

A masked autoencoder hides most of a film, and as many patches of each. Whatever looks at one place at a time, or at
places of one patch only, need not know about the others; only what looks across patches needs them back in place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class VisiblePatches:
    """Which patches are visible.

    Attributes:
        grid: films, rows and columns of patches.
        films, rows, columns: of each visible patch, (films · visible); those of one film follow each other.
    """

    grid: tuple[int, int, int]
    films: Tensor
    rows: Tensor
    columns: Tensor

    @classmethod
    def of(cls, visible: Tensor) -> "VisiblePatches":
        """From a mask, (B, rows, columns), True where visible.

        Raises:
            ValueError: not as many are visible of every film, or none is.
        """
        counts = visible.flatten(1).sum(1)
        if not counts[0] or not counts.eq(counts[0]).all():
            raise ValueError(f"as many patches of every film must be visible, and at least one, not {counts.tolist()}")
        films, rows, columns = visible.nonzero(as_tuple=True)
        return cls((visible.shape[0], visible.shape[1], visible.shape[2]), films, rows, columns)

    def pack(self, maps: Tensor) -> Tensor:
        """(B, C, rows · s, columns · s) to (B, C, visible · s, s): of each film, one patch below another."""
        packed: Tensor = _Linear.apply(maps, self.taken, self.put)
        return packed

    def unpack(self, packed: Tensor) -> Tensor:
        """(B, C, visible · s, s) to (B, C, rows · s, columns · s): in their places, and zero at hidden ones."""
        maps: Tensor = _Linear.apply(packed, self.put, self.taken)
        return maps

    def taken(self, maps: Tensor) -> Tensor:
        """As `pack`, without gradients."""
        films, rows, columns = self.grid
        side = maps.shape[2] // rows
        cells = maps.permute(0, 2, 3, 1).reshape(films, rows, side, columns, side, -1)
        patches = cells[self.films, self.rows, :, self.columns]  # (films · visible, s, s, C)
        return patches.reshape(films, -1, side, maps.shape[1]).permute(0, 3, 1, 2)

    def put(self, packed: Tensor) -> Tensor:
        """As `unpack`, without gradients."""
        films, rows, columns = self.grid
        channels, side = packed.shape[1], packed.shape[3]
        cells = packed.new_zeros(films, rows, side, columns, side, channels)
        cells[self.films, self.rows, :, self.columns] = packed.permute(0, 2, 3, 1).reshape(-1, side, side, channels)
        return cells.view(films, rows * side, columns * side, channels).permute(0, 3, 1, 2)


class _Linear(torch.autograd.Function):
    """A linear map and its adjoint: `taken` and `put` are each other's.

    No patch is taken twice, so a gradient is put; torch's own would add, one patch after another.
    """

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]
    ) -> Tensor:
        ctx.back = back
        return there(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.back(gradient), None, None
