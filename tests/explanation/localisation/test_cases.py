import polars as pl

from hilum.explanation.localisation import boxed_cases


def test_boxes_are_gathered_by_finding_and_image():
    boxes = pl.DataFrame(
        {
            "image_id": ["b", "a", "a", "a", "stranger"],
            "finding": ["Mass", "Mass", "Mass", "Edema", "Mass"],
            "x": [0.1, 0.2, 0.3, 0.4, 0.5],
            "y": [0.0] * 5,
            "width": [0.1] * 5,
            "height": [0.1] * 5,
        }
    )
    cases = boxed_cases(boxes, {"a": "p1", "b": "p2"}, ["Mass"])
    assert [(case.finding, case.image_id, case.patient_id) for case in cases] == [
        ("Mass", "a", "p1"),
        ("Mass", "b", "p2"),
    ]
    assert cases[0].boxes.tolist() == [[0.2, 0.0, 0.1, 0.1], [0.3, 0.0, 0.1, 0.1]]
