"""Line integrals of attenuation along all rays of an image, in closed form."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hilum.phantom.projection.camera import Camera
from hilum.phantom.projection.solids import ADDED, AIRSPACE, BODY, SOLID, Solids

_MOST = 6  # largest number of air intervals of a ray in one lung; more do not occur in this anatomy


@dataclass(frozen=True)
class Attenuation:
    """Linear attenuation coefficients, 1/cm.

    Attributes:
        soft_tissue: Value of everything in the body without another value.
        lungs: Values of aerated lung, right and left.
    """

    soft_tissue: float
    lungs: tuple[float, float]


@dataclass(frozen=True)
class LineIntegrals:
    """Results of the projection.

    Attributes:
        attenuation: Line integral of attenuation, (rows, columns), dimensionless.
        air: Path through aerated lung, right and left, cm, (2, rows, columns).
        body: Path through the body, cm, (rows, columns).
    """

    attenuation: NDArray[np.float32]
    air: NDArray[np.float32]
    body: NDArray[np.float32]


def line_integrals(
    solids: Solids, attenuation: Attenuation, camera: Camera, within: tuple[int, int, int, int] | None = None
) -> LineIntegrals:
    """Compute the line integrals of every ray.

    Soft tissue is the union of the BODY solids. A lung is the intersection of its AIRSPACE solids minus every SOLID of
    its side. ADDED solids add to that, limited to the remaining lung if they have a side.

    Args:
        solids: All solids.
        attenuation: Attenuation of soft tissue and lungs.
        camera: Tube and detector.
        within: First row, end row, first column, end column: compute these rays only. Default: all rays.
    """
    coefficients = _coefficients(solids, camera.source)
    rectangles = camera.rectangles(solids)
    if within is not None:
        for first_and_end, (low, high) in ((slice(0, 2), within[:2]), (slice(2, 4), within[2:])):
            rectangles[:, first_and_end] = rectangles[:, first_and_end].clip(low, high)
    roles = [np.flatnonzero(solids.role == role) for role in (BODY, AIRSPACE, SOLID, ADDED)]
    shape = camera.rows, camera.columns
    total = np.empty(shape, dtype=np.float32)
    air = np.zeros((2, *shape), dtype=np.float32)
    body = np.zeros(shape, dtype=np.float32)
    stretches = np.empty((2, *shape, _MOST, 2), dtype=np.float32)
    counts = np.zeros((2, *shape), dtype=np.int8)
    first = camera.corner - camera.source
    _fill_body(coefficients, rectangles, roles[0], first, camera.right, camera.down, body)
    _fill_lungs(
        coefficients,
        rectangles,
        roles[1],
        roles[2],
        solids.side,
        first,
        camera.right,
        camera.down,
        air,
        stretches,
        counts,
    )
    soft, (right, left) = attenuation.soft_tissue, attenuation.lungs
    np.multiply(body, soft, out=total)
    total -= (soft - right) * air[0] + (soft - left) * air[1]
    _add(
        coefficients,
        rectangles,
        roles[3],
        solids.side,
        solids.soft,
        solids.value,
        first,
        camera.right,
        camera.down,
        stretches,
        counts,
        total,
    )
    return LineIntegrals(total, air, body)


def _coefficients(solids: Solids, source: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the coefficients of |A (s + t r - c)|^2 and of the planes for a ray r, for each solid: (N, 18)."""
    matrix = solids.matrix
    gram = np.einsum("nki,nkj->nij", matrix, matrix)
    offset = np.einsum("nki,ni->nk", matrix, source - solids.centre)
    table = np.empty((len(solids), 18))
    table[:, 0], table[:, 1], table[:, 2] = gram[:, 0, 0], gram[:, 1, 1], gram[:, 2, 2]
    table[:, 3], table[:, 4], table[:, 5] = 2 * gram[:, 0, 1], 2 * gram[:, 0, 2], 2 * gram[:, 1, 2]
    table[:, 6:9] = np.einsum("nki,nk->ni", matrix, offset)
    table[:, 9] = (offset * offset).sum(1)
    for plane, column in ((0, 10), (1, 14)):
        normal = solids.planes[:, plane, :3]
        table[:, column : column + 3] = normal
        table[:, column + 3] = solids.planes[:, plane, 3] - normal @ source
    return table


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _between_planes(k, x, y, z, enter, leave):  # type: ignore[no-untyped-def]
    for column in (10, 14):
        slope = k[column] * x + k[column + 1] * y + k[column + 2] * z
        room = k[column + 3]
        if slope > 1e-9:
            leave = min(leave, room / slope)
        elif slope < -1e-9:
            enter = max(enter, room / slope)
        elif room < 0.0:
            leave = enter
    return enter, leave


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _meet(k, x, y, z):  # type: ignore[no-untyped-def]
    """Return the interval of the ray t (x, y, z) in a solid; equal ends for a miss."""
    a = k[0] * x * x + k[1] * y * y + k[2] * z * z + k[3] * x * y + k[4] * x * z + k[5] * y * z + 1e-12
    b = k[6] * x + k[7] * y + k[8] * z
    inside = b * b - a * (k[9] - 1.0)
    if inside <= 0.0:
        return 0.0, 0.0
    half = math.sqrt(inside) / a
    middle = -b / a
    enter, leave = _between_planes(k, x, y, z, middle - half, middle + half)
    if leave <= enter:
        return 0.0, 0.0
    return enter, leave


@njit(cache=True, fastmath=True, nogil=True)
def _active(rectangles, members, row, active):  # type: ignore[no-untyped-def]
    count = 0
    for member in members:
        if rectangles[member, 0] <= row < rectangles[member, 1]:
            active[count] = member
            count += 1
    return count


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _insert(starts, ends, count, enter, leave):  # type: ignore[no-untyped-def]
    place = count
    while place > 0 and starts[place - 1] > enter:
        starts[place] = starts[place - 1]
        ends[place] = ends[place - 1]
        place -= 1
    starts[place] = enter
    ends[place] = leave


@njit(cache=True, fastmath=True, nogil=True)
def _fill_body(k, rectangles, members, first, right, down, body):  # type: ignore[no-untyped-def]
    rows, columns = body.shape
    active = np.empty(len(members), dtype=np.int64)
    starts = np.empty(len(members) + 1)
    ends = np.empty(len(members) + 1)
    for row in range(rows):
        alive = _active(rectangles, members, row, active)
        for column in range(columns):
            x = first[0] + row * down[0] + column * right[0]
            y = first[1] + row * down[1] + column * right[1]
            z = first[2] + row * down[2] + column * right[2]
            count = 0
            for index in range(alive):
                member = active[index]
                if rectangles[member, 2] <= column < rectangles[member, 3]:
                    enter, leave = _meet(k[member], x, y, z)
                    if leave > enter:
                        _insert(starts, ends, count, enter, leave)
                        count += 1
            length = 0.0
            reached = -1e9
            for index in range(count):
                if ends[index] > reached:
                    length += ends[index] - max(starts[index], reached)
                    reached = ends[index]
            body[row, column] = length * math.sqrt(x * x + y * y + z * z)


@njit(cache=True, fastmath=True, nogil=True)
def _fill_lungs(k, rectangles, spaces, solid, sides, first, right, down, air, stretches, counts):  # type: ignore[no-untyped-def]
    _, rows, columns = air.shape
    starts = np.empty(len(solid) + 1)
    ends = np.empty(len(solid) + 1)
    active = np.empty(len(solid), dtype=np.int64)
    for side in range(2):
        own_spaces = spaces[(sides[spaces] == side) | (sides[spaces] == -1)]
        own_solids = solid[(sides[solid] == side) | (sides[solid] == -1)]
        if len(own_spaces) == 0:
            continue
        top, bottom, start, end = 0, rows, 0, columns
        for member in own_spaces:
            top, bottom = max(top, rectangles[member, 0]), min(bottom, rectangles[member, 1])
            start, end = max(start, rectangles[member, 2]), min(end, rectangles[member, 3])
        for row in range(top, bottom):
            alive = _active(rectangles, own_solids, row, active)
            for column in range(start, end):
                x = first[0] + row * down[0] + column * right[0]
                y = first[1] + row * down[1] + column * right[1]
                z = first[2] + row * down[2] + column * right[2]
                begin, finish = -1e9, 1e9
                for member in own_spaces:
                    enter, leave = _meet(k[member], x, y, z)
                    if leave <= enter:
                        finish = begin
                        break
                    begin, finish = max(begin, enter), min(finish, leave)
                if finish <= begin:
                    continue
                count = 0
                for index in range(alive):
                    member = active[index]
                    if rectangles[member, 2] <= column < rectangles[member, 3]:
                        enter, leave = _meet(k[member], x, y, z)
                        if leave > enter and leave > begin and enter < finish:
                            _insert(starts, ends, count, enter, leave)
                            count += 1
                length = 0.0
                selected = 0
                reached = begin
                for index in range(count + 1):
                    until = finish if index == count else min(starts[index], finish)
                    if until > reached:
                        length += until - reached
                        if selected < _MOST:
                            stretches[side, row, column, selected, 0] = reached
                            stretches[side, row, column, selected, 1] = until
                            selected += 1
                    if index < count:
                        reached = max(reached, ends[index])
                counts[side, row, column] = selected
                air[side, row, column] = length * math.sqrt(x * x + y * y + z * z)


@njit(cache=True, fastmath=True, nogil=True)
def _add(k, rectangles, members, sides, soft, values, first, right, down, stretches, counts, total):  # type: ignore[no-untyped-def]
    for member in members:
        own = k[member]
        side = sides[member]
        value = values[member]
        cloud = soft[member]
        for row in range(rectangles[member, 0], rectangles[member, 1]):
            for column in range(rectangles[member, 2], rectangles[member, 3]):
                pieces = 1
                if side >= 0:
                    pieces = counts[side, row, column]
                    if pieces == 0:
                        continue
                x = first[0] + row * down[0] + column * right[0]
                y = first[1] + row * down[1] + column * right[1]
                z = first[2] + row * down[2] + column * right[2]
                if cloud:
                    a = own[0] * x * x + own[1] * y * y + own[2] * z * z
                    a += own[3] * x * y + own[4] * x * z + own[5] * y * z
                    b = own[6] * x + own[7] * y + own[8] * z
                    nearest = own[9] - b * b / a
                    if nearest > 9.0:
                        continue
                    peak = math.exp(-0.5 * nearest) * math.sqrt(math.pi / (2.0 * a))
                    if side < 0:
                        length = 2.0 * peak
                    else:
                        scale = math.sqrt(0.5 * a)
                        shift = b / a
                        length = 0.0
                        for piece in range(pieces):
                            length += math.erf(scale * (stretches[side, row, column, piece, 1] + shift))
                            length -= math.erf(scale * (stretches[side, row, column, piece, 0] + shift))
                        length *= peak
                else:
                    enter, leave = _meet(own, x, y, z)
                    if leave <= enter:
                        continue
                    if side < 0:
                        length = leave - enter
                    else:
                        length = 0.0
                        for piece in range(pieces):
                            low = max(enter, stretches[side, row, column, piece, 0])
                            high = min(leave, stretches[side, row, column, piece, 1])
                            if high > low:
                                length += high - low
                total[row, column] += value * length * math.sqrt(x * x + y * y + z * z)
