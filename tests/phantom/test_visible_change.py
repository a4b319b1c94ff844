import numpy as np

from hilum.findings import CHESTXRAY14
from hilum.phantom.anatomy.thorax import thorax
from hilum.phantom.image import VISIBLE, image_camera, visible_change
from hilum.phantom.population import population_images
from hilum.phantom.projection import line_integrals


def test_what_a_finding_changes_is_what_two_whole_projections_differ_in():
    """Only the rays that meet the finding are taken again; bit for bit the same rays change."""
    seen = set()
    for image in population_images(3, 24, min_prevalence=0.3):
        patient = thorax(image, seed=3)
        camera = image_camera(image, patient.build, 3, 64)
        finest = 0.46 * camera.pixel
        present, *absent = (
            line_integrals(state.solids.no_finer_than(finest), state.attenuation, camera).attenuation
            for state in (patient, *(patient.without(finding) for finding in image.severities))
        )
        for finding, without in zip(image.severities, absent, strict=True):
            expected = np.abs(present - without) > VISIBLE
            assert np.array_equal(visible_change(patient, finding, camera), expected), finding
            assert np.array_equal(visible_change(patient, finding, camera, present), expected), finding
            seen |= {finding} if expected.any() else set()
    assert seen >= set(CHESTXRAY14) - {"Emphysema"}
