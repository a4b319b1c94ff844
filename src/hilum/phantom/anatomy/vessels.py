"""Pulmonary vessels: hila and vessel trees."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.anatomy.organs import Shape
from hilum.phantom.build import CAGE_CENTRE, Build
from hilum.phantom.projection import LEFT, RIGHT, Solids, ellipsoids, path, together, tubes

_LENGTHS = (2.7, 2.5, 2.1, 1.8, 1.5)
_TREES = 11


def hilum_of(side: int, shape: Shape) -> NDArray[np.float64]:
    """Return the position of a hilum, cm; the left one is higher, and both move with the diaphragm."""
    lift = 0.25 * shape.domes[side]
    return np.array([-3.7, -1.0, 8.1 + lift]) if side == RIGHT else np.array([3.9, -1.4, 9.0 + lift])


def vessels(
    build: Build,
    shape: Shape,
    contrast: tuple[float, float],
    draw: np.random.Generator,
    *,
    upright: bool,
    fullness: float = 1.0,
    pruned: float = 0.0,
    within: Mapping[int, tuple[NDArray[np.float64], NDArray[np.float64]]] | None = None,
) -> Solids:
    """Return both lungs' vessels, cut to the lungs.

    Args:
        build: Build of the patient.
        shape: Organs of the image.
        contrast: Attenuation of blood above that of each lung, 1/cm.
        draw: Random generator of the patient, so that the trees are the same on every image.
        upright: Position of the patient; lower vessels are wider in upright patients.
        fullness: Relative width of the vessels; above 1 in congestion.
        pruned: Fraction of the peripheral vessels destroyed by emphysema.
        within: Centre and semiaxes of the rest of a collapsed lung, by side.
    """
    parts = []
    for side in (RIGHT, LEFT):
        parts.append(_hilum(side, shape, contrast[side] * 0.9, build.vessels * fullness))
        centre = np.array([0.0, 0.0, CAGE_CENTRE])
        reach = np.array([0.97 * shape.cage[0], 0.97 * shape.cage[1], build.top + 2.0])
        if within and side in within:
            centre, reach = within[side]
        parts.append(_trees(build, shape, side, contrast[side], draw, upright, fullness, pruned, centre, reach))
    return together(parts)


def _hilum(side: int, shape: Shape, contrast: float, size: float) -> Solids:
    x, y, z = hilum_of(side, shape)
    out = -1.0 if side == RIGHT else 1.0
    upper = [[x - out * 1.6, y, z + 0.2], [x + out * 0.2, y, z + 1.0], [x + out * 1.0, y - 0.6, z + 2.8]]
    lower = [[x - out * 1.2, y, z + 0.4], [x + out * 0.5, y - 0.6, z - 0.4], [x + out * 1.2, y - 1.5, z - 3.6]]
    vein = [[x - out * 2.5, y + 1.0, z - 3.2], [x, y + 0.6, z - 2.6], [x + out * 2.0, y, z - 2.4]]
    return together(
        [
            path(upper, np.array([0.75, 0.5]) * size, value=contrast, side=side),
            path(lower, np.array([0.85, 0.62]) * size, value=contrast, side=side),
            path(vein, np.array([0.6, 0.45]) * size, value=contrast, side=side),
            ellipsoids([x, y, z], [1.0, 1.0, 1.7], value=0.3 * contrast, side=side, soft=True),
        ]
    )


def _trees(
    build: Build,
    shape: Shape,
    side: int,
    contrast: float,
    draw: np.random.Generator,
    upright: bool,
    fullness: float,
    pruned: float,
    centre: NDArray[np.float64],
    reach: NDArray[np.float64],
) -> Solids:
    out = -1.0 if side == RIGHT else 1.0
    root = hilum_of(side, shape)
    around = np.linspace(-1.25, 1.32, _TREES) + draw.normal(0, 0.08, _TREES)
    forward = draw.uniform(-0.75, 0.75, _TREES)
    heading = np.stack([out * np.cos(around) * 0.85 + out * 0.12, forward, -np.sin(around)], axis=1)
    place = root + np.stack([out * 0.4 + 0 * around, 0.5 * forward, -1.6 * np.sin(around)], axis=1)
    radius = 0.36 * draw.uniform(0.75, 1.25, _TREES)
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    starts, ends, radii = [], [], []
    for length in _LENGTHS:
        count = len(place)
        stretch = length * draw.uniform(0.7, 1.3, count)
        bend = draw.normal(0, 0.13, (count, 3))
        middle = place + heading * (stretch / 2)[:, None]
        tip = middle + (heading + bend) * (stretch / 2)[:, None]
        starts += [place, middle]
        ends += [middle, tip]
        radii += [radius, radius * 0.93]
        heading = heading + bend
        apart = np.cross(heading, draw.normal(0, 1, (count, 3)))
        apart /= np.linalg.norm(apart, axis=1, keepdims=True)
        part = draw.uniform(0.35, 0.65, count)
        wide = draw.uniform(0.42, 0.62, count)[:, None]
        heading = np.concatenate([heading + apart * wide * part[:, None] * 1.6,
                                  heading - apart * wide * (1 - part[:, None]) * 1.6])  # fmt: skip
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        radius = np.concatenate([radius * (1 - part) ** 0.40, radius * part**0.40]) * 0.95
        place = np.concatenate([tip, tip])
    start, end, size = np.concatenate(starts), np.concatenate(ends), np.concatenate(radii)
    lasting = draw.random(len(size))
    inside = (((end - centre) / reach) ** 2).sum(1) < 1.0
    selected = inside & (lasting > pruned * np.clip(1.2 - size / 0.3, 0, 1))
    start, end, size = start[selected], end[selected], size[selected]
    below = np.clip((root[2] - start[:, 2]) / 8, -1, 1)
    size = size * build.vessels * fullness * (1 + (0.22 if upright else 0.05) * below)
    if fullness > 1.0:
        size = size * (1 + (fullness - 1.0) * np.clip(-below, 0, 1))  # redistribution of blood to the upper lobes
    return tubes(start, end, size, value=contrast, side=side)
