"""Films of one data set or of several, as pretraining learns from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hilum.data.batches import Pictures
from hilum.data.pooled import PooledStore, pooled_ids
from hilum.data.store import Store


class Patients(Protocol):
    """A data set as far as its patients go: `hilum.data.named.NamedData`, `hilum.study.prepare.PreparedData`."""

    def patients(self, image_ids: list[str], /) -> list[str]:
        """Full names of the patients of films."""


@dataclass(frozen=True)
class PoolPart:
    """What one data set gives to a pool.

    Attributes:
        data: its name.
        films, patients: how many.
    """

    data: str
    films: int
    patients: int


@dataclass(frozen=True)
class PooledFilms:
    """Films to learn from.

    Attributes:
        store: holds them.
        image_ids: as the store calls them: plain for one data set, NAME/ID for several (`hilum.data.pooled`).
        own_ids: as their data sets call them.
        patient_ids: of each film, by full name: a patient of two data sets is one.
        parts: what each data set gives, in the order in which they were named.
    """

    store: Pictures
    image_ids: list[str]
    own_ids: list[str]
    patient_ids: list[str]
    parts: list[PoolPart]

    @property
    def composition(self) -> str:
        """What each data set gives, in words."""
        return "; ".join(f"{part.data}: {part.films:,} films of {part.patients:,} patients" for part in self.parts)


def pooled_films(
    data: Mapping[str, Patients], stores: Mapping[str, Store], image_ids: Mapping[str, Sequence[str]]
) -> PooledFilms:
    """Put films of data sets together; those of one are left as they are, names and random draws included.

    Args:
        data: by name.
        stores: of each, preprocessed alike.
        image_ids: of each, the films to learn from.

    Raises:
        HilumError: films that were not preprocessed alike.
    """
    names = list(image_ids)
    patients = {name: data[name].patients(list(image_ids[name])) for name in names}
    parts = [PoolPart(name, len(image_ids[name]), len(set(patients[name]))) for name in names]
    own = [image_id for name in names for image_id in image_ids[name]]
    store: Pictures = stores[names[0]]
    called = own
    if len(names) > 1:
        store = PooledStore({name: stores[name] for name in names})
        called = [each for name in names for each in pooled_ids(name, image_ids[name])]
    return PooledFilms(store, called, own, [each for name in names for each in patients[name]], parts)
