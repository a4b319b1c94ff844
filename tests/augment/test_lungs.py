"""The lungs' fixed place: against images whose generator knows each lung, and the limits against a slow search."""

import numpy as np
import pytest

from hilum.augment import Augmentation
from hilum.augment.lungs import enlarge_window, lung_points, shrink_window
from hilum.augment.parameters import draw_parameters
from hilum.draws import image_keys
from hilum.phantom.anatomy.thorax import thorax
from hilum.phantom.image import image_camera
from hilum.phantom.population import population_images
from hilum.phantom.projection import line_integrals

KEYS = image_keys(f"film {number}" for number in range(400))
SIDE = 48
TINY_CROPS = Augmentation(crop_area=(0.08, 1), crop_aspect=(3 / 4, 4 / 3), rotate=10, flip=0.5)


@pytest.fixture(scope="module")
def true_lungs():
    """Where rays meet more than 3 cm of air in a lung, on 40 generated images, (40, SIDE, SIDE)."""
    masks = []
    for image in population_images(3, 160)[::4]:
        patient = thorax(image, 3)
        camera = image_camera(image, patient.build, 3, SIDE)
        solids = patient.solids.no_finer_than(0.46 * camera.pixel)
        masks.append((line_integrals(solids, patient.attenuation, camera).air > 3).any(axis=0))
    return np.stack(masks)


def shares(points, parameters, source, size):
    """Share of points in an image of `source` px that each view shows; points (N, K, 2) in pixels."""
    linear, offset = parameters.maps[:, :, :2], parameters.maps[:, :, 2]
    seen = (points - offset[:, None]) @ np.linalg.inv(linear).transpose(0, 2, 1)
    return (np.abs(seen - (size - 1) / 2) <= size / 2 + 1e-6).all(axis=2).mean(axis=1), seen


def of_the_ellipses(parameters, source, size):
    points = (lung_points() + 1) * (source / 2) - 0.5
    return shares(np.broadcast_to(points, (len(parameters.maps), *points.shape)), parameters, source, size)


def drawn(**changes):
    augmentation = Augmentation(**(TINY_CROPS.ranges() | changes))
    return draw_parameters(KEYS, augmentation, SIDE, SIDE, seed=0, epoch=0, view=0)


def true_shares(parameters, masks):
    found = []
    for number in range(len(parameters.maps)):
        rows, columns = np.nonzero(masks[number % len(masks)])
        points = np.stack([columns, rows], axis=1)[None].astype(float)
        one = type(parameters)(*(getattr(parameters, n)[[number]] for n in ("maps", "brightness", "contrast", "sigma")))
        found.append(shares(points, one, SIDE, SIDE)[0][0])
    return np.array(found)


def test_the_share_of_the_lungs_in_a_crop_is_known_within_a_few_points(true_lungs):
    parameters = drawn()
    error = true_shares(parameters, true_lungs) - of_the_ellipses(parameters, SIDE, SIDE)[0]
    assert abs(error.mean()) < 0.03
    assert error.std() < 0.09


def test_crops_keep_the_lungs_of_images_that_were_not_looked_at(true_lungs):
    """Of crops of 8 % of the image and more, a fifth would lose most of the lungs; with the limit hardly one does."""
    free, selected = (true_shares(drawn(keep_lungs=limit), true_lungs) for limit in (0.0, 0.6))
    assert (free < 0.4).mean() > 0.15
    assert (selected < 0.4).mean() < 0.03
    assert (selected < 0.5).mean() < 0.1


@pytest.mark.parametrize("limit", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("changes", [{}, {"rotate": 20}, {"scale": (0.8, 1.0)}])
def test_every_crop_keeps_the_share_that_is_asked_for(limit, changes):
    share, _ = of_the_ellipses(drawn(keep_lungs=limit, **changes), SIDE, SIDE)
    assert share.min() >= limit - 1e-9


def test_lungs_that_are_moved_off_the_image_are_kept_as_far_as_they_are_there():
    moved = {"shift": 0.4, "scale": (1.5, 2.0)}
    whole, _ = of_the_ellipses(drawn(crop_area=(1, 1), crop_aspect=(1, 1), **moved), SIDE, SIDE)
    selected, _ = of_the_ellipses(drawn(keep_lungs=0.6, **moved), SIDE, SIDE)
    assert (whole < 0.6).mean() > 0.3
    assert (selected >= np.minimum(whole, 0.6) - 1e-9).all()


def test_crops_that_hold_enough_stay_as_they_were_and_no_crop_shrinks():
    free, selected = drawn(), drawn(keep_lungs=0.6)
    enough = of_the_ellipses(free, SIDE, SIDE)[0] >= 0.6
    assert 0.3 < enough.mean() < 0.9
    assert np.array_equal(free.maps[enough], selected.maps[enough])
    areas = [np.abs(np.linalg.det(each.maps[:, :, :2])) for each in (free, selected)]
    assert (areas[1] >= areas[0] - 1e-9).all()
    assert (areas[1][~enough] > areas[0][~enough]).all()
    assert areas[1].max() <= 1 + 1e-9


def test_a_crop_grows_no_more_than_is_needed():
    """Against a search in small steps along the same way."""
    generator = np.random.default_rng(0)
    half = generator.uniform(0.1, 0.4, (20, 2))
    centre = (2 * generator.random((20, 2)) - 1) * (1 - half)
    points = lung_points()
    lungs = np.broadcast_to(points, (20, *points.shape))
    grown_half, grown_centre = enlarge_window(half, centre, lungs, 0.6)
    for number in range(20):
        low, high = centre[number] - half[number], centre[number] + half[number]
        far_low, far_high = np.minimum(low, points.min(axis=0)), np.maximum(high, points.max(axis=0))
        for part in np.linspace(0, 1, 2001):
            now_low, now_high = low + part * (far_low - low), high + part * (far_high - high)
            if ((points >= now_low) & (points <= now_high)).all(axis=1).mean() >= 0.6:
                break
        assert np.allclose(grown_centre[number] - grown_half[number], now_low, atol=2e-3)
        assert np.allclose(grown_centre[number] + grown_half[number], now_high, atol=2e-3)


@pytest.mark.parametrize("limit", [0.0, 0.1, 0.5, 1.0])
def test_an_erased_rectangle_covers_no_more_of_the_lungs_than_allowed(limit):
    augmentation = {"erase_probability": 1.0, "erase_area": (0.3, 0.9), "erase_aspect": (0.5, 2), "crop_area": (0.3, 1)}
    parameters = drawn(erase_lungs=limit, **augmentation)
    _, seen = of_the_ellipses(parameters, SIDE, SIDE)
    top, bottom, left, right = parameters.finish.erased.T[:, :, None]
    visible = (np.abs(seen - (SIDE - 1) / 2) <= SIDE / 2).all(axis=2)
    x, y = seen[:, :, 0] + 0.5, seen[:, :, 1] + 0.5  # edges of pixels at whole numbers
    covered = ((x > left) & (x < right) & (y > top) & (y < bottom) & visible).sum(axis=1) / visible.sum(axis=1)
    # A rectangle ends at pixels: half a pixel more on each side, of 48.
    assert covered.max() <= limit + 0.08
    if limit == 1:
        areas = ((bottom - top) * (right - left))[:, 0] / SIDE**2
        assert areas.min() > 0.28


def test_a_rectangle_that_covers_little_stays_as_it_is():
    half, centre = np.full((1, 2), 0.1), np.array([[0.0, 0.9]])
    lungs = lung_points()[None]
    assert np.array_equal(shrink_window(half, centre, lungs, 0.1), half)
    assert (shrink_window(half * 5, np.array([[0.38, -0.08]]), lungs, 0.1) < half * 5).all()


def test_a_limit_moves_no_other_draw():
    free, selected = drawn(brightness=0.2), drawn(brightness=0.2, keep_lungs=0.6)
    assert np.array_equal(free.brightness, selected.brightness)
