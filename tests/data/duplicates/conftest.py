from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hilum.phantom import population_images, render_image


@pytest.fixture(scope="session")
def images() -> list[NDArray[np.uint8]]:
    """Images of 256 x 256 of generated patients, several of them with images of other days."""
    return [render_image(image, size=256, seed=3).pixels for image in population_images(3, 30)]


@pytest.fixture(scope="session")
def disguises() -> dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]:
    """What happens to copies: each makes another file of the same image of 256 x 256."""

    def jpeg(quality):
        return lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0)

    def resized(image):
        larger = cv2.resize(image, (1024, 1024), interpolation=cv2.INTER_CUBIC)
        return cv2.resize(larger, (128, 128), interpolation=cv2.INTER_AREA)

    def brighter(image):
        return np.clip(1.15 * image.astype(float) + 20, 0, 255).astype(np.uint8)

    def flatter(image):
        return np.clip(0.7 * image.astype(float) + 10, 0, 255).astype(np.uint8)

    def moved(right, down):
        return lambda image: cv2.warpAffine(image, np.float32([[1, 0, right], [0, 1, down]]), image.shape[::-1])

    return {
        "JPEG 95": jpeg(95),
        "JPEG 60": jpeg(60),
        "resized": resized,
        "brighter": brighter,
        "flatter": flatter,
        "1 px": moved(1, 0),
        "2 px": moved(2, -2),
        "all": lambda image: jpeg(60)(flatter(moved(-2, 1)(image))),
    }
