"""Position embeddings of a vision transformer at another size of the image."""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

Grid = tuple[int, int]


@dataclass(frozen=True)
class Interpolation:
    """How a family's reference implementation stretches its grid of position embeddings; always bicubic.

    Attributes:
        antialias: filter before shrinking. torch's filtered kernel is also another cubic (a = -0.5 instead of -0.75),
            so this changes the result of enlarging as well.
        offset: added to the number of rows and columns wanted before the scale is computed from them. 0 asks for the
            exact size.
    """

    antialias: bool
    offset: float = 0.0

    def as_tensor(self) -> Tensor:
        """Two numbers, (antialias, offset), float32: as which a rule travels with weights."""
        return torch.tensor([float(self.antialias), self.offset])

    @classmethod
    def from_tensor(cls, numbers: Tensor) -> "Interpolation":
        """The rule that `as_tensor` wrote."""
        antialias, offset = numbers.tolist()
        return cls(antialias=bool(antialias), offset=round(offset, 6))


ANTIALIASED = Interpolation(antialias=True)
"""timm's own rule, and the one of DINOv2 with registers (`interpolate_antialias=True, interpolate_offset=0.0` in its
hub entry points; Darcet et al., "Vision transformers need registers", ICLR 2024)."""

OFFSET_BY_A_TENTH = Interpolation(antialias=False, offset=0.1)
"""DINOv2 without registers (`interpolate_antialias=False, interpolate_offset=0.1`), as DINO before it: the tenth
guarded against a size rounded down, and the weights' authors evaluated with it."""

EXACT_SIZE = Interpolation(antialias=False)
"""transformers' Dinov2Model (`interpolate_pos_encoding`, to the exact size), and so RAD-DINO's authors' code; MAE's
util/pos_embed.py likewise."""


def resize_positions(
    positions: Tensor, from_grid: Grid, to_grid: Grid, prefix_tokens: int, rule: Interpolation = ANTIALIASED
) -> Tensor:
    """Position embeddings for another grid of patches.

    The interpolation is applied as two matrices, one for rows and one for columns, which torch's own kernel yields
    when it resizes the unit vectors: the result is that kernel's up to rounding, and its gradient is deterministic on
    a GPU too, where the kernel's own is not.

    Args:
        positions: (1, prefix_tokens + rows · columns, width); rows one after another.
        from_grid, to_grid: rows and columns.
        prefix_tokens: leading embeddings that belong to no patch (class token, registers); they stay as they are.
        rule: of the weights' reference implementation.

    Returns:
        (1, prefix_tokens + new rows · new columns, width), float32 where it was resized; `positions` itself where the
        grids are equal.
    """
    if from_grid == to_grid:
        return positions
    prefix, patches = positions[:, :prefix_tokens], positions[:, prefix_tokens:]
    rows = _resizing(from_grid[0], to_grid[0], rule, positions.device)
    columns = _resizing(from_grid[1], to_grid[1], rule, positions.device)
    grid = patches.double().reshape(*from_grid, -1)  # float64: autocast leaves it alone
    resized = torch.einsum("ri,cj,ijd->rcd", rows, columns, grid)
    return torch.cat([prefix.float(), resized.reshape(1, to_grid[0] * to_grid[1], -1).float()], dim=1)


@lru_cache(maxsize=64)
def _resizing(old: int, new: int, rule: Interpolation, device: torch.device) -> Tensor:
    """The matrix (new, old) that resizes one axis; an ordinary tensor also when asked for under inference mode."""
    with torch.inference_mode(False), torch.no_grad():
        units = torch.eye(old, device="cpu")[None, None]  # float32, as the references compute
        if rule.offset:
            scale = (new + rule.offset) / old, 1.0
            resized = F.interpolate(units, scale_factor=scale, mode="bicubic", antialias=rule.antialias)
        else:
            resized = F.interpolate(units, size=(new, old), mode="bicubic", antialias=rule.antialias)
        return resized[0, 0].double().to(device)
