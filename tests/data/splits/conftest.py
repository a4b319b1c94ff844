import numpy as np
import pytest


@pytest.fixture
def many(images):
    """1,500 images of 500 patients; Hernia in 1 of 50 patients, Mass in 1 of 5, Edema in half."""
    shares = {"Hernia": 0.02, "Mass": 0.2, "Edema": 0.5}
    draw = np.random.default_rng(0)
    patients = [f"p{number:03d}" for number in range(500) for _ in range(3)]
    has = {name: np.repeat(draw.permuted(np.arange(500) < 500 * share), 3) for name, share in shares.items()}
    return images(patients, **{name: values.astype(int).tolist() for name, values in has.items()})


@pytest.fixture
def patients():
    """`patients(split, "test")`: the patients of a part."""
    return lambda split, part: set(split.assignment.filter(split.assignment["split"] == part)["patient_id"])
