from dataclasses import replace

import numpy as np
import pytest

from hilum.findings import CHESTXRAY14
from hilum.phantom.anatomy.thorax import thorax
from hilum.phantom.image import FRAME, VISIBLE, image_camera, render_image, visible_change
from hilum.phantom.population import Image, population_images
from hilum.phantom.projection import line_integrals

HEALTHY = Image(
    image_id="00000007_000.png",
    patient=7,
    follow_up=0,
    age=50,
    age_at_first_image=50,
    sex="M",
    view="PA",
    upright=True,
    severities={},
    episodes={},
    width=2992,
    height=2991,
    spacing="0.14300000000000002",
)


def with_finding(finding: str, severity: float, **changes) -> Image:
    return replace(HEALTHY, severities={finding: severity}, episodes={finding: 0}, **changes)


def integrals_of(image: Image, side: int = 192):
    patient = thorax(image, seed=0)
    camera = image_camera(image, patient.build, 0, side)
    return line_integrals(patient.solids, patient.attenuation, camera)


def test_an_image_is_a_function_of_seed_and_image():
    first, again = (render_image(HEALTHY, size=64, seed=0).pixels for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape == (64, 64)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, render_image(HEALTHY, size=64, seed=1).pixels)


def test_no_lung_reaches_out_of_the_body():
    for image in population_images(0, 40):
        found = integrals_of(image, side=96)
        assert (found.air.sum(0) <= found.body + 1e-3).all()
        assert np.isfinite(found.attenuation).all()


def test_lungs_are_darker_than_the_mediastinum_and_brighter_than_air():
    pixels = render_image(HEALTHY, size=256, seed=0).pixels.astype(float)
    found = integrals_of(HEALTHY, side=256)
    lung, air = found.air.sum(0) > 14, found.body < 0.1
    middle = np.zeros_like(lung)
    middle[120:160, 124:136] = True
    assert pixels[middle].mean() > 1.5 * pixels[lung].mean()
    assert pixels[lung].mean() > pixels[air].mean() + 20


def test_the_heart_is_wider_on_an_ap_image_of_the_same_patient():
    image = with_finding("Cardiomegaly", 0.5)
    widths = {}
    for view in ("PA", "AP"):
        taken = replace(image, view=view)
        patient = thorax(taken, seed=0)
        camera = image_camera(taken, patient.build, 0, 256)
        columns = np.flatnonzero(visible_change(patient, "Cardiomegaly", camera).any(0))
        widths[view] = (columns[-1] - columns[0]) * np.linalg.norm(camera.right)
    assert widths["AP"] > 1.04 * widths["PA"]


@pytest.mark.parametrize("finding", [name for name in CHESTXRAY14 if name != "Emphysema"])
def test_boxes_hold_every_ray_that_the_finding_changes_and_touch_one_on_each_side(finding):
    image = with_finding(finding, 0.8)
    boxes = render_image(image, size=192, seed=0, boxed=[finding]).boxes
    patient = thorax(image, seed=0)
    camera = image_camera(image, patient.build, 0, 192)
    present, absent = (
        line_integrals(state.solids.no_finer_than(0.46 * camera.pixel), state.attenuation, camera).attenuation
        for state in (patient, patient.without(finding))
    )
    changed = np.abs(present - absent) > VISIBLE
    covered = np.zeros_like(changed)
    assert boxes
    for box in boxes:
        unit = 192 / FRAME
        left, top = round(box.x * unit), round(box.y * unit)
        right, bottom = round((box.x + box.width) * unit), round((box.y + box.height) * unit)
        covered[top:bottom, left:right] = True
        assert box.finding == finding
        for edge in (changed[top, left:right], changed[bottom - 1, left:right], changed[top:bottom, left],
                     changed[top:bottom, right - 1]):  # fmt: skip
            assert edge.any()
    assert not (changed & ~covered).any()


@pytest.mark.parametrize("view", ["PA", "AP"])
@pytest.mark.parametrize("finding", CHESTXRAY14)
def test_every_finding_changes_the_image_of_a_patient_upright_and_lying(finding, view):
    image = replace(HEALTHY, view=view, upright=view == "PA")
    ill = with_finding(finding, 0.7, view=view, upright=view == "PA")
    change = np.abs(integrals_of(ill).attenuation - integrals_of(image).attenuation)
    assert (change > VISIBLE).mean() > 1e-4


def test_a_severer_effusion_leaves_less_air():
    air = [integrals_of(with_finding("Pleural Effusion", severity)).air.sum() for severity in (0.1, 0.5, 0.9)]
    assert air[0] > air[1] > air[2]


def test_a_faint_finding_has_no_box():
    patient = thorax(HEALTHY, seed=0)
    camera = image_camera(HEALTHY, patient.build, 0, 64)
    assert not visible_change(patient, "Nodule", camera).any()


def test_small_images_are_averages_of_finer_ones():
    coarse = render_image(HEALTHY, size=96, seed=0).pixels.astype(float)
    fine = render_image(HEALTHY, size=192, seed=0).pixels.astype(float)
    assert coarse == pytest.approx(fine.reshape(96, 2, 96, 2).mean((1, 3)), abs=1.0)
