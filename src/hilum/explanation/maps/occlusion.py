"""Occlusion: how much a score falls when a part of the image is covered.

Zeiler & Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, §4.2. It asks no network for its
insides, works for all of them, and costs a pass for every place of the cover.
"""

from collections.abc import Callable

import torch
from torch import Tensor

CELLS = 14
"""Rows and columns of cells on an image."""
SPAN = 3
"""Cells that the square cover is wide and high."""


def occlusion_maps(
    score: Callable[[Tensor], Tensor], images: Tensor, *, cells: int = CELLS, span: int = SPAN, at_once: int = 128
) -> Tensor:
    """Mean fall of each score over the covers that lie on a cell.

    The cover has the image's own mean gray. It stands wherever it fits, so cells at the edge are covered less often
    than those in the middle, and each cell takes the mean over its own covers. A score that rises counts as 0 only at
    the
    end: falls and rises of the covers on a cell are averaged first.

    Args:
        score: images (B, 1, S, S) to (B, F) scores.
        images: (B, 1, S, S).
        cells: rows and columns of cells, at most S; edges between cells are rounded to whole px.
        span: width and height of the cover in cells, 1 to `cells`.
        at_once: images in one pass.

    Returns:
        (B, F, cells, cells), at least 0.
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
