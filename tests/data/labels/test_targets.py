import numpy as np
import polars as pl
import pytest
from hypothesis import given, strategies as st

from hilum.data.labels import UNCERTAIN_CLASS, LabelPolicy, targets
from hilum.errors import HilumError

NAN = float("nan")


@pytest.fixture
def manifest(images):
    return images(["p", "q", "r", "s"], Mass=[1, 0, -1, None], Edema=[0, 1, 1, -1])


@pytest.mark.parametrize(
    ("uncertain", "not_mentioned", "ids", "expected"),
    [  # CheXpert (Irvin et al. 2019), section 3.1: U-Zeros, U-Ones, U-Ignore, U-MultiClass
        ("zero", "zero", "a0 a1 a2 a3", [[1, 0], [0, 1], [0, 1], [0, 0]]),
        ("one", "zero", "a0 a1 a2 a3", [[1, 0], [0, 1], [1, 1], [0, 1]]),
        ("ignore", "zero", "a0 a1 a2 a3", [[1, 0], [0, 1], [NAN, 1], [0, NAN]]),
        ("ignore", "ignore", "a0 a1 a2 a3", [[1, 0], [0, 1], [NAN, 1], [NAN, NAN]]),
        ("own_class", "zero", "a0 a1 a2 a3", [[1, 0], [0, 1], [2, 1], [0, 2]]),
        ("drop", "ignore", "a0 a1", [[1, 0], [0, 1]]),
        ({"Mass": "own_class", "Edema": "one"}, "zero", "a0 a1 a2 a3", [[1, 0], [0, 1], [2, 1], [0, 1]]),
        ({"Mass": "drop", "otherwise": "ignore"}, "zero", "a0 a1 a3", [[1, 0], [0, 1], [0, NAN]]),
        ("zero", {"Mass": "ignore", "otherwise": "zero"}, "a0 a1 a2 a3", [[1, 0], [0, 1], [0, 1], [NAN, 0]]),
    ],
)
def test_augmentations_say_what_uncertain_and_not_mentioned_mean(manifest, uncertain, not_mentioned, ids, expected):
    selected, numbers = targets(manifest, ["Mass", "Edema"], LabelPolicy(uncertain, not_mentioned))
    assert selected == ids.split()
    assert numbers.dtype == np.float32
    np.testing.assert_array_equal(numbers, np.array(expected, dtype=np.float32))


def test_one_word_drops_an_image_only_for_the_findings_asked_for(manifest):
    selected, numbers = targets(manifest, ["Edema"], LabelPolicy(uncertain="drop"))
    assert selected == ["a0", "a1", "a2"]
    assert numbers.shape == (3, 1)


def test_by_finding_an_image_is_dropped_also_for_one_that_the_task_does_not_ask_for(manifest):
    selected, _ = targets(manifest, ["Edema"], LabelPolicy(uncertain={"Mass": "drop", "otherwise": "zero"}))
    assert selected == ["a0", "a1", "a3"]


def test_a_finding_that_the_data_set_lacks_is_named(manifest):
    with pytest.raises(HilumError, match=r"expected findings of this data set \(Mass, Edema\); found Hernia"):
        targets(manifest, ["Hernia"], LabelPolicy())
    with pytest.raises(HilumError, match="found Nodule"):
        targets(manifest, ["Mass"], LabelPolicy(uncertain={"Nodule": "drop", "otherwise": "zero"}))
    with pytest.raises(HilumError, match="found none"):
        targets(manifest, [], LabelPolicy())


CODES = st.sampled_from([1, 0, -1, None])
RULES = st.sampled_from(["zero", "one", "ignore", "own_class", "drop"])


@given(rows=st.lists(st.tuples(CODES, CODES), min_size=1, max_size=12), mass=RULES, edema=RULES, blank=st.booleans())
def test_every_target_stays_with_its_image_and_follows_from_its_code_alone(rows, mass, edema, blank):
    manifest = pl.DataFrame({"image_id": [f"a{i}" for i in range(len(rows))]}).with_columns(
        pl.Series("Mass", [row[0] for row in rows], dtype=pl.Int8),
        pl.Series("Edema", [row[1] for row in rows], dtype=pl.Int8),
    )
    label_policy = LabelPolicy(uncertain={"Mass": mass, "Edema": edema}, not_mentioned="ignore" if blank else "zero")
    meaning = {"zero": 0.0, "one": 1.0, "ignore": NAN, "own_class": UNCERTAIN_CLASS}
    expected = {
        f"a{i}": [
            meaning[rule] if code == -1 else (NAN if blank else 0.0) if code is None else float(code)
            for code, rule in zip(row, (mass, edema), strict=True)
        ]
        for i, row in enumerate(rows)
        if not any(code == -1 and rule == "drop" for code, rule in zip(row, (mass, edema), strict=True))
    }
    selected, numbers = targets(manifest, ["Mass", "Edema"], label_policy)
    assert selected == list(expected)
    np.testing.assert_array_equal(numbers, np.array(list(expected.values()), dtype=np.float32).reshape(-1, 2))
