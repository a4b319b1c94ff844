import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from hilum.explanation.localisation import Detections, average_precision, boxes_of_map, hits, ious, thresholded_iou


def test_a_box_stands_around_every_part_above_the_threshold():
    heat = np.zeros((8, 10))
    heat[1:3, 2:5] = 4.0
    heat[5:8, 7] = 2.0
    heat[0, 9] = 1.9
    boxes, peaks = boxes_of_map(heat, 0.5)
    assert boxes.tolist() == [[0.2, 0.125, 0.3, 0.25], [0.7, 0.625, 0.1, 0.375]]
    assert peaks.tolist() == [1.0, 0.5]


def test_a_dark_map_has_no_box_and_no_overlap():
    boxes, peaks = boxes_of_map(np.zeros((4, 4)))
    assert boxes.shape == (0, 4)
    assert len(peaks) == 0
    assert thresholded_iou(np.zeros((4, 4)), np.array([[0.0, 0.0, 0.5, 0.5]])) == 0.0


def test_iou_of_a_threshold_comes_out_by_hand():
    heat = np.zeros((4, 4))
    heat[0, :3] = [1.0, 0.6, 0.4]
    box = np.array([[0.0, 0.0, 0.75, 0.25]])  # the three of them
    assert thresholded_iou(heat, box, 0.5) == pytest.approx(2 / 3)
    assert thresholded_iou(heat, box, 0.3) == pytest.approx(1.0)


def test_iou_of_boxes_comes_out_by_hand():
    one = np.array([[0.0, 0.0, 0.4, 0.4]])
    others = np.array([[0.0, 0.0, 0.4, 0.4], [0.2, 0.0, 0.4, 0.4], [0.5, 0.5, 0.1, 0.1]])
    assert ious(one, others)[0] == pytest.approx([1.0, 0.08 / 0.24, 0.0])


def test_a_drawn_box_is_found_once():
    drawn = np.array([[0.0, 0.0, 0.4, 0.4], [0.5, 0.5, 0.4, 0.4]])
    found = np.array([[0.5, 0.5, 0.4, 0.4], [0.5, 0.5, 0.4, 0.39], [0.0, 0.0, 0.4, 0.1]])
    assert hits(found, drawn, 0.25).tolist() == [True, False, True]
    assert hits(found, drawn, 0.5).tolist() == [True, False, False]


def slow_average_precision(confidence, right, drawn):
    """Area under the envelope of precision over recall, point by point."""
    points = []
    for threshold in sorted(set(confidence), reverse=True):
        selected = [good for score, good in zip(confidence, right, strict=True) if score >= threshold]
        points.append((sum(selected) / drawn, sum(selected) / len(selected)))
    area, before = 0.0, 0.0
    for index, (recall, _) in enumerate(points):
        area += (recall - before) * max(precision for _, precision in points[index:])
        before = recall
    return area


def test_average_precision_is_the_area_under_the_envelope():
    rng = np.random.default_rng(0)
    for drawn in (6, 20, 40):
        confidence, right = rng.integers(0, 8, 30) / 8, rng.random(30) < 0.2
        units = rng.integers(0, 5, 30)
        per_patient = np.bincount(np.arange(drawn) % 5, minlength=5)
        counts = np.ones((5, 2), dtype=np.uint8)
        found = average_precision(Detections(units, confidence, right, per_patient), counts)
        assert found == pytest.approx(slow_average_precision(confidence, right, drawn))


def test_where_precision_only_falls_average_precision_is_scikit_learns():
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    right = np.array([True, True, True, False, True, False])
    units = np.zeros(6, dtype=np.int64)
    found = average_precision(Detections(units, confidence, right, np.array([4])), np.ones((1, 1), dtype=np.uint8))
    assert found[0] == pytest.approx(average_precision_score(right, confidence))


def test_a_resample_counts_patients_as_often_as_they_are_drawn():
    rng = np.random.default_rng(1)
    units, confidence, right = rng.integers(0, 4, 25), rng.random(25), rng.random(25) < 0.5
    drawn, counts = np.array([3, 9, 5, 8]), np.array([[2], [0], [1], [1]], dtype=np.uint8)
    found = average_precision(Detections(units, confidence, right, drawn), counts)
    often = np.concatenate([np.repeat(np.flatnonzero(units == unit), counts[unit, 0]) for unit in range(4)])
    expected = slow_average_precision(confidence[often], right[often], int(drawn @ counts[:, 0]))
    assert found[0] == pytest.approx(expected)


def test_without_boxes_average_precision_is_undefined_and_without_detections_zero():
    none = np.zeros(0)
    empty = Detections(none.astype(np.int64), none, none.astype(bool), np.array([1, 0]))
    assert np.array_equal(average_precision(empty, np.array([[1, 0], [1, 2]])), [0.0, np.nan], equal_nan=True)
