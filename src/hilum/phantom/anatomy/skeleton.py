"""Bones: spine, ribs, clavicles, shoulder blades, upper arms."""

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.build import Build
from hilum.phantom.projection import Solids, ellipsoids, path, together, tubes, turned

_CORTEX = 0.33  # attenuation above soft tissue of compact bone, 1/cm, at the beam qualities of chest images
_MARROW = 0.05
_RIB_SPACING = 2.3
_SIDES = np.array([-1.0, 1.0])


def skeleton(build: Build, view: str, draw: np.random.Generator) -> Solids:
    """Return all bones, as additions to soft tissue.

    Args:
        build: Build of the patient.
        view: "PA": shoulders rolled forward, scapulae beside the lungs; "AP": scapulae behind the lungs.
        draw: Random generator for the position of the shoulders.
    """
    bones = together(
        [_spine(build), _ribs(build), _clavicles(build, draw), _shoulders(build, view, draw), _sternum(build)]
    )
    bones.value[:] *= build.bone
    return bones


def spine_offset(build: Build, z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lateral position of the spine at height z, cm."""
    return build.curve * np.sin((z - 4.0) / 9.0)


def _hollow(
    points: NDArray[np.float64],
    radius: NDArray[np.float64] | float,
    across: NDArray[np.float64] | float,
    cortex: NDArray[np.float64] | float,
    towards: NDArray[np.float64] | None = None,
) -> list[Solids]:
    inner, inner_across = np.asarray(radius) - cortex, np.asarray(across) - cortex
    return [
        path(points, radius, across=across, towards=towards, value=_CORTEX),
        path(points, inner, across=inner_across, towards=towards, value=_MARROW - _CORTEX),
    ]


def _spine(build: Build) -> Solids:
    level = np.arange(-5, 16)  # 5 of the 7 cervical vertebrae, then T1 to L3
    z = 20.0 - 2.32 * level + 0.035 * np.clip(-level, 0, None) ** 2 * 4
    size = np.interp(level, [-5, 0, 3, 15], [0.72, 0.86, 0.84, 1.22])
    x = spine_offset(build, z)
    back = -build.cage[1] * np.interp(level, [-5, 0, 6, 15], [0.30, 0.56, 0.68, 0.58])
    middle = np.stack([x, back, z], axis=1)
    half = np.stack([np.zeros_like(z), np.zeros_like(z), 0.97 * size], axis=1)
    bodies = tubes(middle - half, middle + half, 1.7 * size, across=1.35 * size, towards=[1.0, 0.0, 0.0], value=0.08)
    plate = np.array([0, 0, 0.1])
    plates = [
        tubes(middle + sign * half - plate, middle + sign * half + plate, 1.75 * size, across=1.4 * size,
              towards=[1.0, 0.0, 0.0], value=0.12)
        for sign in (-1, 1)
    ]  # fmt: skip
    parts = [bodies, *plates]
    for side in _SIDES:
        root = middle + np.stack([side * 1.15 * size, -1.5 * size, 0.35 * size], axis=1)
        behind = np.array([0.0, -1.5, -0.1])
        parts.append(tubes(root, root + behind, 0.42 * size, across=0.55 * size, value=0.09))
        wing = root + behind * 0.8
        tip = wing + np.stack([side * 2.2 * size, -0.5 * size, 0.25 * size], axis=1)
        parts.append(tubes(wing[5:17], tip[5:17], 0.45 * size[5:17], value=0.12))
    spinous = middle + np.stack([0 * z, -3.2 * size, -0.5 * size], axis=1)
    fall = np.stack([0 * z, -2.4 * size, -1.5 * size], axis=1)
    parts.append(tubes(spinous, spinous + fall, 0.3 * size, across=0.75 * size, towards=[1.0, 0.0, 0.0], value=0.16))
    return together(parts)


def rib_paths(build: Build) -> NDArray[np.float64]:
    """Return centre lines of twelve ribs of one side (x > 0), from the spine to the front, (12, 17, 3), cm."""
    number = np.arange(12)[:, None]
    last = np.array([2.45, 2.5, 2.5, 2.48, 2.45, 2.38, 2.3, 2.2, 2.1, 1.95, 1.75, 1.35])[:, None]
    angle = 0.14 + (last - 0.14) * np.linspace(0, 1, 17)[None] ** 1.12
    fall_side = np.array([1.1, 1.9, 2.5, 2.9, 3.3, 3.7, 4.1, 4.6, 5.1, 5.6, 6.2, 6.6])[:, None] * build.rib_slope
    fall_front = np.array([2.3, 3.3, 3.9, 4.3, 4.5, 4.6, 4.6, 4.4, 4.2, 4.0, 3.5, 3.0])[:, None] * build.rib_slope
    top = build.top - 0.4 - (_RIB_SPACING + 0.03 * (build.cage[2] - 29.5)) * number
    behind = np.clip(angle / (np.pi / 2), 0, 1)
    front = np.clip((angle - np.pi / 2) / (np.pi / 2), 0, 1)
    z = top + 0.35 * np.sin(np.pi * np.clip(behind * 2, 0, 1)) - fall_side * behind**1.5 - fall_front * front * 1.25
    grown = 0.35
    ratio = build.profile(z)
    squared = 0.86  # ribs are squarer than an ellipse
    x = (build.cage[0] + grown) * ratio * np.abs(np.sin(angle)) ** squared
    y = -(build.cage[1] + grown) * ratio * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** squared
    return np.stack([x, y, z], axis=2)


def _ribs(build: Build) -> Solids:
    points = rib_paths(build)
    outward = (points[:, 1:] + points[:, :-1]) / 2 * np.array([1.0, 1.6, 0.0])
    outward /= np.linalg.norm(outward, axis=2, keepdims=True)
    number = np.arange(12)[:, None]
    tall = np.broadcast_to(np.interp(number, [0, 3, 9, 11], [0.62, 0.66, 0.62, 0.45]), outward.shape[:2])
    thick = np.broadcast_to(np.interp(number, [0, 11], [0.40, 0.36]), outward.shape[:2])
    parts = []
    for side in _SIDES:
        mirror = np.array([side, 1.0, 1.0])
        line = points * mirror
        line[..., 0] += spine_offset(build, line[..., 2]) * np.linspace(1, 0, 17)
        parts += _hollow(line, thick, tall, 0.13, outward * mirror)
    along = np.linspace(0, 1, 16)
    # bone becomes thinner towards the anterior cartilage, and the first rib is flat
    strength = np.interp(along, [0, 0.45, 0.8, 1.0], [1.25, 1.2, 0.6, 0.35]) * np.where(number == 0, 0.6, 1.0)
    for part in parts:
        part.value[:] *= strength.reshape(-1)
    return together(parts)


def _clavicles(build: Build, draw: np.random.Generator) -> Solids:
    parts = []
    raised = 0.9 * draw.standard_normal()
    for side in _SIDES:
        lift = raised + 0.35 * draw.standard_normal()
        front = build.cage[1]
        points = np.array(
            [
                [1.7, 0.60 * front, 15.6],
                [3.6, 0.66 * front, 16.0 + 0.1 * lift],
                [6.2, 0.64 * front, 16.5 + 0.3 * lift],
                [9.0, 0.45 * front, 17.0 + 0.6 * lift],
                [11.6, 0.20 * front, 17.4 + 0.8 * lift],
                [13.8, 0.02 * front, 17.6 + 1.0 * lift],
                [15.8, -0.04 * front, 17.5 + 1.1 * lift],
            ]
        )
        points[:, 0] *= side * build.cage[0] / 13.3
        fine = np.stack([np.interp(np.linspace(0, 6, 13), np.arange(7), column) for column in points.T], axis=1)
        thick = np.interp(np.arange(12), [0, 2, 6, 11], [0.95, 0.66, 0.58, 0.75])
        parts += _hollow(fine, thick, thick * 0.9, 0.19)
    return together(parts)


def _sternum(build: Build) -> Solids:
    front = build.cage[1]
    return ellipsoids(
        [[0, 0.66 * front, 14.2], [0, 0.98 * front, 7.5]],
        [[2.7, 0.7, 2.3], [1.6, 0.5, 5.5]],
        value=0.05,
    )


def _shoulders(build: Build, view: str, draw: np.random.Generator) -> Solids:
    """Return scapula and upper arm of both sides."""
    rolled = float(np.clip((0.85 if view == "PA" else 0.1) + 0.2 * draw.standard_normal(), -0.2, 1.2))
    wide = build.cage[0] / 13.3
    parts = []
    for side in _SIDES:
        away = rolled + 0.1 * draw.standard_normal()
        lift = 0.7 * draw.standard_normal()
        mirror = np.array([side * wide, 1.0, 1.0])
        upper = np.array([9.3 + 3.6 * away, -9.3 + 1.5 * away, 16.3 + lift])
        lower = np.array([11.3 + 4.3 * away, -10.2 + 2.5 * away, 2.8 + lift])
        socket = np.array([15.6 + 1.6 * away, -4.2 + 3.0 * away, 13.2 + lift])
        tip = np.array([17.6 + 1.3 * away, -2.0 + 2.5 * away, 16.3 + lift])
        neck = socket + np.array([-1.4, -0.7, 0.1])
        hook = socket + np.array([-1.2, 2.8, 1.5])
        base = upper + 0.22 * (lower - upper)
        parts += _hollow(np.array([upper, base, lower]) * mirror, 0.24, 0.24, 0.09)
        parts += _hollow(np.array([lower, (lower + neck) / 2 + [0.3, 0, -0.2], neck]) * mirror, 0.45, 0.3, 0.14)
        parts += _hollow(np.array([upper, (upper + neck) / 2 + [0, 0, 0.5], neck]) * mirror, 0.2, 0.2, 0.08)
        parts += _hollow(np.array([base, (base + tip) / 2 + [0, -0.6, 0.4], tip]) * mirror, 0.5, 0.35, 0.12)
        parts += _hollow(np.array([neck, hook]) * mirror, 0.6, 0.6, 0.15)
        plane = (upper + lower + neck) / 3
        down = lower - upper
        down = down / np.linalg.norm(down)
        over = neck - upper
        over = over - over @ down * down
        over = over / np.linalg.norm(over)
        frame = np.array([down, over, np.cross(down, over)]) * np.array([side, 1.0, 1.0])
        parts.append(ellipsoids(plane * mirror, [5.6, 2.5, 0.18], axes=frame, value=0.30))
        head = (socket + np.array([2.2, 0.6, 0.2])) * mirror
        parts.append(ellipsoids(head, 2.35, value=_MARROW + 0.09))
        parts.append(ellipsoids(head, 2.2, value=-0.05))
        parts.append(ellipsoids(socket * mirror, [0.6, 1.3, 1.9], axes=turned(y=12 * side), value=0.12))
        spread = (9.0 if view == "PA" else 3.5) + 1.5 * draw.standard_normal()
        elbow = head + np.array([side * (1.2 + spread), 2.0, -26.0])
        steps = np.array([0, 0.03, 0.07, 0.12, 0.2, 0.5, 1.0])[:, None]
        shaft = head + steps * (elbow - head) + np.array([side * 0.3, 0, -0.6]) * np.sqrt(steps)
        girth = np.array([2.2, 2.0, 1.6, 1.3, 1.2, 1.1])
        parts += _hollow(shaft, girth, girth, np.array([0.05, 0.08, 0.15, 0.25, 0.33, 0.35]))
    return together(parts)
