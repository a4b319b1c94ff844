"""Devices and incidental structures that are not findings: electrodes, tubes, pacemakers, wires, small old scars."""

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.anatomy.opacities import lung_points
from hilum.phantom.anatomy.organs import Shape
from hilum.phantom.build import Build
from hilum.phantom.projection import Solids, ellipsoids, path, together, turned

_METAL = 2.2  # 1/cm above soft tissue


def devices(build: Build, shape: Shape, view: str, draw: np.random.Generator, contrast: float) -> Solids:
    """Draw the devices of an image at random; portable images have more.

    Args:
        build, shape: Patient and organs of the image.
        view: "PA" or "AP".
        draw: Random generator of the image.
        contrast: Attenuation of soft tissue above lung, 1/cm.
    """
    bedside = view == "AP"
    parts = [_old_scars(build, shape, draw, contrast)]
    if draw.random() < (0.65 if bedside else 0.06):
        parts.append(_electrodes(build, draw))
    if draw.random() < (0.30 if bedside else 0.0):
        tip = 12.2 + draw.normal(0, 1.2)
        parts.append(path([[0.4, 4, 40], [0.2, -1.0, 21.5], [0.3, -2.0, tip]], 0.12, value=_METAL * 0.5))
    if draw.random() < (0.35 if bedside else 0.04):
        parts.append(_central_line(draw))
    if draw.random() < (0.22 if bedside else 0.01):
        low = shape.domes[1] - draw.uniform(2, 8)
        line = [[0.3, 1, 40], [0.1, -3.4, 20], [0.8, -3.9, 9], [1.6, -2.8, 1.5], [4.0, 0.0, low]]
        parts.append(path(line, 0.15, value=_METAL * 0.4))
    if draw.random() < (0.05 if build.age > 55 else 0.006):
        parts.append(_pacemaker(build, draw))
    if draw.random() < (0.09 if build.age > 50 else 0.01):
        parts.append(_sternal_wires(build, draw))
    return together(parts)


def _electrodes(build: Build, draw: np.random.Generator) -> Solids:
    """Return leads on the skin of the chest."""
    _, depth, _ = build.cage
    count = int(draw.integers(2, 6))
    front = depth + 2.6 + 0.8 * build.fat
    ends = np.stack(
        [draw.uniform(-12, 12, count), front - 0.015 * draw.uniform(0, 40, count), draw.uniform(-4, 18, count)], axis=1
    )
    meeting = np.array([draw.uniform(-9, 9), front, draw.uniform(-12, -4)])
    if draw.random() < 0.4:
        meeting[2] = draw.uniform(20, 27)
    steps = np.linspace(0, 1, 10)[None, :, None]
    bow = draw.normal(0, 2.2, (count, 1, 3)) * np.sin(np.pi * steps) * [1, 0, 1]
    wires = ends[:, None] + (meeting - ends)[:, None] * steps + bow
    wires[..., 1] = front
    return together(
        [
            path(wires, 0.05, value=_METAL),
            ellipsoids(ends, [0.55, 0.25, 0.55], value=0.5),
            ellipsoids(ends, [0.2, 0.15, 0.2], value=_METAL),
        ]
    )


def _central_line(draw: np.random.Generator) -> Solids:
    """Return a catheter from the neck or below the clavicle to the superior vena cava."""
    end = [-2.6 + draw.normal(0, 0.3), 1.5, 9.5 + draw.normal(0, 1.6)]
    way = draw.integers(3)
    if way == 0:
        line = [[-4.0, 1.0, 26], [-3.2, 1.4, 20], [-2.6, 1.6, 16], end]
    elif way == 1:
        line = [[-12, 4.5, 13.5], [-8, 4.0, 15.6], [-4, 3.0, 16.0], [-2.6, 2.0, 13.8], end]
    else:
        line = [[12, 4.5, 13.5], [7, 4.0, 16.0], [2.5, 3.4, 15.3], [-1.8, 2.6, 13.4], end]
    return path(_smooth(np.array(line)), 0.12, value=_METAL * 0.35)


def _pacemaker(build: Build, draw: np.random.Generator) -> Solids:
    """Return a generator below the left clavicle and its leads."""
    box = np.array([8.5 + draw.normal(0, 0.7), build.cage[1] + 1.2, 13.0 + draw.normal(0, 0.7)])
    atrium = [box, [6.0, 5.5, 16.2], [2.0, 3.5, 15.0], [-2.2, 2.0, 12.0], [-2.8, 2.2, 6.5], [-1.5, 4.5, 5.0]]
    ventricle = [box, [6.2, 5.3, 15.8], [2.0, 3.3, 14.7], [-2.0, 2.0, 11.5], [-2.4, 2.0, 5.0], [1.0, 4.5, 2.2],
                 [5.0, 6.0, 1.8]]  # fmt: skip
    parts = [
        ellipsoids(box, [2.4, 0.45, 2.0], axes=turned(y=draw.normal(0, 25)), value=1.1),
        path(_smooth(np.array(ventricle)), 0.10, value=_METAL * 0.7),
    ]
    if draw.random() < 0.6:
        parts.append(path(_smooth(np.array(atrium)), 0.10, value=_METAL * 0.7))
    return together(parts)


def _sternal_wires(build: Build, draw: np.random.Generator) -> Solids:
    turn = np.linspace(0, 2 * np.pi, 11)
    loops = []
    for z in np.linspace(2.5, 13.0, int(draw.integers(4, 7))):
        wide = 1.0 + 0.15 * draw.normal()
        loops.append(np.stack([wide * np.cos(turn) + draw.normal(0, 0.15), 0.9 * build.cage[1] + 0.5 * np.sin(turn),
                               z + 0.5 * np.sin(turn + draw.uniform(0, 6))], axis=1))  # fmt: skip
    return path(np.stack(loops), 0.05, value=_METAL)


def _old_scars(build: Build, shape: Shape, draw: np.random.Generator, contrast: float) -> Solids:
    """Return faint opacities of a normal lung, and sometimes a calcified granuloma."""
    parts = []
    for side in (0, 1):
        count = 9
        spots = lung_points(build, shape, side, draw.uniform(0, 0.95, count), draw.uniform(0, 0.9, count),
                            draw.uniform(-0.8, 0.8, count))  # fmt: skip
        value = contrast * 0.025 * draw.standard_normal(count)
        parts.append(ellipsoids(spots, draw.uniform(0.8, 2.2, (count, 3)), value=value, side=side, soft=True))
    if draw.random() < 0.12:
        side = int(draw.integers(2))
        height, lateral = draw.uniform(0.1, 0.9, (2, 1))
        spot = lung_points(build, shape, side, height, lateral, np.clip(draw.normal(0, 0.3, 1), -1, 1))
        parts.append(ellipsoids(spot, draw.uniform(0.12, 0.28), value=0.5))
    return together(parts)


def _smooth(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points on a Catmull-Rom curve through the knots, four per segment."""
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, 1, 4, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*pieces, knots[-1:]])
