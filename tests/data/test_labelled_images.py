import numpy as np
import pytest

from hilum.data.labelled_images import LabelledImages
from hilum.errors import HilumError


def test_lengths_must_agree():
    with pytest.raises(HilumError, match=r"found 2 ids, 1 patients, targets of shape \(2, 1\)"):
        LabelledImages(["a", "b"], ["p"], np.zeros((2, 1), np.float32))


def test_codes_of_the_manifest_are_not_targets():
    with pytest.raises(HilumError, match=r"expected targets 0, 1, 2 \(uncertain\) or NaN; found -1"):
        LabelledImages(["a", "b"], ["p", "q"], np.array([[-1], [np.nan]], np.float32))
