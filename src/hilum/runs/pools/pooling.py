"""Pools of images of one or several data sets for pretraining."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hilum.data.batches import Images
from hilum.data.store import PooledStore, Store, pooled_ids


class Patients(Protocol):
    """Protocol of data sets with patients: `hilum.data.store.named_data.NamedData`, `hilum.study.data.PreparedData`."""

    def patients(self, image_ids: list[str], /) -> list[str]:
        """Return the full names of the patients of images."""


@dataclass(frozen=True)
class PoolPart:
    """Part of a pool from one data set.

    Attributes:
        data: Name of the data set.
        images, patients: Numbers of images and patients.
    """

    data: str
    images: int
    patients: int


@dataclass(frozen=True)
class PooledImages:
    """Images to train on.

    Attributes:
        store: Store with the pixels.
        image_ids: Ids in the store: plain for one data set, NAME/ID for several (`hilum.data.store.pooled`).
        own_ids: Ids in their data sets.
        patient_ids: Full name of the patient of each image; a patient in two data sets has one name.
        parts: Part of each data set, in the given order.
    """

    store: Images
    image_ids: list[str]
    own_ids: list[str]
    patient_ids: list[str]
    parts: list[PoolPart]


def pooled_images(
    data: Mapping[str, Patients], stores: Mapping[str, Store], image_ids: Mapping[str, Sequence[str]]
) -> PooledImages:
    """Pool the images of data sets. A single data set is unchanged, including ids and random draws.

    Args:
        data: Data sets by name.
        stores: Store of each, with equal preprocessing.
        image_ids: Images of each to train on.

    Raises:
        HilumError: Stores with different preprocessing.
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
