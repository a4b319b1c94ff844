"""Findings of the pleura: fluid, gas and scars between lung and chest wall."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.anatomy.organs import Shape
from hilum.phantom.build import Build
from hilum.phantom.projection import ADDED, RIGHT, SOLID, Solids, ellipsoids, together, turned


def outward(side: int) -> float:
    """Return the sign of x on this side."""
    return -1.0 if side == RIGHT else 1.0


def effusion(shape: Shape, side: int, severity: float, *, upright: bool) -> Solids:
    """Return pleural fluid: upright in the costophrenic angle and along the wall; supine behind the lung.

    Args:
        shape: Organs of the image.
        side: RIGHT or LEFT.
        severity: 0 (a blunt angle) to 1 (half the hemithorax).
        upright: Position of the patient.
    """
    sign = outward(side)
    width, depth, _ = shape.cage
    surfaces = []  # fluid is below the highest of these planes: normal . x <= height
    if upright:
        level = shape.domes[side] - 3.3 + 9.0 * severity**1.3
        climb = 2.0 + 4.0 * severity
        for across in (-1.2, 0.3, 0.55, 0.72, 0.84, 0.93, 1.0):
            # tangents of a meniscus that rises exponentially towards the wall
            rise = climb * np.exp((across - 1.0) / 0.16)
            steep = rise / (0.16 * width)
            surfaces.append((np.array([-sign * steep, 0.35 * steep, 1.0]), level + rise - steep * across * width))
    else:
        layer = 2.8 + 5.5 * severity
        surfaces.append((np.array([0.0, 1.0, 0.13]), -depth + layer + 0.2))
        surfaces.append((np.array([-sign * 1.9, 0.4, 1.0]), shape.domes[side] - 4.6 + 4 * severity - 1.9 * 0.8 * width))
    return together(
        [
            ellipsoids([sign * 7, 0, 0], [9.0, 13, 30], planes=[[*normal, height]], role=SOLID, side=side)
            for normal, height in surfaces
        ]
    )


@dataclass(frozen=True)
class Collapse:
    """Rest of a lung in a pneumothorax: an ellipsoid (centre and semiaxes, cm)."""

    centre: NDArray[np.float64]
    semiaxes: NDArray[np.float64]


def collapse(build: Build, side: int, severity: float, *, upright: bool) -> Collapse:
    """Return the retracted lung; gas is at the apex of an upright patient, lateral and basal in a supine one."""
    sign = outward(side)
    rim = 0.9 + 4.4 * severity**1.3
    apex = rim * (1.5 if upright else 0.7)
    width, depth, _ = build.cage
    inner = -0.3
    outer = width - rim - 0.25
    return Collapse(
        np.array([sign * (inner + outer) / 2, -0.5, -0.6 * apex]),
        np.array([(outer - inner) / 2, depth - 0.3 * rim, build.top - 0.5 * apex]),
    )


def retracted_lung(left: Collapse, side: int, density: float, pleura: float) -> Solids:
    """Return the retracted lung inside the gas, and its visceral pleura as a thin shell.

    Args:
        left: Rest of the lung.
        side: RIGHT or LEFT.
        density: Attenuation of the lung, 1/cm.
        pleura: Attenuation of the pleura above the lung, 1/cm.
    """
    axes = turned(y=outward(side) * -5.0)
    parts = [
        ellipsoids(left.centre, left.semiaxes, axes=axes, value=density + pleura, side=side),
        ellipsoids(left.centre, left.semiaxes - 0.07, axes=axes, value=-pleura, side=side),
    ]
    return together(parts)


def pleural_thickening(build: Build, shape: Shape, side: int, severity: float, draw: np.random.Generator) -> Solids:
    """Return scars along the lateral wall, over the apex, or both."""
    sign = outward(side)
    width, depth, _ = shape.cage
    parts = []
    where = draw.random()
    if where < 0.75:
        count = int(2 + round(2 * severity + draw.random()))
        heights = draw.uniform(-3.5, 11.0, count)
        for z in heights:
            width_ratio = float(build.profile(z))
            y = draw.uniform(-0.45, 0.3) * depth
            x = sign * width * np.sqrt(max(1 - ((z + 2) / shape.cage[2]) ** 2 - (y / depth) ** 2, 0.05))
            thick = 1.2 + 1.3 * severity * draw.uniform(0.7, 1.3)
            lean = turned(y=sign * (6.0 + 22 * (1 - width_ratio)), z=-sign * np.degrees(np.arcsin(y / depth)) * -0.6)
            parts.append(ellipsoids([x, y, z], [thick + 0.1, draw.uniform(3.5, 6), draw.uniform(2.2, 5.5)], axes=lean,
                                    role=SOLID, side=side))  # fmt: skip
    if where > 0.45:
        thick = 1.8 + 2.2 * severity
        parts.append(
            ellipsoids([sign * 5.0, -0.8, build.top + 0.2], [4.6, 5.5, thick], axes=turned(y=sign * 14), role=SOLID,
                       side=side)
        )  # fmt: skip
    angle = shape.domes[side] - 4.6
    parts.append(
        ellipsoids([sign * (width - 0.3), -1.0, angle], [1.5 + 1.3 * severity, 5.0, 2.2 + 1.6 * severity], role=SOLID,
                   side=side)
    )  # fmt: skip
    return together(parts)


def hernia(shape: Shape, severity: float, draw: np.random.Generator, soft_tissue: float, *, upright: bool) -> Solids:
    """Return stomach above the diaphragm, behind the heart, with gas over a fluid level."""
    radius = 1.9 + 2.4 * severity
    place = np.array([draw.normal(1.4, 1.0), -4.2, min(shape.domes) + 0.8 + radius * 0.75])
    size = radius * np.array([draw.uniform(1.0, 1.3), 1.0, draw.uniform(0.85, 1.05)])
    level = [[0.0, 0.0, -1.0, -(place[2] + draw.uniform(-0.3, 0.35) * size[2])]] if upright else []
    gas = (0.55 if upright else 0.3) * soft_tissue * draw.uniform(0.5, 1.0)
    return together(
        [
            ellipsoids(place, size, role=SOLID),
            ellipsoids(place, size - 0.35, planes=level, value=-gas, role=ADDED),
        ]
    )
