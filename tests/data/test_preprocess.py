import cv2
import numpy as np
import pytest

from hilum.data.preprocess import parse_recipe, plane_of, preprocess
from hilum.errors import HilumError


def recipe(*steps):
    return parse_recipe(list(steps))


def test_padding_puts_the_image_in_the_middle_of_black():
    image = np.full((16, 24), 200, dtype=np.uint8)
    square = preprocess(image, recipe({"square": "pad"}, {"resize": 24}))
    assert np.array_equal(square[4:20], image)
    assert not square[:4].any()
    assert not square[20:].any()


def test_the_bars_of_a_16_bit_image_are_its_own_black():
    image = np.arange(1000, 1128, dtype=np.uint16).reshape(8, 16)
    square = preprocess(image, recipe({"square": "pad"}, {"resize": 16}))
    assert not square[:4].any()
    assert square[11, 15] == 255


def test_cropping_keeps_the_middle_square():
    image = np.tile(np.arange(24, dtype=np.uint8), (16, 1))
    assert np.array_equal(preprocess(image, recipe({"square": "crop"}, {"resize": 16})), image[:, 4:20])


@pytest.mark.parametrize("steps", [[{"resize": 8}], [{"square": "stretch"}, {"resize": 8}]])
def test_stretching_changes_the_shape_of_things(steps):
    image = np.repeat(np.repeat(np.arange(64, dtype=np.uint8).reshape(8, 8), 4, axis=0), 2, axis=1)
    assert np.array_equal(preprocess(image, recipe(*steps)), np.arange(64).reshape(8, 8))


def test_shrinking_averages_what_falls_into_a_pixel():
    image = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    mean = image.reshape(8, 4, 8, 4).mean(axis=(1, 3))
    assert np.abs(preprocess(image, recipe({"resize": 8})) - mean).max() <= 0.5


def test_enlarging_does_not_overshoot():
    image = np.array([[0, 100], [100, 200]], dtype=np.uint8).repeat(5, 0).repeat(5, 1)
    large = preprocess(image, recipe({"resize": 64}))
    assert large.shape == (64, 64)
    assert (large.min(), large.max()) == (0, 200)
    assert (np.diff(large.astype(int), axis=1) >= 0).all()


@pytest.mark.parametrize("how", ["pad", "crop", "stretch"])
@pytest.mark.parametrize(("height", "width"), [(40, 64), (64, 40), (41, 64), (64, 64)])
def test_a_point_of_the_image_lands_where_the_plane_says(how, height, width):
    steps = recipe({"square": how}, {"resize": 256})
    image = np.zeros((height, width), dtype=np.uint8)
    image[height // 2 - 2 : height // 2 + 3, width // 2 + 6 : width // 2 + 9] = 255  # a block about (x, y)
    x, y = width // 2 + 7.5, height // 2 + 0.5
    left, top, across, down = plane_of(steps, height, width)
    rows, columns = np.nonzero(preprocess(image, steps) > 127)
    assert abs(columns.mean() + 0.5 - (x - left) * 256 / across) < 1.5
    assert abs(rows.mean() + 0.5 - (y - top) * 256 / down) < 1.5


def test_min_max_uses_the_whole_range():
    image = np.linspace(40, 140, 64).astype(np.uint8).reshape(8, 8)
    scaled = preprocess(image, recipe({"resize": 8}, "min_max"))
    assert np.array_equal(scaled, np.rint((image - 40.0) * 255 / 100))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_blank_image_becomes_black_and_not_nan(dtype):
    assert not preprocess(np.full((8, 8), 77, dtype=dtype), recipe({"resize": 8}, "min_max")).any()


def test_sixteen_bits_are_kept_until_eight_are_needed():
    image = np.zeros((16, 16), dtype=np.uint16)
    image[::2] = 60_000  # averages to 30,000 everywhere: flat only if the resize came before the scaling
    image[:4] = 0
    small = preprocess(image, recipe({"resize": 8}))
    assert small[7, 0] == 255
    assert small[0, 0] == 0


def test_clahe_and_equalisation_are_opencvs_and_come_in_the_order_written():
    image = cv2.resize(np.random.default_rng(0).integers(60, 180, (6, 6), dtype=np.uint8), (64, 64))
    small = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
    clahe = cv2.createCLAHE(2.0, (8, 8))
    assert np.array_equal(preprocess(image, recipe({"resize": 32}, "clahe")), clahe.apply(small))
    first = cv2.resize(clahe.apply(image), (32, 32), interpolation=cv2.INTER_AREA)
    assert np.array_equal(preprocess(image, recipe("clahe", {"resize": 32})), first)
    assert not np.array_equal(first, clahe.apply(small))
    assert np.array_equal(preprocess(image, recipe({"resize": 32}, "equalize")), cv2.equalizeHist(small))


def test_a_recipe_stands_in_a_file_as_it_was_written():
    steps = [{"square": "pad"}, {"resize": 224}, "min_max", "clahe"]
    parsed = parse_recipe(steps)
    assert parsed.as_data() == steps
    assert parse_recipe(parsed.as_data()) == parsed
    assert parsed.size == 224


def test_every_step_stands_in_a_file_as_it_was_written():
    steps = [
        {"window": "full"},
        {"square": "crop"},
        {"percentiles": [0.5, 99.5]},
        {"resize": 64},
        {"clahe": {"clip": 3.0, "tiles": 4}},
        "min_max",
        "equalize",
    ]
    assert parse_recipe(steps).as_data() == steps
    assert parse_recipe([{"resize": 8}, {"clahe": {"tiles": 4}}]).as_data()[1] == {"clahe": {"clip": 2.0, "tiles": 4}}


def test_the_window_is_for_decoding_and_its_own_unless_given():
    assert recipe({"resize": 8}).window == recipe({"window": "header"}, {"resize": 8}).window == "header"
    assert recipe({"window": "full"}, {"resize": 8}).window == "full"


def test_clahe_takes_its_clip_limit_and_tiles():
    image = cv2.resize(np.random.default_rng(0).integers(60, 180, (6, 6), dtype=np.uint8), (32, 32))
    message = preprocess(image, recipe({"resize": 32}, {"clahe": {"clip": 4, "tiles": 2}}))
    assert np.array_equal(message, cv2.createCLAHE(4.0, (2, 2)).apply(image))
    assert np.array_equal(
        preprocess(image, recipe({"resize": 32}, {"clahe": {"clip": 2.0}})),
        preprocess(image, recipe({"resize": 32}, "clahe")),
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_percentiles_become_black_and_white_and_the_rest_is_cut(dtype):
    image = np.random.default_rng(0).integers(0, 200 if dtype == np.uint8 else 60_000, (32, 32), dtype=dtype)
    low, high = np.percentile(image, [2, 95], method="inverted_cdf").astype(float)
    expected = np.rint((np.clip(image, low, high) - low) * 255 / (high - low))
    assert np.array_equal(preprocess(image, recipe({"percentiles": [2, 95]}, {"resize": 32})), expected)


def test_equalisation_gives_every_level_its_share_of_the_image():
    image = np.repeat(np.array([10, 20, 30, 40], dtype=np.uint8), [32, 16, 8, 8]).reshape(8, 8)
    # Gonzalez & Woods, Digital Image Processing, section 3.3, with the lowest level at 0: (cdf - cdf_min) / (1 -
    # cdf_min)
    assert np.unique(preprocess(image, recipe({"resize": 8}, "equalize"))).tolist() == [0, 128, 191, 255]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "expected a resize step, so that all images have one size; found only an empty list"),
        (["clahe"], "found only clahe"),
        ("clahe", "expected a list of steps, or a name: elwirehardja2025, .*; found 'clahe'"),
        ({"resize": 8}, "expected a list of steps; found {'resize': 8}"),
        ([{"resize": 224}, {"resize": 64}], "expected every step once; found resize again"),
        ([{"resize": 224}, {"square": "pad"}], "found square after it"),
        ([{"square": "round"}, {"resize": 224}], "square: one of pad, crop, stretch; found 'round' in step 1"),
        ([{"resize": "224"}], "whole number of 8 to 4096 pixels; found '224' in step 1"),
        ([{"resize": True}], "found True in step 1"),
        ([{"resize": 3}], "found 3 in step 1"),
        ([{"resize": 224}, "claeh"], "found 'claeh' as step 2"),
        ([{"resize": 224, "square": "pad"}], "as step 1"),
        ([{"resize": 224}, {"window": "full"}], "window as the first step .* found another step before it"),
        ([{"window": "both"}, {"resize": 8}], "window: one of header, full; found 'both' in step 1"),
        ([{"resize": 8}, {"percentiles": [99, 1]}], r"percentiles: \[low, high\] within 0 to 100; found \[99, 1\]"),
        ([{"resize": 8}, {"percentiles": 5}], "found 5 in step 2"),
        ([{"resize": 8}, {"clahe": {"clip": 0}}], "clahe: clip .*; found {'clip': 0} in step 2"),
        ([{"resize": 8}, {"clahe": {"tiles": 8.0}}], "found {'tiles': 8.0} in step 2"),
        ([{"resize": 8}, {"clahe": {"limit": 2}}], "found {'limit': 2} in step 2"),
        ([{"resize": 8}, {"clahe": {}}], "found {} in step 2"),
    ],
)
def test_a_wrong_recipe_is_refused(steps, message):
    with pytest.raises(HilumError, match=message):
        parse_recipe(steps)
