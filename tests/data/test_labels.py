import numpy as np
import pytest

from hilum.data.labels import keep_only, targets
from hilum.errors import HilumError

NAN = float("nan")


@pytest.fixture
def manifest(films):
    return films(["p", "q", "r", "s"], Mass=[1, 0, -1, None], Edema=[0, 1, 1, -1])


@pytest.mark.parametrize(
    ("uncertain", "not_mentioned", "ids", "expected"),
    [  # CheXpert (Irvin et al. 2019), section 3.1: U-Zeros, U-Ones, U-Ignore
        ("zero", "zero", "a0 a1 a2 a3", [[1, 0], [0, 1], [0, 1], [0, 0]]),
        ("one", "zero", "a0 a1 a2 a3", [[1, 0], [0, 1], [1, 1], [0, 1]]),
        ("ignore", "zero", "a0 a1 a2 a3", [[1, 0], [0, 1], [NAN, 1], [0, NAN]]),
        ("ignore", "ignore", "a0 a1 a2 a3", [[1, 0], [0, 1], [NAN, 1], [NAN, NAN]]),
        ("drop", "ignore", "a0 a1", [[1, 0], [0, 1]]),
    ],
)
def test_policies_say_what_uncertain_and_not_mentioned_mean(manifest, uncertain, not_mentioned, ids, expected):
    kept, numbers = targets(manifest, ["Mass", "Edema"], uncertain=uncertain, not_mentioned=not_mentioned)
    assert kept == ids.split()
    assert numbers.dtype == np.float32
    np.testing.assert_array_equal(numbers, np.array(expected, dtype=np.float32))


def test_a_film_is_dropped_only_for_the_findings_asked_for(manifest):
    kept, numbers = targets(manifest, ["Edema"], uncertain="drop", not_mentioned="zero")
    assert kept == ["a0", "a1", "a2"]
    assert numbers.shape == (3, 1)


def test_films_without_any_of_the_findings_are_left_out(manifest):
    assert keep_only(manifest, ["Mass"])["image_id"].to_list() == ["a0"]
    assert keep_only(manifest, ["Mass", "Edema"])["image_id"].to_list() == ["a0", "a1", "a2"]


def test_a_finding_that_the_data_set_lacks_is_named(manifest):
    with pytest.raises(HilumError, match=r"expected findings of this data set \(Mass, Edema\); found Hernia"):
        targets(manifest, ["Hernia"], uncertain="zero", not_mentioned="zero")
    with pytest.raises(HilumError, match="found none"):
        keep_only(manifest, [])
