import numpy as np
import pytest

from hilum.data.images import Turn

PIXELS = np.arange(6).reshape(2, 3)


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (Turn(), PIXELS),
        (Turn(swap=True), PIXELS.T),
        (Turn(upside_down=True), np.flipud(PIXELS)),
        (Turn(mirror=True), np.fliplr(PIXELS)),
        (Turn(swap=True, mirror=True), np.rot90(PIXELS, -1)),
        (Turn(swap=True, upside_down=True), np.rot90(PIXELS)),
        (Turn(upside_down=True, mirror=True), np.rot90(PIXELS, 2)),
    ],
)
def test_turns_are_those_of_numpy(turn, expected):
    assert np.array_equal(turn.apply(PIXELS), expected)
    assert bool(turn) == (turn != Turn())
