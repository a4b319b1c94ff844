import polars as pl

from hilum.explanation.embedding import ANOMALIES, ILL, NO_FINDING, SINGLE, groupings


def manifest(**findings):
    rows = len(next(iter(findings.values())))
    fixed = dict.fromkeys(("path", "patient_id", "study_id", "view", "sex", "split"), ["x"] * rows)
    codes = {name.replace("_", " "): pl.Series(values, dtype=pl.Int8) for name, values in findings.items()}
    return pl.DataFrame({"image_id": [f"f{row}" for row in range(rows)], **fixed, "age": [50.0] * rows, **codes})


def test_an_image_with_one_finding_is_of_that_class_and_one_with_several_or_an_uncertain_one_of_none():
    images = manifest(
        Edema=[1, 1, 0, 0, 1],
        Mass=[0, 1, 1, 0, -1],
        No_Finding=[0, 0, 0, 1, 0],
    )
    single, ill = groupings(images, ["f4", "f3", "f2", "f1", "f0"])
    assert single.name == SINGLE
    assert single.of == [None, NO_FINDING, "Mass", None, "Edema"]
    assert single.classes == ["Edema", "Mass", NO_FINDING]  # one image each: by name
    assert ill.name == ILL
    assert ill.of == [ANOMALIES, NO_FINDING, ANOMALIES, ANOMALIES, ANOMALIES]
    assert ill.classes == [ANOMALIES, NO_FINDING]  # the larger one first


def test_without_a_label_for_it_an_image_is_healthy_where_all_findings_are_reported_absent():
    images = manifest(Edema=[0, 0, 1, None], Mass=[0, None, None, -1])
    *_, ill = groupings(images, ["f0", "f1", "f2", "f3"])
    assert ill.of == [NO_FINDING, None, ANOMALIES, None]


def test_without_labels_or_with_one_class_there_is_nothing_to_compare():
    assert groupings(manifest(Edema=[1, 1]), ["f0", "f1"]) == []
    assert groupings(manifest(Edema=[1, 1]).drop("Edema"), ["f0"]) == []
