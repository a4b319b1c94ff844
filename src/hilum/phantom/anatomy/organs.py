"""Soft tissue: body wall, mediastinum with heart and great vessels, diaphragm, airways, stomach."""

from dataclasses import dataclass, replace

import numpy as np

from hilum.phantom.anatomy.skeleton import spine_offset
from hilum.phantom.build import CAGE_CENTRE, Build
from hilum.phantom.projection import (
    AIRSPACE,
    BODY,
    EITHER,
    LEFT,
    RIGHT,
    SOLID,
    Solids,
    ellipsoids,
    path,
    together,
    tubes,
    turned,
)


@dataclass(frozen=True)
class Shape:
    """Organs on one image, by breathing, position and disease; cm.

    Attributes:
        domes: Heights of the right and left dome of the diaphragm.
        flatness: Flatness of the domes, 0 (round) to 1 (flat).
        heart: Size of the heart relative to the average.
        slim: Narrowing of the heart in an upright position, 0 to 1.
        cage: Semiaxes of the inside of the rib cage.
        widening: Widening of the mediastinum.
    """

    domes: tuple[float, float]
    flatness: float
    heart: float
    slim: float
    cage: tuple[float, float, float]
    widening: float

    def with_dome(self, side: int, raised: float) -> "Shape":
        """Return the same organs with one dome raised, cm."""
        domes = list(self.domes)
        domes[side] += raised
        return replace(self, domes=(domes[0], domes[1]))


def body(build: Build, view: str) -> Solids:
    """Return trunk, neck, shoulders, arms and breasts."""
    width, depth, _ = build.cage
    fat = build.fat
    wide = width / 13.3
    parts = [
        ellipsoids([0, 0.3, -16], [width + 2.1 + fat, depth + 2.3 + 0.8 * fat, 40], role=BODY),
        tubes([[0, -1.5, 12]], [[0, -0.5, 60]], 5.2 + 0.35 * fat, across=5.4 + 0.3 * fat, role=BODY),
        ellipsoids([0, -1.5, 15.5], [11.5 * wide, 8.5, 8.5 + 0.4 * fat], role=BODY),
    ]
    for side in (-1.0, 1.0):
        # the chest wall encloses the lung
        parts.append(ellipsoids([side * 7.1, -0.5, 0.0], [8.6 + 0.5 * fat, depth + 2.2, build.top + 1.6],
                                axes=turned(y=side * -7.0), role=BODY))  # fmt: skip
        reach = np.linspace(0, 1, 10)
        slope = np.stack([np.interp(reach, [0, 1], [-2.0, 17.5]) * side * wide, -2.0 + reach,
                          22.5 - 9.0 * reach + 1.3 * np.sin(np.pi * reach) * reach], axis=1)  # fmt: skip
        middle = (reach[1:] + reach[:-1]) / 2
        parts.append(path(slope, 3.3 + 0.6 * middle + 0.5 * fat, across=5.2 + 2.0 * middle + 0.4 * fat,
                          towards=[0.0, 0.0, 1.0], role=BODY))  # fmt: skip
        deltoid = [side * (18.0 * wide + 0.3 * fat), -0.8, 12.6]
        parts.append(ellipsoids(deltoid, [4.9 + 0.5 * fat, 6.3, 6.0 + 0.3 * fat], axes=turned(y=side * 25), role=BODY))
        spread = 9.0 if view == "PA" else 3.0
        hand = [side * (21.5 * wide + spread + 0.7 * fat), 1.5, -22.0]
        parts.append(tubes([deltoid], [hand], 3.8 + 0.6 * fat, role=BODY))
        fold = [side * (14.4 * wide + 0.3 * fat), 3.5, 8.5]
        parts.append(ellipsoids(fold, [2.6 + 0.2 * fat, 3.5, 6.0], axes=turned(y=14 * side), role=BODY))
        if build.breast > 0:
            size = build.breast ** (1 / 3)
            droop = (0.6 + 0.02 * build.age) * size
            place = [side * 8.2 * wide, depth - 0.9 + 0.8 * fat, 2.2 - droop]
            parts.append(ellipsoids(place, [5.3 * size, 5.2 * size, 7.2 * size], axes=turned(x=35), role=BODY))
    return together(parts)


def lungs(build: Build, shape: Shape) -> Solids:
    """Return the outer limits of both lungs: rib cage, apices, and the plane of the deep recess."""
    width, depth, height = shape.cage
    parts = []
    for side, sign in ((RIGHT, -1.0), (LEFT, 1.0)):
        floor = shape.domes[side] - 8.5
        cage = [0.0, 0.0, -1.0, -floor]
        parts.append(ellipsoids([0, 0, CAGE_CENTRE], [width, depth, height], planes=[cage], role=AIRSPACE, side=side))
        parts.append(
            ellipsoids([sign * 7.1, -0.5, 0.0], [7.7, depth + 0.4, build.top], axes=turned(y=sign * -7.0),
                       role=AIRSPACE, side=side)
        )  # fmt: skip
    return together(parts)


def diaphragm(shape: Shape) -> Solids:
    """Return two domes and the saddle between them."""
    width, depth, _ = shape.cage
    parts = []
    for side, sign in ((RIGHT, -1.0), (LEFT, 1.0)):
        round_height = 9.8 * (1 - 0.55 * shape.flatness)
        wide = 7.5 + 1.6 * shape.flatness
        top = shape.domes[side]
        place = [sign * 0.52 * width, 0.4, top - round_height]
        parts.append(ellipsoids(place, [wide * width / 13.3, depth + 0.8, round_height], role=SOLID, side=side))
    low = min(shape.domes) - 0.5
    parts.append(ellipsoids([0, 1.0, low - 9], [7.4, depth + 0.5, 9.0], role=SOLID))
    return together(parts)


def heart(build: Build, shape: Shape) -> Solids:
    """Return ventricles, right atrium and the root of the great vessels."""
    size = shape.heart
    tilt = build.heart_tilt + 20 * shape.slim
    floor = min(shape.domes) + 0.3
    narrow = 1 - 0.13 * shape.slim
    axes = turned(y=tilt) @ turned(z=-18)
    centre = np.array([2.5 * narrow + 5.0 * (size - 1), 2.6, floor + 2.9 + 1.2 * shape.slim])
    return together(
        [
            ellipsoids(centre, np.array([6.7 * narrow, 5.6 * narrow, 4.35 * narrow]) * size, axes=axes, role=SOLID),
            ellipsoids(
                [-1.7 * narrow - 0.5 * (size - 1), 2.2, floor + 3.0],
                np.array([2.6 * narrow, 4.2, 5.9]) * (0.25 + 0.75 * size),
                axes=turned(y=6),
                role=SOLID,
            ),
            ellipsoids(
                [1.7 * narrow, 1.8, floor + 6.6],
                np.array([3.4 * narrow, 4.2, 5.6]) * (0.4 + 0.6 * size),
                axes=turned(y=-22),
                role=SOLID,
            ),
        ]
    )


def mediastinum(build: Build, shape: Shape) -> Solids:
    """Return spine with muscles, upper mediastinum, aorta, superior vena cava, pulmonary trunk."""
    _, depth, _ = shape.cage
    radius, unfolding = build.aorta, build.unfolding
    bend = float(spine_offset(build, np.array([8.0]))[0])
    half = build.mediastinum + shape.widening
    arch = 13.0 + 0.4 * unfolding
    swing = 1.3 * unfolding
    ascending = [
        [0.3, 2.6, 7.0],
        [-1.3 - swing, 2.7, 9.5],
        [-1.2 - swing, 2.0, arch - 0.9],
        [0.2, 0.6, arch + 0.3],
        [2.0 + 0.5 * swing, -1.4, arch + 0.2],
        [2.9 + 0.8 * swing, -3.6, arch - 1.0],
        [2.8 + swing + bend, -5.0, arch - 3.6],
        [2.3 + swing + bend, -5.6, 5.0],
        [1.3 + 0.5 * swing, -5.6, 1.0],
        [0.6, -5.2, -4.0],
    ]
    widths = radius * np.array([1.15, 1.15, 1.1, 1.05, 1.05, 1.0, 0.95, 0.92, 0.88])
    trunk = [[0.6, 3.4, 6.5], [1.9, 2.8, 9.0], [2.7, 0.9, 10.0], [2.8, -1.0, 9.8]]
    left_neck = [[1.4, -1.0, arch], [2.5, -1.5, arch + 3.0], [3.4, -1.2, 18.6], [5.5, -0.5, 22.0]]
    right_neck = [[-2.2, 0.8, 14.0], [-2.7 - 0.3 * swing, 0.8, 16.5], [-3.7, 0.4, 19.0], [-5.5, 0.0, 22.0]]
    wider = 0.6 * shape.widening
    return together(
        [
            tubes([[0, -0.70 * depth, -30]], [[0, -0.55 * depth, 40]], 2.1, across=2.6, towards=[1.0, 0.0, 0.0],
                  role=SOLID),
            ellipsoids([bend * 0.3, 0.3, 11.0], [half, 4.6, 12.0], role=SOLID),
            ellipsoids([0, -0.5, 19.5], [2.3, 3.6, 7.0], role=SOLID),
            tubes([[0.4, 0.5, -20.0]], [[bend * 0.3, 0.5, 9.0]], 1.7, across=4.6, towards=[1.0, 0.0, 0.0], role=SOLID),
            ellipsoids([0, 0.64 * depth, 12.0], [half * 0.8, 3.0, 9.0], role=SOLID),
            path(ascending, widths, role=SOLID),
            ellipsoids([2.4 + 0.65 * swing, -2.5, arch - 0.2], radius * np.array([1.0, 1.15, 1.1]), role=SOLID),
            path(left_neck, [0.9 + wider, 0.8 + wider, 0.6], role=SOLID),
            path(right_neck, [0.95 + wider, 0.9 + wider, 0.7], role=SOLID),
            tubes([[-2.0, 1.2, 6.0]], [[-2.5 - 0.3 * swing, 0.8, 14.5]], 0.95 + wider, role=SOLID),
            path(trunk, [1.4, 1.45, 1.3], role=SOLID),
            tubes([[-2.0, -0.5, -9.0]], [[-1.9, 0.2, 5.0]], 1.6, role=SOLID),
        ]
    )  # fmt: skip


def airways(build: Build, draw: np.random.Generator, soft_tissue: float) -> Solids:
    """Return trachea and main bronchi, as gas in the mediastinum."""
    push = 0.25 + 0.15 * build.unfolding + 0.12 * draw.standard_normal()
    wide = 0.92 if build.sex == "M" else 0.8
    carina = np.array([0.1 + push, -3.0, 10.4])
    windpipe = np.array([[0, -0.6, 40], [0.0, -1.2, 21.0], [push * 0.6, -2.2, 15.5], carina])
    right = carina + np.array([[0, 0, 0], [-2.2, -0.3, -1.9], [-3.6, -0.7, -3.5]])
    left = carina + np.array([[0, 0, 0], [2.6, -0.3, -1.6], [4.3, -0.9, -2.4]])
    return together(
        [
            path(windpipe, wide, value=-soft_tissue),
            path(right, [0.68, 0.6], value=-0.85 * soft_tissue),
            path(left, [0.58, 0.52], value=-0.85 * soft_tissue),
        ]
    )


def abdomen(shape: Shape, view: str, draw: np.random.Generator, soft_tissue: float) -> Solids:
    """Return gas in stomach and bowel under the left dome; upright, the stomach has a fluid level."""
    parts = []
    if draw.random() < 0.7:
        size = np.array([2.6, 2.2, 1.5]) * draw.uniform(0.45, 1.25) * [draw.uniform(0.8, 1.3), 1, 1]
        top = np.array([5.8 + draw.normal(0, 1.0), 0.5, shape.domes[LEFT] - 0.9 - size[2]])
        level = [[0.0, 0.0, -1.0, -(top[2] - 0.35 * size[2])]] if view == "PA" else []
        parts.append(ellipsoids(top, size, axes=turned(y=draw.normal(-8, 8)), planes=level,
                                value=-0.85 * soft_tissue))  # fmt: skip
    loops = int(draw.integers(0, 5))
    if loops:
        flank = draw.random(loops) < 0.75
        places = np.stack(
            [
                np.where(flank, draw.uniform(3, 10.5, loops), draw.uniform(-10, -1, loops)),
                draw.uniform(-2, 5, loops),
                np.where(flank, shape.domes[LEFT] - draw.uniform(4, 11, loops), draw.uniform(-14, -10, loops)),
            ],
            axis=1,
        )
        sizes = draw.uniform(0.8, 2.0, (loops, 3)) * [1.3, 1.0, 0.8]
        axes = np.stack([turned(y=angle) for angle in draw.uniform(-50, 50, loops)])
        parts.append(ellipsoids(places, sizes, axes=axes, value=-0.6 * soft_tissue * draw.uniform(0.5, 1, loops)))
    folds = 26
    parts.append(
        ellipsoids(
            np.stack([draw.uniform(-14, 14, folds), draw.uniform(-8, 10, folds), draw.uniform(-20, 20, folds)], axis=1),
            draw.uniform(1.2, 4.5, (folds, 3)),
            value=draw.normal(0, 0.006, folds),
            side=EITHER,
            soft=True,
        )
    )
    return together(parts)
