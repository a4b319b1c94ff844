"""Findings of the lung: nodules and masses, consolidations, plates, reticulation and haze."""

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.anatomy.organs import Shape
from hilum.phantom.anatomy.pleura import outward
from hilum.phantom.anatomy.vessels import hilum_of
from hilum.phantom.build import Build
from hilum.phantom.projection import LEFT, RIGHT, SOLID, Solids, ellipsoids, together, tubes, turned


def lung_points(
    build: Build,
    shape: Shape,
    side: int,
    height: NDArray[np.float64],
    lateral: NDArray[np.float64],
    depth: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return points of a lung, (N, 3), cm.

    Args:
        build, shape: Patient and organs of the image.
        side: RIGHT or LEFT.
        height: 0 (dome) to 1 (top).
        lateral: 0 (beside the mediastinum) to 1 (wall).
        depth: -1 (back) to 1 (front).
    """
    low = shape.domes[side]
    z = low + height * (build.top - 0.8 - low)
    width = build.profile(z)
    y = 0.85 * shape.cage[1] * width * depth
    across = shape.cage[0] * width * np.sqrt(1 - 0.6 * depth**2)
    inner = np.minimum(2.6, 0.5 * across)
    return np.stack([outward(side) * (inner + lateral * (across - inner - 0.4)), y, z], axis=1)


def nodules(build: Build, shape: Shape, severity: float, draw: np.random.Generator) -> Solids:
    """Return one to six round opacities up to about 3 cm across."""
    count = int(draw.choice([1, 2, 3, 6], p=[0.45, 0.2, 0.15, 0.2]))
    parts = []
    for _ in range(count):
        side = int(draw.integers(2))
        place = lung_points(build, shape, side, *(draw.uniform(low, high, 1) for low, high in _ANYWHERE))
        radius = (0.9 + 0.65 * severity) * draw.uniform(0.8, 1.15)
        parts.append(
            ellipsoids(place, radius * draw.uniform(0.85, 1.15, 3), axes=turned(y=draw.uniform(0, 180)), role=SOLID,
                       side=side)
        )  # fmt: skip
    return together(parts)


def mass(build: Build, shape: Shape, severity: float, draw: np.random.Generator, contrast: float) -> Solids:
    """Return a lobulated opacity of more than 3 cm, with spicules."""
    side = int(draw.integers(2))
    place = lung_points(build, shape, side, *(draw.uniform(low, high, 1) for low, high in _ANYWHERE))[0]
    radius = 2.3 + 1.8 * severity
    lobes = int(draw.integers(2, 6))
    around = _directions(draw, lobes) * radius * draw.uniform(0.25, 0.6, (lobes, 1))
    rays = 14
    ways = _directions(draw, rays)
    return together(
        [
            ellipsoids(place, radius * draw.uniform(0.75, 0.95, 3), role=SOLID, side=side),
            ellipsoids(place + around, radius * draw.uniform(0.4, 0.7, (lobes, 3)), role=SOLID, side=side),
            ellipsoids(place, radius * 0.85, value=0.4 * contrast, side=side, soft=True),
            tubes(place + ways * radius * 0.7, place + ways * radius * draw.uniform(1.2, 1.9, (rays, 1)), 0.07,
                  value=0.8 * contrast, side=side),
        ]
    )  # fmt: skip


def pneumonia(build: Build, shape: Shape, severity: float, draw: np.random.Generator, contrast: float) -> Solids:
    """Return patchy opacities in one lobe, sometimes in two."""
    parts = []
    for _ in range(1 if draw.random() < 0.7 else 2):
        side, centre = _lobe(build, shape, draw)
        count = 18
        spread = draw.normal(0, 1, (count, 3)) * [1.9, 1.9, 1.7]
        sizes = draw.uniform(0.55, 1.35, (count, 1)) * np.ones(3)
        value = contrast * (0.16 + 0.30 * severity) * draw.uniform(0.4, 1.6, count)
        parts.append(ellipsoids(centre + spread, sizes, value=value, side=side, soft=True))
    return together(parts)


def consolidation(build: Build, shape: Shape, severity: float, draw: np.random.Generator, contrast: float) -> Solids:
    """Return a consolidated lobe with air bronchograms."""
    side, centre = _lobe(build, shape, draw)
    size = 1.5 + 1.6 * severity
    count = 10
    spread = np.clip(draw.normal(0, 0.55, (count, 3)), -1, 1) * size
    value = contrast * (0.42 + 0.26 * severity) * draw.uniform(0.6, 1.3, count)
    root = hilum_of(side, shape)
    ways = centre + draw.normal(0, 1.3, (7, 3)) * [1, 0.6, 1]
    starts = centre + 0.35 * (root - centre) + draw.normal(0, 0.5, (7, 3))
    return together(
        [
            ellipsoids(centre + spread, draw.uniform(0.6, 0.95, (count, 3)) * size * 0.8, value=value, side=side,
                       soft=True),
            tubes(starts, ways, 0.2, value=-0.9 * contrast * (0.5 + 0.5 * severity), side=side),
        ]
    )  # fmt: skip


def infiltration(build: Build, shape: Shape, severity: float, draw: np.random.Generator, contrast: float) -> Solids:
    """Return faint, ill-defined patches and strands in one or both lungs."""
    both = draw.random() < 0.45
    sides = (RIGHT, LEFT) if both else (int(draw.integers(2)),)
    parts = []
    for side in sides:
        high = draw.uniform(0.05, 0.6)
        count = 16
        patches = lung_points(build, shape, side, np.clip(draw.normal(high, 0.15, count), 0, 0.95),
                              draw.uniform(0.05, 0.75, count), draw.uniform(-0.7, 0.7, count))  # fmt: skip
        value = contrast * (0.08 + 0.15 * severity) * draw.uniform(0.3, 1.7, count)
        parts.append(ellipsoids(patches, draw.uniform(0.7, 1.8, (count, 3)), value=value, side=side, soft=True))
        dense = contrast * (0.35 + 0.65 * severity)
        parts.append(_strands(build, shape, side, 45, high, (0.0, 0.8), 0.10, dense, draw))
    return together(parts)


def atelectasis(
    build: Build, shape: Shape, side: int, severity: float, draw: np.random.Generator, contrast: float
) -> Solids:
    """Return plates of collapsed lung above the dome; the raised dome itself is part of `Shape`."""
    count = int(2 + round(1.5 * severity + 0.6 * draw.random()))
    heights = np.clip(draw.uniform(0.02, 0.34, count), 0, 1)
    places = lung_points(build, shape, side, heights, draw.uniform(0.15, 0.7, count), draw.uniform(-0.5, 0.4, count))
    sizes = np.stack(
        [
            draw.uniform(1.6, 2.6, count) * (1 + 0.7 * severity),
            draw.uniform(1.5, 3.0, count),
            draw.uniform(0.2, 0.32, count) * (1 + 1.4 * severity),
        ],
        axis=1,
    )
    lean = draw.normal(0, 16, count) + outward(side) * 8
    axes = np.stack([turned(y=angle, x=draw.normal(0, 7)) for angle in lean])
    crowded = lung_points(build, shape, side, np.full(3, 0.04), draw.uniform(0.1, 0.6, 3), draw.uniform(-0.6, 0.0, 3))
    return together(
        [
            ellipsoids(places, sizes, axes=axes, value=contrast * (0.75 + 0.2 * severity), side=side),
            ellipsoids(crowded, [2.2, 1.6, 0.8], value=contrast * (0.1 + 0.3 * severity), side=side, soft=True),
        ]
    )


def edema(build: Build, shape: Shape, severity: float, draw: np.random.Generator, contrast: float) -> Solids:
    """Return perihilar haze and septal lines at the bases; dilated vessels are part of `vessels`."""
    parts = []
    for side in (RIGHT, LEFT):
        root = hilum_of(side, shape) + np.array([outward(side) * 1.8, 0, -1.0])
        count = 12
        cloud = root + draw.normal(0, 1, (count, 3)) * [2.0, 2.6, 3.6]
        value = contrast * (0.06 + 0.15 * severity) * draw.uniform(0.4, 1.6, count)
        parts.append(ellipsoids(cloud, draw.uniform(1.1, 2.6, (count, 3)), value=value, side=side, soft=True))
        lines = int(8 + 22 * severity)
        spots = lung_points(build, shape, side, draw.uniform(-0.12, 0.25, lines), draw.uniform(0.82, 1.0, lines),
                            draw.uniform(-0.5, 0.5, lines))  # fmt: skip
        step = np.stack([draw.uniform(0.5, 0.9, lines) * outward(side), 0 * spots[:, 1], draw.normal(0, 0.1, lines)], 1)
        parts.append(tubes(spots - step, spots + step, 0.06, value=contrast * 0.9, side=side))
        parts.append(_strands(build, shape, side, 30, 0.4, (0.0, 0.6), 0.07, contrast * (0.4 + 0.5 * severity), draw))
    return together(parts)


def fibrosis(build: Build, shape: Shape, severity: float, draw: np.random.Generator, contrast: float) -> Solids:
    """Return subpleural reticulation, coarsest at the bases."""
    parts = []
    for side in (RIGHT, LEFT):
        count = int(220 + 160 * severity)
        coarse = 0.16 + 0.08 * severity
        parts.append(_strands(build, shape, side, count, 0.08, (0.35, 1.0), coarse, contrast, draw))
        haze = lung_points(build, shape, side, np.abs(draw.normal(0.05, 0.12, 10)), draw.uniform(0.4, 0.95, 10),
                           draw.uniform(-0.8, 0.5, 10))  # fmt: skip
        value = contrast * (0.10 + 0.16 * severity)
        parts.append(ellipsoids(haze, draw.uniform(0.6, 1.3, (10, 3)), value=value, side=side, soft=True))
    return together(parts)


_ANYWHERE = ((0.08, 0.93), (0.18, 0.92), (-0.7, 0.7))


def _lobe(build: Build, shape: Shape, draw: np.random.Generator) -> tuple[int, NDArray[np.float64]]:
    side = int(draw.integers(2))
    lower = draw.random() < 0.65
    height = draw.uniform(0.05, 0.35) if lower else draw.uniform(0.5, 0.85)
    depth = draw.uniform(-0.6, 0.1) if lower else draw.uniform(-0.2, 0.6)
    place = lung_points(build, shape, side, np.array([height]), draw.uniform(0.15, 0.7, 1), np.array([depth]))
    return side, place[0]


def _directions(draw: np.random.Generator, count: int) -> NDArray[np.float64]:
    ways = draw.normal(0, 1, (count, 3))
    unit: NDArray[np.float64] = ways / np.linalg.norm(ways, axis=1, keepdims=True)
    return unit


def _strands(
    build: Build,
    shape: Shape,
    side: int,
    count: int,
    height: float,
    lateral: tuple[float, float],
    radius: float,
    value: float,
    draw: np.random.Generator,
) -> Solids:
    """Return short tubes in all directions, most of them around one height."""
    spots = lung_points(build, shape, side, np.clip(height + np.abs(draw.normal(0, 0.16, count)) - 0.12, -0.15, 0.95),
                        draw.uniform(*lateral, count), draw.uniform(-0.85, 0.6, count))  # fmt: skip
    half = _directions(draw, count) * draw.uniform(0.35, 0.8, (count, 1))
    return tubes(spots - half, spots + half, radius * draw.uniform(0.7, 1.4, count), value=value, side=side)
