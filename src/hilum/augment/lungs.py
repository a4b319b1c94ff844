"""Where the lungs lie on an ordinary frontal image, and how a crop or an erased rectangle respects them.

Two ellipses, the same for every image. On 200 generated images, whose generator knows each lung, they tell the share of
the lungs in a random crop (8 to 100 % of the area) to 0.07 (standard deviation of the error), and to 0.06 where images
are padded to squares. Finding the lungs on each image would cost more than the view itself, and would fail where a lung
is white, which is where it matters.

Coordinates run from -1 to 1, from edge to edge, x to the right and y down.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

CENTRE = 0.38, -0.08
"""Of the ellipse on the right of the image; the other is its mirror image."""
SEMIAXES = 0.33, 0.65
_POINTS = 50  # for each lung


@cache
def lung_points() -> NDArray[np.float64]:
    """Points that stand for equal parts of both lungs, (K, 2): a sunflower's seeds (Vogel 1979), no two in a line."""
    seed = np.arange(_POINTS) + 0.5
    radius, angle = np.sqrt(seed / _POINTS), seed * np.pi * (3 - np.sqrt(5))
    disc = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    right = disc * SEMIAXES + CENTRE
    points = np.concatenate([right, right * [-1, 1]])
    points.setflags(write=False)
    return points


def window_that_keeps(
    half: NDArray[np.float64], centre: NDArray[np.float64], lungs: NDArray[np.float64], share: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grow windows until each holds a share of the lungs.

    Each edge that cuts lung moves towards the outermost point of the lungs, all of a window's edges by the same part
    of their way, the least that is enough. So the answer is one of the points' own parts: nothing is searched for.

    Args:
        half: half the width and height of each window, (N, 2).
        centre: of each window, (N, 2); it lies in the square from -1 to 1.
        lungs: `lung_points` as they lie where the windows are, (N, K, 2). Points outside of the square are lost.
        share: 0 to 1. Where fewer points lie inside the square, as many as there are.

    Returns:
        half, centre: of the grown windows, (N, 2) each. A window that holds enough is as it was, to the last bit.
    """
    low, high = centre - half, centre + half
    inside = _in_square(lungs)
    reach_low = np.minimum(low, np.where(inside[:, :, None], lungs, np.inf).min(axis=1))
    reach_high = np.maximum(high, np.where(inside[:, :, None], lungs, -np.inf).max(axis=1))
    enters = np.maximum(
        _part_of_way(lungs, low[:, None], reach_low[:, None]), _part_of_way(lungs, high[:, None], reach_high[:, None])
    ).max(axis=2)
    enters = np.sort(np.where(inside, enters, np.inf), axis=1)
    wanted = int(np.ceil(share * lungs.shape[1] - 1e-9))
    # Of the points that can be had, the last one wanted says how far the edges go.
    last = np.minimum(wanted, inside.sum(axis=1)) - 1
    part = np.where(last < 0, 0.0, enters[np.arange(len(enters)), np.maximum(last, 0)])
    grown_low = low + part[:, None] * (reach_low - low)
    grown_high = high + part[:, None] * (reach_high - high)
    grows = part[:, None] > 0
    return (
        np.where(grows, (grown_high - grown_low) / 2, half),
        np.where(grows, (grown_high + grown_low) / 2, centre),
    )


def window_that_spares(
    half: NDArray[np.float64], centre: NDArray[np.float64], lungs: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    """Shrink windows about their centres until each covers at most a share of the lungs that are to be seen.

    Args:
        half: half the width and height of each window, (N, 2).
        centre: of each window, (N, 2).
        lungs: `lung_points` as they lie in the view, (N, K, 2). Points outside of the square are not to be seen.
        share: 0 to 1, of the points that are.

    Returns:
        Half the width and height of the shrunk windows, (N, 2).
    """
    visible = _in_square(lungs)
    distance = (np.abs(lungs - centre[:, None]) / half[:, None]).max(axis=2)  # 1 on the window's edge
    distance = np.sort(np.where(visible, distance, np.inf), axis=1)
    allowed = np.floor(share * visible.sum(axis=1) + 1e-9).astype(np.int64)
    first_too_many = distance[np.arange(len(distance)), np.minimum(allowed, lungs.shape[1] - 1)]
    limit = np.where(allowed >= lungs.shape[1], np.inf, first_too_many)
    return half * np.minimum(limit, 1.0)[:, None]


def _in_square(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (np.abs(points[:, :, 0]) <= 1) & (np.abs(points[:, :, 1]) <= 1)


def _part_of_way(
    points: NDArray[np.float64], edge: NDArray[np.float64], reach: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much of its way an edge goes until it lets a point in; 0 for points that it does not keep out."""
    way = reach - edge
    with np.errstate(divide="ignore", invalid="ignore"):
        part = (points - edge) / way
    return np.where(np.broadcast_to(way == 0, part.shape), 0.0, np.maximum(part, 0.0))
