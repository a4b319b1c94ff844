"""Films as a data set chose them: one a patient, of one view, showing what its classes need."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count, islice

from hilum.data.phantom.layouts.writing import draws
from hilum.data.phantom.population import Film, history


def one_film_a_patient(seed: int, view: str) -> Iterator[Film]:
    """The first film of this view of each patient who has one, without end."""
    for patient in count(1):
        yield from islice((film for film in history(seed, patient) if film.view == view), 1)


def showing(film: Film, severities: Mapping[str, float]) -> Film:
    """The same patient on the same day with other findings: canonical names to severities, 0 to 1."""
    return replace(film, severities=dict(severities), episodes=dict.fromkeys(severities, 0))


def severity(seed: int, layout: str, film: Film, least: float = 0.25) -> float:
    """How severe a finding is that a layout gives a film: `least` to 1."""
    return float(draws(seed, layout, f"severity {film.image_id}").uniform(least, 1))


def hex_id(seed: int, layout: str, film: Film) -> str:
    """An id of 32 hexadecimal digits, as published sets replace names by."""
    return hashlib.sha256(f"{layout} {seed} {film.image_id}".encode()).hexdigest()[:32]
