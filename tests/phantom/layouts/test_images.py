from dataclasses import replace

import numpy as np
import pytest

from hilum.phantom import render_image
from hilum.phantom.layouts.images import deep_image, in_proportion, shape_in_proportion
from hilum.phantom.population import population_images


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [(2000, 2000, (40, 40)), (2500, 2000, (32, 40)), (2000, 2500, (40, 32)), (9000, 10, (1, 40))],
)
def test_the_longer_side_has_the_size_asked_for(width, height, shape):
    image = replace(population_images(0, 1)[0], width=width, height=height)
    assert shape_in_proportion(image, 40) == shape
    assert in_proportion(np.zeros((40, 40), dtype=np.uint8), image).shape == shape


def test_a_deep_image_is_the_image_in_finer_steps():
    image = next(image for image in population_images(0, 20) if image.width != image.height)
    deep = deep_image(image, size=48, seed=0, bits=12)
    assert deep.dtype == np.uint16
    assert deep.shape == shape_in_proportion(image, 48)
    assert deep.max() <= 4095
    shallow = in_proportion(render_image(image, size=48, seed=0).pixels, image)
    assert np.corrcoef(deep.ravel(), shallow.ravel())[0, 1] > 0.97
    # more gray values than 8 bits can hold between its darkest and brightest
    assert len(np.unique(deep)) > len(np.unique(shallow))
    assert len(np.unique(deep % 16)) == 16
