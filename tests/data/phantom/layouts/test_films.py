from dataclasses import replace

import numpy as np
import pytest

from hilum.data.phantom import render_film
from hilum.data.phantom.layouts.films import deep_film, in_proportion, shape_in_proportion
from hilum.data.phantom.population import films


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [(2000, 2000, (40, 40)), (2500, 2000, (32, 40)), (2000, 2500, (40, 32)), (9000, 10, (1, 40))],
)
def test_the_longer_side_has_the_size_asked_for(width, height, shape):
    film = replace(films(0, 1)[0], width=width, height=height)
    assert shape_in_proportion(film, 40) == shape
    assert in_proportion(np.zeros((40, 40), dtype=np.uint8), film).shape == shape


def test_a_deep_film_is_the_film_in_finer_steps():
    film = next(film for film in films(0, 20) if film.width != film.height)
    deep = deep_film(film, size=48, seed=0, bits=12)
    assert deep.dtype == np.uint16
    assert deep.shape == shape_in_proportion(film, 48)
    assert deep.max() <= 4095
    shallow = in_proportion(render_film(film, size=48, seed=0).pixels, film)
    assert np.corrcoef(deep.ravel(), shallow.ravel())[0, 1] > 0.97
    # more gray values than 8 bits can hold between its darkest and brightest
    assert len(np.unique(deep)) > len(np.unique(shallow))
    assert len(np.unique(deep % 16)) == 16
