import numpy as np

from hilum.evaluation.predictions import count_cases


def test_counts_images_and_patients_whose_label_is_known():
    labels = np.array([[1, 0], [1, np.nan], [0, np.nan], [0, 0]], dtype=float)
    cases = count_cases(labels, np.array([0, 0, 1, 0], dtype=np.int32))
    assert cases.images.tolist() == [4, 2]
    assert cases.positives.tolist() == [2, 0]
    assert cases.negatives.tolist() == [2, 2]
    assert cases.patients.tolist() == [2, 1]
    assert cases.positive_patients.tolist() == [1, 0]
    assert cases.negative_patients.tolist() == [2, 1]


def test_patients_not_images_must_be_enough():
    labels = np.array([1.0] * 30 + [0.0] * 30)[:, None]
    one_patient = np.array([0] * 30 + list(range(1, 31)), dtype=np.int32)
    assert not count_cases(labels, one_patient).enough(2)[0]
    assert count_cases(labels, np.arange(60, dtype=np.int32)).enough(30)[0]
