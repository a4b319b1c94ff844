import numpy as np

from hilum.data.doctor.typical import FEWEST, likeness


def images(number, seed=0):
    """Two dark ovals with a bright middle, moved a little and noisy."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64]
    made = []
    for _ in range(number):
        down, right = draw.normal(0, 2, 2)
        lungs = sum(np.exp(-(((rows - 30 - down) / 18) ** 2) - ((columns - x - right) / 9) ** 2) for x in (18, 46))
        made.append(np.clip(190 - 120 * lungs + draw.normal(0, 5, (64, 64)), 0, 255))
    return np.array(made).astype(np.uint8)


def test_likeness_is_the_correlation_with_the_median_image():
    shown = images(40)
    small = shown.reshape(40, 16, 4, 16, 4).mean(axis=(2, 4)).reshape(40, -1)
    standard = [(image - image.mean()) / np.linalg.norm(image - image.mean()) for image in small]
    middle = np.median(standard, axis=0)
    expected = [np.corrcoef(image, middle)[0, 1] for image in small]
    found = likeness(shown, ["PA"] * 40, np.ones(40, bool))
    assert np.allclose(found, expected, atol=1e-3)


def test_every_view_has_its_own_typical_image():
    shown = np.concatenate([images(30), 255 - images(30, seed=1)])
    found = likeness(shown, ["PA"] * 30 + ["LATERAL"] * 30, np.ones(60, bool))
    assert found.min() > 0.8


def test_nothing_is_typical_of_few_images_or_of_what_cannot_be_read():
    shown = images(FEWEST + 4)
    readable = np.ones(len(shown), bool)
    readable[0] = False
    shown[1] = 90
    found = likeness(shown, ["PA"] * (FEWEST + 3) + ["AP"], readable)
    assert np.isnan(found).tolist() == [True, True, *[False] * (FEWEST + 1), True]
