import math

import numpy as np
import pytest

from hilum.phantom.detector import beer_lambert
from hilum.phantom.projection import (
    AIRSPACE,
    BODY,
    LEFT,
    RIGHT,
    SOLID,
    Attenuation,
    Camera,
    Solids,
    ellipsoids,
    frontal_camera,
    line_integrals,
    path,
    together,
    tubes,
    turned,
)

NOTHING = Attenuation(0.0, (0.0, 0.0))


def camera_of(pixels: int = 65, width: float = 20.0) -> Camera:
    """Straight on, source 180 cm from the detector; the middle pixel's ray is the y axis."""
    return frontal_camera(
        "PA",
        source_to_detector=180,
        patient_to_detector=20,
        width=width,
        height=width,
        centre=(0.0, 0.0),
        rows=pixels,
        columns=pixels,
    )


def directions_of(camera: Camera) -> np.ndarray:
    rows, columns = np.mgrid[: camera.rows, : camera.columns]
    pixels = camera.corner + rows[..., None] * camera.down + columns[..., None] * camera.right
    rays = pixels - camera.source
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True)


def marched(inside, camera: Camera, row: int, column: int, *, near: float, far: float, step: float = 2e-4) -> float:
    """Length inside a solid by walking along the ray: the slow version."""
    along = directions_of(camera)[row, column]
    t = np.arange(near, far, step)
    return float(inside(camera.source + t[:, None] * along).sum() * step)


def test_the_ray_through_the_centre_of_a_sphere_meets_its_diameter():
    sphere = ellipsoids([0, 0, 0], 3.0, value=1.0)
    integral = line_integrals(sphere, NOTHING, camera_of()).attenuation
    assert integral[32, 32] == pytest.approx(6.0, rel=1e-6)


def test_every_ray_meets_a_sphere_in_the_chord_of_its_distance_from_the_centre():
    camera, centre, radius = camera_of(), np.array([1.2, -4.0, 0.7]), 2.5
    integral = line_integrals(ellipsoids(centre, radius, value=1.0), NOTHING, camera).attenuation
    distance = np.linalg.norm(np.cross(centre - camera.source, directions_of(camera)), axis=-1)
    chord = 2 * np.sqrt(np.clip(radius**2 - distance**2, 0, None))
    assert integral == pytest.approx(chord, abs=2e-5)


def test_a_turned_ellipsoid_is_met_as_long_as_walking_through_it_takes():
    axes, semiaxes, centre = turned(20, 35, -50), np.array([3.0, 1.0, 2.0]), np.array([0.5, 1.0, -0.3])
    camera = camera_of()
    integral = line_integrals(ellipsoids(centre, semiaxes, axes=axes, value=1.0), NOTHING, camera).attenuation

    def inside(points):
        return ((((points - centre) @ axes.T) / semiaxes) ** 2).sum(1) <= 1

    for row, column in [(32, 32), (28, 36), (35, 30)]:
        assert integral[row, column] == pytest.approx(marched(inside, camera, row, column, near=150, far=170), abs=1e-3)


def test_an_oblique_elliptic_tube_is_met_as_long_as_walking_through_it_takes():
    start, end = np.array([-2.0, -1.5, -1.0]), np.array([2.5, 2.0, 1.4])
    camera = camera_of()
    tube = tubes([start], [end], 0.8, across=0.5, towards=[0, 0, 1], value=1.0)
    integral = line_integrals(tube, NOTHING, camera).attenuation
    along = (end - start) / np.linalg.norm(end - start)
    u = np.array([0, 0, 1]) - along[2] * along
    u /= np.linalg.norm(u)
    v = np.cross(along, u)

    def inside(points):
        offset = points - start
        axial = offset @ along
        round_ = (offset @ u / 0.8) ** 2 + (offset @ v / 0.5) ** 2 <= 1
        return round_ & (axial >= 0) & (axial <= np.linalg.norm(end - start))

    for row, column in [(32, 32), (31, 34), (33, 28), (30, 37)]:
        assert integral[row, column] == pytest.approx(marched(inside, camera, row, column, near=150, far=170), abs=1e-3)


def test_a_mitred_path_neither_overlaps_nor_gapes_at_its_joints():
    straight = tubes([[-4, 0, 0]], [[4, 0, 0]], 0.5, value=1.0)
    pieces = path([[-4, 0, 0], [-1.3, 0, 0], [0.2, 0, 0], [4, 0, 0]], 0.5, value=1.0)
    camera = camera_of()
    whole = line_integrals(straight, NOTHING, camera).attenuation
    assert line_integrals(pieces, NOTHING, camera).attenuation == pytest.approx(whole, abs=1e-5)


def test_a_plane_cuts_a_sphere_to_a_half():
    half = ellipsoids([0, 0, 0], 3.0, planes=[[0, 1, 0, 0]], value=1.0)
    assert line_integrals(half, NOTHING, camera_of()).attenuation[32, 32] == pytest.approx(3.0, rel=1e-6)


def test_a_cloud_has_the_integral_of_a_normal_curve():
    cloud = ellipsoids([0, 0, 0], [1.0, 2.0, 0.5], value=0.3, soft=True)
    peak = line_integrals(cloud, NOTHING, camera_of()).attenuation[32, 32]
    assert peak == pytest.approx(0.3 * 2.0 * math.sqrt(2 * math.pi), rel=1e-6)


def test_a_cloud_inside_a_lung_is_cut_where_the_lung_ends():
    lung = ellipsoids([0, 0, 0], 4.0, role=AIRSPACE, side=LEFT)
    cloud = ellipsoids([0, 4.0, 0], 1.0, value=1.0, soft=True, side=LEFT)  # centred on the lung's front surface
    body = ellipsoids([0, 0, 0], 10.0, role=BODY)
    integral = line_integrals(together([body, lung, cloud]), NOTHING, camera_of()).attenuation[32, 32]
    # half a normal curve; what is cut off eight deviations away does not count
    assert integral == pytest.approx(math.sqrt(2 * math.pi) / 2, rel=1e-6)


def test_soft_tissue_unites_and_solids_displace_the_lung():
    body = [ellipsoids([0, -1, 0], 5.0, role=BODY), ellipsoids([0, 1, 0], 5.0, role=BODY)]
    lung = ellipsoids([0, 0, 0], 4.0, role=AIRSPACE, side=RIGHT)
    hearts = [ellipsoids([0, y, 0], 1.0, role=SOLID) for y in (0.0, 0.5)]
    found = line_integrals(together([*body, lung, *hearts]), Attenuation(0.2, (0.05, 0.07)), camera_of())
    assert found.body[32, 32] == pytest.approx(12.0, rel=1e-6)
    assert found.air[:, 32, 32] == pytest.approx([8.0 - 2.5, 0.0], abs=1e-5)
    assert found.attenuation[32, 32] == pytest.approx(0.2 * (12 - 5.5) + 0.05 * 5.5, rel=1e-5)


def test_the_other_side_does_not_displace_this_lung():
    lung = ellipsoids([0, 0, 0], 4.0, role=AIRSPACE, side=RIGHT)
    other = ellipsoids([0, 0, 0], 1.0, role=SOLID, side=LEFT)
    assert line_integrals(together([lung, other]), NOTHING, camera_of()).air[0, 32, 32] == pytest.approx(8.0, rel=1e-6)


def test_radiation_behind_a_slab_follows_beer_and_lambert():
    # a tube of 200 cm radius and 10 cm length along the beam is a slab for the middle ray
    slab = tubes([[0, -5, 0]], [[0, 5, 0]], 200.0, value=0.19)
    integral = line_integrals(slab, NOTHING, camera_of()).attenuation
    slant = 1 / directions_of(camera_of())[..., 1]
    assert beer_lambert(integral) == pytest.approx(np.exp(-0.19 * 10 * slant), rel=1e-5)


def test_a_sphere_is_magnified_by_source_detector_over_source_object_distance():
    radius, camera = 2.0, camera_of(pixels=801, width=16.0)
    shadow = line_integrals(ellipsoids([0, 0, 0], radius, value=1.0), NOTHING, camera).attenuation[400] > 0
    # tangents to a sphere at distance d meet the detector at D r / sqrt(d^2 - r^2), D / d for small r
    expected = 2 * 180 * radius / math.sqrt(160**2 - radius**2)
    assert shadow.sum() * 16.0 / 801 == pytest.approx(expected, abs=2 * 16.0 / 801)
    assert expected / (2 * radius) == pytest.approx(180 / 160, rel=1e-4)


def test_widening_thin_tubes_to_a_pixel_keeps_their_mass():
    camera = camera_of(pixels=401, width=8.0)
    thin = tubes([[0, 0, -2]], [[0, 0, 2]], 0.15, value=1.0)
    wide = thin.no_finer_than(0.75)
    masses = [line_integrals(solids, NOTHING, camera).attenuation.sum() for solids in (thin, wide)]
    assert masses[1] == pytest.approx(masses[0], rel=0.02)
    assert wide.value[0] == pytest.approx(0.04)


def test_the_rectangle_of_a_solid_holds_its_whole_shadow():
    draw = np.random.default_rng(0)
    camera = camera_of(pixels=97)
    parts: list[Solids] = []
    for _ in range(30):
        centre, semiaxes = draw.uniform(-5, 5, 3), draw.uniform(0.3, 3, 3)
        parts.append(ellipsoids(centre, semiaxes, axes=turned(*draw.uniform(-90, 90, 3)), value=1.0))
    for solid in parts:
        full = line_integrals(solid, NOTHING, camera).attenuation
        row, end_row, column, end_column = camera.rectangles(solid)[0]
        rows, columns = np.nonzero(_meets_by_definition(solid, camera))
        assert row <= rows.min()
        assert rows.max() < end_row
        assert column <= columns.min()
        assert columns.max() < end_column
        assert (full > 0).sum() == pytest.approx(len(rows), abs=4)


def _meets_by_definition(solid: Solids, camera: Camera) -> np.ndarray:
    along = directions_of(camera) @ solid.matrix[0].T
    offset = solid.matrix[0] @ (camera.source - solid.centre[0])
    a, b, c = (along**2).sum(-1), along @ offset, offset @ offset - 1
    return b**2 - a * c > 0
