"""Images of native layouts: one per patient, with the findings of its class, and their pixels.

Pixels are in the aspect ratio of the original, or have more than 8 bits.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count, islice

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.phantom.image import render_image
from hilum.phantom.layouts.writing import draws
from hilum.phantom.population import Image, history

_EIGHT_BIT = 255


def one_image_per_patient(seed: int, view: str, min_prevalence: float = 0.0) -> Iterator[Image]:
    """Yield the first image of this view of each patient who has one, without end."""
    for patient in count(1):
        images = history(seed, patient, min_prevalence=min_prevalence)
        yield from islice((image for image in images if image.view == view), 1)


def with_severities(image: Image, severities: Mapping[str, float]) -> Image:
    """Return the same patient on the same day with other findings: canonical names to severities, 0 to 1."""
    return replace(image, severities=dict(severities), episodes=dict.fromkeys(severities, 0))


def severity(seed: int, layout: str, image: Image, least: float = 0.25) -> float:
    """Return the random severity of a finding of an image in a layout: `least` to 1."""
    return float(draws(seed, layout, f"severity {image.image_id}").uniform(least, 1))


def hex_id(seed: int, layout: str, image: Image) -> str:
    """Return an id of 32 hexadecimal digits, as used by published sets instead of names."""
    return hashlib.sha256(f"{layout} {seed} {image.image_id}".encode()).hexdigest()[:32]


def shape_in_proportion(image: Image, size: int) -> tuple[int, int]:
    """Return rows and columns of an image whose longer side has `size` pixels."""
    longer = max(image.width, image.height)
    return max(1, round(size * image.height / longer)), max(1, round(size * image.width / longer))


def in_proportion(pixels: NDArray[np.uint8], image: Image) -> NDArray[np.uint8]:
    """Resize a square image, (S, S), to the detector's aspect ratio; its longer side keeps S pixels."""
    rows, columns = shape_in_proportion(image, len(pixels))
    shrunk = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    return shrunk.astype(np.uint8, copy=False)


def deep_image(image: Image, *, size: int, seed: int, bits: int) -> NDArray[np.uint16]:
    """Render an image with more than 8 bits, in its own aspect ratio.

    It is rendered at twice the size and averaged, so that the additional bits hold detail.

    Args:
        image: One of `population.population_images`.
        size: Longer side, pixels.
        seed: Random seed of the population.
        bits: 9 to 16; the range of the pixels is 0 to 2^bits - 1.

    Returns:
        (rows, columns), bright where dense.
    """
    pixels = render_image(image, size=2 * size, seed=seed).pixels.astype(np.float32)
    rows, columns = shape_in_proportion(image, size)
    averaged = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    deep: NDArray[np.uint16] = np.rint(averaged * ((2**bits - 1) / _EIGHT_BIT)).astype(np.uint16)
    return deep
