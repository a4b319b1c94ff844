"""Images of one data set or of several, as pretraining learns from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hilum.data.batches import Images
from hilum.data.store import PooledStore, Store, pooled_ids


class Patients(Protocol):
    """A data set as far as its patients go: `hilum.data.store.named_data.NamedData`,
    `hilum.study.data.PreparedData`.
    """

    def patients(self, image_ids: list[str], /) -> list[str]:
        """Full names of the patients of images."""


@dataclass(frozen=True)
class PoolPart:
    """What one data set gives to a pool.

    Attributes:
        data: its name.
        images, patients: how many.
    """

    data: str
    images: int
    patients: int


@dataclass(frozen=True)
class PooledImages:
    """Images to learn from.

    Attributes:
        store: holds them.
        image_ids: as the store calls them: plain for one data set, NAME/ID for several (`hilum.data.store.pooled`).
        own_ids: as their data sets call them.
        patient_ids: of each image, by full name: a patient of two data sets is one.
        parts: what each data set gives, in the order in which they were named.
    """

    store: Images
    image_ids: list[str]
    own_ids: list[str]
    patient_ids: list[str]
    parts: list[PoolPart]

    @property
    def composition(self) -> str:
        """What each data set gives, in words."""
        return "; ".join(f"{part.data}: {part.images:,} images of {part.patients:,} patients" for part in self.parts)


def pooled_images(
    data: Mapping[str, Patients], stores: Mapping[str, Store], image_ids: Mapping[str, Sequence[str]]
) -> PooledImages:
    """Put images of data sets together; those of one are left as they are, names and random draws included.

    Args:
        data: by name.
        stores: of each, preprocessed alike.
        image_ids: of each, the images to learn from.

    Raises:
        HilumError: images that were not preprocessed alike.
    """
    names = list(image_ids)
    patients = {name: data[name].patients(list(image_ids[name])) for name in names}
    parts = [PoolPart(name, len(image_ids[name]), len(set(patients[name]))) for name in names]
    own = [image_id for name in names for image_id in image_ids[name]]
    store: Images = stores[names[0]]
    called = own
    if len(names) > 1:
        store = PooledStore({name: stores[name] for name in names})
        called = [each for name in names for each in pooled_ids(name, image_ids[name])]
    return PooledImages(store, called, own, [each for name in names for each in patients[name]], parts)
