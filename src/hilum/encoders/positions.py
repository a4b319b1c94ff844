"""Interpolation of learned position embeddings to other image sizes."""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

Grid = tuple[int, int]


@dataclass(frozen=True)
class Interpolation:
    """Rule for bicubic interpolation of position embeddings, as in a family's reference implementation.

    Attributes:
        antialias: Antialiasing when shrinking. torch's antialiased kernel is another cubic (a = -0.5 instead of -0.75),
            so that results also differ when enlarging.
        offset: Added to the new number of rows and columns to compute the scale; 0: exact size.
    """

    antialias: bool
    offset: float = 0.0

    def as_tensor(self) -> Tensor:
        """Return (antialias, offset) as float32, the buffer stored with weights."""
        return torch.tensor([float(self.antialias), self.offset])

    @classmethod
    def from_tensor(cls, numbers: Tensor) -> "Interpolation":
        """Restore the rule from `as_tensor`."""
        antialias, offset = numbers.tolist()
        return cls(antialias=bool(antialias), offset=round(offset, 6))


ANTIALIASED = Interpolation(antialias=True)
"""Rule of timm and of DINOv2 with registers (`interpolate_antialias=True, interpolate_offset=0.0` in its
hub entry points; Darcet et al., "Vision transformers need registers", ICLR 2024)."""

OFFSET_BY_A_TENTH = Interpolation(antialias=False, offset=0.1)
"""Rule of DINO and of DINOv2 without registers (`interpolate_antialias=False, interpolate_offset=0.1`); the offset
prevents rounding down, and the authors evaluated with it."""

EXACT_SIZE = Interpolation(antialias=False)
"""Rule of transformers' Dinov2Model (`interpolate_pos_encoding`), used by RAD-DINO's authors, and of MAE's
util/pos_embed.py."""


def resize_positions(
    positions: Tensor, from_grid: Grid, to_grid: Grid, prefix_tokens: int, rule: Interpolation = ANTIALIASED
) -> Tensor:
    """Resize position embeddings to another grid of patches.

    Applied as two matrices, for rows and columns, from torch's kernel on unit vectors: results equal that kernel's up
    to rounding, but gradients are also deterministic on a GPU.

    Args:
        positions: Embeddings, (1, prefix_tokens + rows · columns, width), in row-major order.
        from_grid, to_grid: Rows and columns.
        prefix_tokens: Leading embeddings of class token and registers, not changed.
        rule: Rule of the weights' reference implementation.

    Returns:
        (1, prefix_tokens + new rows · new columns, width), float32 if resized; `positions` itself if the grids are
        equal.
    """
    if from_grid == to_grid:
        return positions
    prefix, patches = positions[:, :prefix_tokens], positions[:, prefix_tokens:]
    rows = _resizing(from_grid[0], to_grid[0], rule, positions.device)
    columns = _resizing(from_grid[1], to_grid[1], rule, positions.device)
    grid = patches.double().reshape(*from_grid, -1)  # float64 is not affected by autocast
    resized = torch.einsum("ri,cj,ijd->rcd", rows, columns, grid)
    return torch.cat([prefix.float(), resized.reshape(1, to_grid[0] * to_grid[1], -1).float()], dim=1)


@lru_cache(maxsize=64)
def _resizing(old: int, new: int, rule: Interpolation, device: torch.device) -> Tensor:
    """Compute the matrix (new, old) that resizes one axis; an ordinary tensor also under inference mode."""
    with torch.inference_mode(False), torch.no_grad():
        units = torch.eye(old, device="cpu")[None, None]  # float32, as in the reference implementations
        if rule.offset:
            scale = (new + rule.offset) / old, 1.0
            resized = F.interpolate(units, scale_factor=scale, mode="bicubic", antialias=rule.antialias)
        else:
            resized = F.interpolate(units, size=(new, old), mode="bicubic", antialias=rule.antialias)
        return resized[0, 0].double().to(device)
