"""Scores of a study from those of its images."""

import polars as pl
import pytest

from hilum.evaluation.predictions import by_study

TABLE = pl.DataFrame(
    {
        "image_id": ["a", "b", "c", "d", "e"],
        "patient_id": ["p", "p", "p", "q", "q"],
        "split": ["test"] * 5,
        "y_Edema": pl.Series([0, 1, None, None, 0], dtype=pl.Int8),
        "p_Edema": pl.Series([0.2, 0.4, 0.9, 0.5, 0.1], dtype=pl.Float32),
    }
)
STUDY_OF = {"a": "1", "b": "1", "c": "2", "d": "2", "e": None}


@pytest.mark.parametrize(("score", "expected"), [("mean", [0.3, 0.9, 0.5, 0.1]), ("max", [0.4, 0.9, 0.5, 0.1])])
def test_a_study_has_one_score_and_is_positive_where_an_image_is(score, expected):
    found = by_study(TABLE, STUDY_OF, score)
    assert found["image_id"].to_list() == ["1", "p/2", "q/2", "e"]
    assert found["patient_id"].to_list() == ["p", "p", "q", "q"]
    assert found["y_Edema"].to_list() == [1, None, None, 0]
    assert found["p_Edema"].to_list() == pytest.approx(expected)
    assert found.schema == TABLE.schema


def test_images_without_studies_stay_as_they_are():
    assert by_study(TABLE, {}).equals(TABLE)
