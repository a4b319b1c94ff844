import numpy as np
import polars as pl
import pytest

from hilum.evaluation import TestSet, smallest_detectable_difference
from hilum.study.plan import detectable_differences, plan_data, plan_study

FINDINGS = ["Mass", "Edema", "Hernia"]


@pytest.fixture
def labels():
    """600 test images of 200 patients and as many of others; Hernia in one patient; some labels of Mass unknown."""
    rng = np.random.default_rng(0)
    rows = np.arange(1200)
    mass = [None if row % 50 == 0 else int(rng.random() < 0.3) for row in rows]
    columns = {"y_Mass": mass, "y_Edema": (rng.random(1200) < 0.1).astype(int), "y_Hernia": (rows < 2).astype(int)}
    return pl.DataFrame(
        {"split": ["test"] * 600 + ["val"] * 600, "patient_id": [f"{row // 3:04d}" for row in rows], **columns}
    )


def test_each_finding_has_the_difference_that_its_test_images_show(labels):
    mean, mass, edema, _ = detectable_differences(labels, FINDINGS, 10)["rows"]
    test = labels.head(600)
    counted = {}
    for row in (mass, edema):
        known = test.filter(pl.col(f"y_{row['finding']}").is_not_null())
        positive = known.filter(pl.col(f"y_{row['finding']}") == 1)
        assert (row["positives"], row["positive_patients"]) == (len(positive), positive["patient_id"].n_unique())
        counts = TestSet(len(positive), len(known) - len(positive), known["patient_id"].n_unique())
        counted[row["finding"]] = counts
        assert row["smallest_difference"] == pytest.approx(smallest_detectable_difference(counts))
    assert mean["smallest_difference"] == pytest.approx(smallest_detectable_difference(counted))
    assert mean["note"] == "mean of 2 of 3 findings"


def test_findings_with_too_few_patients_have_none_and_say_so(labels):
    rows = detectable_differences(labels, FINDINGS, 10)["rows"]
    assert rows[3]["smallest_difference"] is None
    assert rows[3]["note"] == "fewer than 10 positive or negative patients: excluded"
    mean, *_ = detectable_differences(labels, FINDINGS, 1000)["rows"]
    assert mean["smallest_difference"] is None


def test_the_plan_counts_the_test_images_of_the_task(small_study, images):
    plan = plan_data(plan_study(small_study, {"images": images}))
    mean, *findings = plan["power"]["rows"]
    by_split = plan["data"][0]["positives"]
    assert {row["finding"]: row["positives"] for row in findings} == {
        finding: counts["test"] for finding, counts in by_split.items()
    }
    assert mean["finding"] == "macro"
    assert plan_data(plan_study(small_study, {}))["power"] is None
