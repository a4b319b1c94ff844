"""Solids that a ray intersects in one interval: ellipsoids and straight tubes, cut by at most two planes.

Each solid is |A (x - c)| <= 1 (a tube if the third row of A is zero) and n . x <= d for both planes, as in the analytic
phantoms of computed tomography (the FORBILD thorax phantom, Friedrich-Alexander-Universität Erlangen). Lengths are in
cm; x points to the patient's left, y to the front, z to the head.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

BODY: Final = 0
"""Soft tissue; union of all solids of this role."""
AIRSPACE: Final = 1
"""Lung: intersection of all solids of this role and side."""
SOLID: Final = 2
"""Soft tissue that replaces lung."""
ADDED: Final = 3
"""Addition of attenuation; inside the lung only, if it has a side."""

RIGHT: Final = 0
LEFT: Final = 1
EITHER: Final = -1

_NO_PLANE: Final = (0.0, 0.0, 0.0, 1e9)


@dataclass(frozen=True)
class Solids:
    """N solids, one row each.

    Attributes:
        matrix: A, (N, 3, 3), 1/cm.
        centre: Centre c, (N, 3), cm.
        planes: Two rows (n, d) for each solid, (N, 2, 4); n . x <= d is kept.
        extent: (N, 3, 3); the solid is within centre +- its three row vectors.
        value: Added attenuation, 1/cm, (N,); for `ADDED` only.
        role: (N,), one of BODY, AIRSPACE, SOLID, ADDED.
        side: (N,), lung that it belongs to: RIGHT, LEFT or EITHER.
        soft: (N,), True if the value decreases as `exp(-|A (x - c)|^2 / 2)` without a surface.
        mark: (N,), index of the finding that the solid belongs to, -1 for none.
    """

    matrix: NDArray[np.float64]
    centre: NDArray[np.float64]
    planes: NDArray[np.float64]
    extent: NDArray[np.float64]
    value: NDArray[np.float64]
    role: NDArray[np.int8]
    side: NDArray[np.int8]
    soft: NDArray[np.bool_]
    mark: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.value)

    def only(self, rows: NDArray[np.bool_]) -> "Solids":
        """Return the solids with true `rows`."""
        return Solids(*(getattr(self, field.name)[rows] for field in fields(self)))

    def no_finer_than(self, least: float) -> "Solids":
        """Return solids with semiaxes of at least `least` cm and unchanged mass.

        With one ray per pixel, thinner solids would be missed or overestimated.
        """
        steep = np.sqrt((self.matrix**2).sum(2))
        grown = np.maximum(steep * least, 1.0)
        grown[(self.role != ADDED) | self.soft] = 1.0
        return replace(
            self,
            matrix=self.matrix / grown[:, :, None],
            extent=self.extent * grown[:, :, None],
            value=self.value / grown.prod(1),
        )

    def marked(self, mark: int) -> "Solids":
        """Return the same solids as part of finding `mark`."""
        return replace(self, mark=np.full(len(self), mark, dtype=np.int16))


def together(parts: Sequence[Solids]) -> Solids:
    """Concatenate the solids of one or more parts."""
    return Solids(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Solids)))


def _solids(
    matrix: NDArray[np.float64],
    centre: NDArray[np.float64],
    planes: NDArray[np.float64],
    extent: NDArray[np.float64],
    value: ArrayLike,
    role: int,
    side: ArrayLike,
    soft: bool,
) -> Solids:
    count = len(centre)
    return Solids(
        matrix,
        centre,
        planes,
        extent,
        _filled(value, count, np.float64),
        _filled(role, count, np.int8),
        _filled(side, count, np.int8),
        _filled(soft, count, np.bool_),
        _filled(-1, count, np.int16),
    )


def _filled(values: ArrayLike, shape: int | tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Return a new array of broadcast values; several times faster than `numpy.broadcast_to` for small arrays."""
    made = np.empty(shape, dtype=dtype)
    made[...] = values
    return made


def ellipsoids(
    centre: ArrayLike,
    semiaxes: ArrayLike,
    *,
    axes: ArrayLike | None = None,
    planes: Sequence[Sequence[float]] = (),
    value: ArrayLike = 0.0,
    role: int = ADDED,
    side: ArrayLike = EITHER,
    soft: bool = False,
) -> Solids:
    """Create ellipsoids, or Gaussian clouds whose standard deviations are the semiaxes.

    Args:
        centre: (N, 3) or (3,), cm.
        semiaxes: (N, 3) or (3,), cm.
        axes: (N, 3, 3) or (3, 3); rows are the directions of the semiaxes, unit length. Default: the coordinate axes.
        planes: At most two (nx, ny, nz, d): keep n . x <= d. The same for all.
        value: Added attenuation, 1/cm.
        role, side: As in `Solids`.
        soft: Gaussian cloud, bounded at three standard deviations.
    """
    centres = np.atleast_2d(np.asarray(centre, dtype=np.float64))
    count = len(centres)
    lengths = _filled(semiaxes, (count, 3), np.float64)
    directions = _filled(np.eye(3) if axes is None else axes, (count, 3, 3), np.float64)
    cuts = _filled([_NO_PLANE, _NO_PLANE], (count, 2, 4), np.float64)
    for index, plane in enumerate(planes):
        cuts[:, index] = plane
    reach = 3.0 if soft else 1.0
    extent = directions * (reach * lengths)[:, :, None]
    return _solids(directions / lengths[:, :, None], centres, cuts, extent, value, role, side, soft)


def tubes(
    start: ArrayLike,
    end: ArrayLike,
    radius: ArrayLike,
    *,
    across: ArrayLike | None = None,
    towards: ArrayLike | None = None,
    start_cut: ArrayLike | None = None,
    end_cut: ArrayLike | None = None,
    value: ArrayLike = 0.0,
    role: int = ADDED,
    side: ArrayLike = EITHER,
) -> Solids:
    """Create straight tubes of elliptic cross-section.

    Args:
        start, end: (N, 3), cm; not equal.
        radius: (N,) or one number, cm: semiaxis along `towards`.
        across: Semiaxis across `towards`; default: `radius`.
        towards: (N, 3), roughly perpendicular to the tube; default: any direction.
        start_cut, end_cut: (N, 3) normals of the end planes, pointing along the tube; default: its own direction.
        value, role, side: As in `ellipsoids`.
    """
    first = np.atleast_2d(np.asarray(start, dtype=np.float64))
    last = np.atleast_2d(np.asarray(end, dtype=np.float64))
    count = len(first)
    along = last - first
    length = np.sqrt((along * along).sum(1))
    along = along / length[:, None]
    if towards is None:
        hint = np.where(np.abs(along[:, 2:]) < 0.8, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    else:
        hint = _filled(towards, (count, 3), np.float64)
    u = hint - (hint * along).sum(1)[:, None] * along
    u = u / np.sqrt((u * u).sum(1))[:, None]
    v = np.stack(
        [
            along[:, 1] * u[:, 2] - along[:, 2] * u[:, 1],
            along[:, 2] * u[:, 0] - along[:, 0] * u[:, 2],
            along[:, 0] * u[:, 1] - along[:, 1] * u[:, 0],
        ],
        axis=1,
    )
    a = _filled(radius, count, np.float64)
    b = a if across is None else _filled(across, count, np.float64)
    lower = along if start_cut is None else np.asarray(start_cut, dtype=np.float64)
    upper = along if end_cut is None else np.asarray(end_cut, dtype=np.float64)
    planes = np.empty((count, 2, 4))
    planes[:, 0, :3], planes[:, 0, 3] = -lower, -(lower * first).sum(1)
    planes[:, 1, :3], planes[:, 1, 3] = upper, (upper * last).sum(1)
    lean = np.minimum((along * lower).sum(1), (along * upper).sum(1)).clip(0.2, 1.0)
    overhang = np.maximum(a, b) * np.sqrt(1.0 - lean**2) / lean
    extent = np.stack([u * a[:, None], v * b[:, None], along * (length / 2 + overhang)[:, None]], axis=1)
    matrix = np.stack([u / a[:, None], v / b[:, None], np.zeros_like(u)], axis=1)
    return _solids(matrix, (first + last) / 2, planes, extent, value, role, side, False)


def path(
    points: ArrayLike,
    radius: ArrayLike,
    *,
    across: ArrayLike | None = None,
    towards: ArrayLike | None = None,
    value: ArrayLike = 0.0,
    role: int = ADDED,
    side: ArrayLike = EITHER,
) -> Solids:
    """Create tubes along paths, mitred at the joints without overlaps and gaps.

    Args:
        points: (P, 3) or (B, P, 3), cm: one path or several.
        radius: Radius of each tube, broadcast to (B, P - 1).
        across: The other semiaxis, like `radius`.
        towards: Directions of `radius`, broadcast to (B, P - 1, 3).
        value, side: As in `ellipsoids`, broadcast to (B, P - 1).
        role: As in `ellipsoids`.
    """
    knots = np.asarray(points, dtype=np.float64)
    knots = knots[None] if knots.ndim == 2 else knots
    along = np.diff(knots, axis=1)
    along = along / np.linalg.norm(along, axis=2, keepdims=True)
    joints = along[:, 1:] + along[:, :-1]
    joints = joints / np.linalg.norm(joints, axis=2, keepdims=True)
    shape = along.shape[:2]

    def flat(values: ArrayLike) -> NDArray[np.float64]:
        return _filled(values, shape, np.float64).reshape(-1)

    return tubes(
        knots[:, :-1].reshape(-1, 3),
        knots[:, 1:].reshape(-1, 3),
        flat(radius),
        across=None if across is None else flat(across),
        towards=None if towards is None else _filled(towards, (*shape, 3), np.float64).reshape(-1, 3),
        start_cut=np.concatenate([along[:, :1], joints], axis=1).reshape(-1, 3),
        end_cut=np.concatenate([joints, along[:, -1:]], axis=1).reshape(-1, 3),
        value=flat(value),
        role=role,
        side=flat(side).astype(np.int8),
    )


def turned(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> NDArray[np.float64]:
    """Return axes (rows) after rotation about x, then y, then z, in degrees, right-handed."""
    cx, cy, cz = np.cos(np.radians([x, y, z]))
    sx, sy, sz = np.sin(np.radians([x, y, z]))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    turned_axes: NDArray[np.float64] = (about_z @ about_y @ about_x).T
    return turned_axes
