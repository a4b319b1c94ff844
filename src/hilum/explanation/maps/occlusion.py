"""Occlusion maps: decrease of a score when a part of the image is covered.

Zeiler & Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, §4.2. It works for all networks and
needs one forward pass per position of the cover.
"""

from collections.abc import Callable

import torch
from torch import Tensor

CELLS = 14
"""Rows and columns of cells on an image."""
SPAN = 3
"""Side of the square cover in cells."""


def occlusion_maps(
    score: Callable[[Tensor], Tensor], images: Tensor, *, cells: int = CELLS, span: int = SPAN, at_once: int = 128
) -> Tensor:
    """Compute the mean decrease of each score over the covers of each cell.

    The cover has the mean gray of the image and takes all positions inside it, so cells at the edge are covered less
    often than those in the centre. Decreases and increases are averaged over the covers of a cell; a negative mean is
    set to 0.

    Args:
        score: Function of images (B, 1, S, S) to scores (B, F).
        images: Views, (B, 1, S, S).
        cells: Rows and columns of cells, at most S; edges between cells are rounded to whole px.
        span: Width and height of the cover in cells, 1 to `cells`.
        at_once: Number of images in one pass.

    Returns:
        Maps, (B, F, cells, cells), at least 0.
    """
    side = images.shape[-1]
    edges = [round(cell * side / cells) for cell in range(cells + 1)]
    corners = [(row, column) for row in range(cells - span + 1) for column in range(cells - span + 1)]
    gray = images.mean((2, 3), keepdim=True)
    with torch.no_grad():
        whole = score(images)
        falls = torch.zeros(*whole.shape, cells, cells, dtype=whole.dtype, device=whole.device)
        covers = torch.zeros(cells, cells, dtype=whole.dtype, device=whole.device)
        few = max(at_once // len(images), 1)
        for first in range(0, len(corners), few):
            some = corners[first : first + few]
            covered = images.expand(len(some), *images.shape).clone()
            for n, (row, column) in enumerate(some):
                covered[n, :, :, edges[row] : edges[row + span], edges[column] : edges[column + span]] = gray
            scores = score(covered.flatten(0, 1)).reshape(len(some), *whole.shape)
            for n, (row, column) in enumerate(some):
                falls[:, :, row : row + span, column : column + span] += (whole - scores[n])[:, :, None, None]
                covers[row : row + span, column : column + span] += 1
    return (falls / covers).relu()
