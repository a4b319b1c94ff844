"""Selection of images for a data set: one per patient, of one view, with the findings of its classes."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count, islice

from hilum.phantom.layouts.writing import draws
from hilum.phantom.population import Image, history


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
