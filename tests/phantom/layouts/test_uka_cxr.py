import csv

import pytest

from hilum.phantom.anatomy.thorax import thorax
from hilum.phantom.image import Box, image_camera, render_image, visible_change
from hilum.phantom.layouts.uka_cxr import GRADED, HEADER, grades_of, sides
from hilum.phantom.population import population_images


def test_all_images_are_of_the_bedside_and_of_patients_on_one_list(generated):
    root, written = generated("uka_cxr")
    assert set(written.manifest["view"]) == {"AP"}
    lists = written.manifest.group_by("patient_id").agg("split")
    assert all(len(set(parts)) == 1 for parts in lists["split"])
    assert (root / "uka_cxr.csv").read_text().splitlines()[0] == ",".join(HEADER)


def test_grades_are_written_as_words_and_some_are_blank(generated):
    root, _ = generated("uka_cxr")
    with (root / "uka_cxr.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    heart = {row["cardiomegaly"] for row in rows}
    others = {row[name] for row in rows for name in GRADED[1:]}
    assert heart <= {"", "normal", "borderline", "enlarged", "massively enlarged"}
    assert others == {"", "negative", "uncertain mild", "mild", "moderate", "severe"}


@pytest.mark.parametrize(
    ("x", "width", "left"),
    [(100, 200, [False]), (700, 200, [True]), (200, 700, [False, True]), (440, 100, [False, True]), (430, 90, [False])],
)
def test_a_box_on_the_left_of_the_image_is_the_patients_right(x, width, left):
    assert sides(Box("Pneumonia", x, 300, width, 100)) == left


def test_the_graded_side_is_the_one_where_the_image_changes():
    compared = 0
    for image in [image for image in population_images(0, 120) if image.severities.get("Pleural Effusion", 0) > 0.5]:
        boxes = render_image(image, size=48, seed=0, boxed=["Pleural Effusion"]).boxes
        graded = grades_of(image, boxes, 0)[2:4]
        patient = thorax(image, 0)
        changed = visible_change(patient, "Pleural Effusion", image_camera(image, patient.build, 0, 192))
        shares = changed[:, :96].sum() / changed.sum(), changed[:, 96:].sum() / changed.sum()
        for grade, share in zip(graded, shares, strict=True):
            if grade is not None and not 0 < share < 0.3:
                assert (grade > 0) == (share > 0)
                compared += 1
    assert compared > 6
