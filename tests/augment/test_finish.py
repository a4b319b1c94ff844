"""Gamma, solarisation, noise and erasing: both implementations against what they are defined to do."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from scipy import stats

from hilum.augment import Augmentation
from hilum.augment.finish import Finish
from hilum.augment.parameters import ViewParameters, draw_parameters, plain_parameters
from hilum.draws import image_keys

COUNT = 37
EVERYTHING = Augmentation(
    crop_area=(0.2, 1),
    crop_aspect=(0.7, 1.4),
    rotate=30,
    jitter_probability=0.5,
    brightness=0.5,
    contrast=0.5,
    gamma=(0.5, 2),
    blur_probability=0.5,
    blur_sigma=(0.1, 1),
    solarize_probability=0.5,
    noise=(0, 0.2),
    erase_probability=0.7,
    erase_area=(0.05, 0.5),
    keep_lungs=0.5,
    erase_lungs=0.5,
)


def keys_of(count):
    return image_keys(f"film {number}" for number in range(count))


def finished(**changes):
    """Parameters that only resize from 40 to 40 px and then do what is reported, for all images."""
    nothing = {
        "gamma": np.ones(COUNT),
        "solarized": np.zeros(COUNT, dtype=bool),
        "noise": np.zeros(COUNT),
        "noise_keys": np.random.default_rng(1).integers(0, 2**32, (COUNT, 2), dtype=np.uint64),
        "erased": np.zeros((COUNT, 4), dtype=np.int64),
    }
    plain = plain_parameters(COUNT, 40, 40)
    ones = np.ones(COUNT)
    return ViewParameters(plain.maps, ones, ones, np.zeros(COUNT), Finish(**(nothing | changes)))


def test_with_nothing_to_do_the_view_stays_bit_for_bit(renderer, images):
    assert torch.equal(renderer(images, finished(), 40), images / 255)


def test_gamma_is_a_power_of_the_gray_level(renderer, images):
    gamma = np.linspace(0.4, 2.5, COUNT)
    expected = (images.numpy() / 255.0) ** gamma[:, None, None, None]
    assert np.abs(renderer(images, finished(gamma=gamma), 40).numpy() - expected).max() < 1e-6


def test_solarisation_is_that_of_pillow(renderer, images):
    expected = [np.asarray(ImageOps.solarize(Image.fromarray(image[0]), 128)) for image in images.numpy()]
    views = renderer(images, finished(solarized=np.ones(COUNT, dtype=bool)), 40)
    assert np.abs(views[:, 0].numpy() * 255 - np.stack(expected)).max() < 1e-4


def test_noise_is_normal_with_the_deviation_that_is_asked_for(renderer):
    gray = torch.full((COUNT, 1, 40, 40), 0.5)
    noise = renderer(gray, finished(noise=np.full(COUNT, 0.1)), 40).double().numpy() - 0.5
    assert stats.kstest(noise.ravel() / 0.1, "norm").pvalue > 0.001
    flat = noise.reshape(COUNT, -1)
    assert abs(flat.mean(axis=1)).max() < 0.1 * 4.5 / 40
    neighbours = [np.corrcoef(flat[:, :-step].ravel(), flat[:, step:].ravel())[0, 1] for step in (1, 2, 40, 41)]
    between = np.corrcoef(flat)[np.triu_indices(COUNT, 1)]
    assert np.abs(neighbours).max() < 4.5 / np.sqrt(flat.size)
    assert np.abs(between).max() < 5 / 40


def test_an_erased_rectangle_has_the_mean_of_the_view_and_the_rest_stays(renderer, images):
    erased = np.tile([3, 20, 10, 31], (COUNT, 1))
    views, before = renderer(images, finished(erased=erased), 40)[:, 0], images[:, 0] / 255
    assert torch.allclose(views[:, 3:20, 10:31], before.mean(dim=(1, 2))[:, None, None].expand(-1, 17, 21), atol=2e-6)
    outside = torch.ones(40, 40, dtype=torch.bool)
    outside[3:20, 10:31] = False
    assert torch.equal(views[:, outside], before[:, outside])


def test_both_implementations_agree_on_everything_at_once(images):
    from hilum.augment.render import render_views
    from hilum.augment.tensor_ops import render_views_with_tensors

    parameters = draw_parameters(keys_of(COUNT), EVERYTHING, 40, 32, seed=1, epoch=0, view=0)
    compiled, tensors = render_views(images, parameters, 32), render_views_with_tensors(images[:, 0], parameters, 32)
    difference = (compiled[:, 0] - tensors).abs()
    assert difference.max() < 2e-4
    assert difference.mean() < 2e-6


def test_a_finished_view_is_bitwise_the_same_in_any_batch(renderer, images):
    keys = keys_of(COUNT)

    def views(rows):
        return renderer(images[rows], draw_parameters(keys[rows], EVERYTHING, 40, 24, seed=1, epoch=0, view=0), 24)

    whole = views(np.arange(COUNT))
    assert whole.min() >= 0
    assert whole.max() <= 1
    for rows in ([4], [36, 4, 20], range(3, 22)):
        assert torch.equal(views(np.array(rows)), whole[list(rows)])


def test_each_is_drawn_as_often_and_as_far_as_the_augmentation_says():
    keys = keys_of(3000)
    parameters = draw_parameters(keys, EVERYTHING, 40, 100, seed=3, epoch=2, view=1)
    finish = parameters.finish
    jittered = parameters.brightness != 1
    assert np.array_equal(jittered, finish.gamma != 1)
    for happened, probability in ((jittered, 0.5), (finish.solarized, 0.5), (finish.erased.any(axis=1), 0.7)):
        assert stats.binomtest(int(happened.sum()), 3000, probability).pvalue > 0.001
    logs = np.log2(finish.gamma[jittered])
    assert stats.kstest((logs + 1) / 2, "uniform").pvalue > 0.001
    assert stats.kstest(finish.noise / 0.2, "uniform").pvalue > 0.001


def test_erased_rectangles_have_areas_and_aspects_in_range_and_are_within_the_view():
    augmentation = Augmentation(erase_probability=1, erase_area=(0.1, 0.4), erase_aspect=(0.5, 2))
    erased = draw_parameters(keys_of(3000), augmentation, 40, 1000, seed=3, epoch=0, view=0).finish.erased
    high, wide = (erased[:, 1] - erased[:, 0]) / 1000, (erased[:, 3] - erased[:, 2]) / 1000
    assert stats.kstest((high * wide - 0.1) / 0.3, "uniform").pvalue > 0.001
    assert stats.kstest((np.log2(wide / high) + 1) / 2, "uniform").pvalue > 0.001
    assert erased.min() >= 0
    assert erased.max() <= 1000
    for first, length in ((erased[:, 0], high), (erased[:, 2], wide)):
        assert stats.kstest(first / 1000 / (1 - length), "uniform").pvalue > 0.001


@pytest.mark.parametrize("changes", [{"noise": (0.1, 0.1)}, {"gamma": (0.5, 2)}, {"erase_probability": 0.5}])
def test_a_further_operation_moves_no_draw_of_the_others(changes):
    base = Augmentation(crop_area=(0.2, 1), rotate=15, brightness=0.2, blur_probability=0.5, blur_sigma=(0.1, 1))
    first, second = (
        draw_parameters(keys_of(50), augmentation, 40, 32, seed=3, epoch=0, view=0)
        for augmentation in (base, Augmentation(**(base.ranges() | changes)))
    )
    for name in ("maps", "brightness", "sigma"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert first.finish is None
    assert second.finish is not None
