import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.explanation.embedding import nearest_images, neighbours_table, rows_of


def by_angle(*degrees):
    radians = np.deg2rad(np.array(degrees, dtype=np.float64))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_the_nearest_are_those_at_the_smallest_angle_whatever_their_length():
    values = by_angle(0, 10, 25, 90) * np.array([[1], [50], [0.1], [3]], dtype=np.float32)
    nearest = nearest_images(values, ["a", "b", "c", "d"], 2)
    assert nearest.rows.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert np.allclose(nearest.cosines[0], np.cos(np.deg2rad([10, 25])), atol=1e-6)


def test_images_of_the_same_patient_are_left_out_unless_asked_for():
    values = by_angle(0, 1, 30, 60)
    patients = ["a", "a", "b", "c"]
    assert nearest_images(values, patients, 1).rows[:, 0].tolist() == [2, 2, 1, 2]
    assert nearest_images(values, patients, 1, same_patient=True).rows[:, 0].tolist() == [1, 0, 1, 2]


def test_where_there_are_fewer_images_of_others_than_asked_for_the_rest_stays_empty():
    nearest = nearest_images(by_angle(0, 1, 2), ["a", "a", "b"], 3)
    assert nearest.rows.tolist() == [[2, -1, -1], [2, -1, -1], [1, 0, -1]]
    assert np.isnan(nearest.cosines[0, 1:]).all()
    assert nearest_images(by_angle(7), ["a"], 2).rows.tolist() == [[-1, -1]]


def test_ties_go_to_the_image_that_comes_first():
    values = np.ones((6, 3), dtype=np.float32)
    assert nearest_images(values, list("abcdef"), 2).rows.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]


def test_many_images_give_what_sorting_all_distances_gives():
    draw = np.random.default_rng(0)
    values = draw.normal(size=(700, 9)).astype(np.float32)  # more than are computed at a time
    patients = [f"p{number}" for number in draw.integers(0, 300, 700)]
    nearest = nearest_images(values, patients, 5)
    for row in (0, 511, 512, 699):
        cosine = {
            other: float(values[row] @ values[other] / np.linalg.norm(values[row]) / np.linalg.norm(values[other]))
            for other in range(700)
            if patients[other] != patients[row]
        }
        assert nearest.rows[row].tolist() == sorted(cosine, key=lambda other: -cosine[other])[:5]
    asked = nearest_images(values, patients, 5, queries=np.array([699, 3]))
    assert asked.rows.tolist() == nearest.rows[[699, 3]].tolist()


def test_the_table_names_neighbours_by_rank_and_leaves_out_what_is_not_there():
    patients = ["a", "a", "b"]
    table = neighbours_table(nearest_images(by_angle(0, 1, 2), patients, 2), ["x", "y", "z"], patients)
    assert table.select("image_id", "rank", "neighbour").rows() == [
        ("x", 1, "z"),
        ("y", 1, "z"),
        ("z", 1, "y"),
        ("z", 2, "x"),
    ]
    assert table["same_patient"].to_list() == [False] * 4
    assert table.schema["cosine"] == pl.Float64


def test_an_image_that_is_not_there_is_named():
    assert rows_of(["c", "a"], ["a", "b", "c"], "--similar-to").tolist() == [2, 0]
    with pytest.raises(HilumError, match=r"--similar-to: .*found q\. The first ones are a, b, c"):
        rows_of(["q"], ["a", "b", "c"], "--similar-to")
