import cv2
import numpy as np
import pytest

from hilum.data.preprocess import parse_recipe, preprocess
from hilum.data.recipe import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_a_named_recipe_is_data_like_any_other(name):
    recipe = parse_recipe(name)
    assert recipe.size == 224
    assert parse_recipe(recipe.as_data()) == recipe
    assert RECIPES[name].source.split(" et al. ")[0].lower().replace(" ", "") in name


@pytest.fixture
def image():
    noise = np.random.default_rng(0).integers(300, 3000, (9, 7), dtype=np.uint16)
    return cv2.resize(noise, (500, 600), interpolation=cv2.INTER_CUBIC)


def reduced(image):
    return cv2.resize(image, (224, 224), interpolation=cv2.INTER_AREA)


def min_max(image):
    return np.rint((image - image.min()) * (255 / np.ptp(image.astype(float)))).astype(np.uint8)


def padded(image):
    return cv2.copyMakeBorder(image, 0, 0, 50, 50, cv2.BORDER_CONSTANT, value=int(image.min()))


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("elwirehardja2025", lambda image: cv2.createCLAHE(2.0, (8, 8)).apply(min_max(reduced(image)))),
        ("toh2023", lambda image: min_max(reduced(image))),
        ("gowtham2023", lambda image: min_max(reduced(image))),
        ("tayebiarasteh2024", lambda image: cv2.equalizeHist(min_max(reduced(image)))),
        ("kivotova2021", lambda image: min_max(reduced(padded(image)))),
    ],
)
def test_a_named_recipe_does_what_the_paper_says(image, name, by_hand):
    assert np.array_equal(preprocess(image, parse_recipe(name)), by_hand(image))
