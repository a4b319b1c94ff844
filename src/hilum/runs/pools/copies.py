"""Duplicates: one image under several ids, detected by file bytes, stored pixels, or image detail.

Files with different bytes may contain the same image: saved again, in another format, or with another header; their
stored pixels are equal. Near-duplicates (compressed, resized or brightened images) are detected by image detail
(`hilum.data.duplicates`), in stores of `MIN_SIDE` pixels or more.

A single published data set is not searched: its tables identify patients.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
import polars as pl

from hilum.data.collections import Dataset
from hilum.data.duplicates import MIN_SIDE, SIDE, duplicate_threshold, near_duplicates, thumbnail
from hilum.data.manifest import is_labelled, is_patient_known
from hilum.data.patients.same_files import same_files
from hilum.data.store import Store
from hilum.notes import Code, Note, note

FOLDER = "folder"
"""Collection of own images; the patient ids and images of all other collections are published."""

ImageName: TypeAlias = tuple[str, str]
"""Name of a data set, and id of an image in it."""

_AT_A_TIME = 512  # images


class DataSet(Protocol):
    """Protocol of data sets: `hilum.data.store.named_data.NamedData`, `hilum.study.data.PreparedData`."""

    @property
    def dataset(self) -> Dataset:
        """Content of the native files."""

    @property
    def manifest(self) -> pl.DataFrame:
        """Table with one row per image."""

    def patients(self, image_ids: list[str], /) -> list[str]:
        """Return the full names of the patients of images."""


@dataclass(frozen=True)
class Copy:
    """Training image that duplicates a held-out image.

    Attributes:
        data, image_id: Training image.
        of_data, of_image_id: Held-out image.
        kind: Equal bytes of the files, equal stored pixels, or equal detail ("near": `hilum.data.duplicates`).
    """

    data: str
    image_id: str
    of_data: str
    of_image_id: str
    kind: Literal["bytes", "pixels", "near"]


def is_searched(data: Mapping[str, DataSet]) -> bool:
    """Check whether to search these data sets for duplicates: several data sets, or a folder of own images."""
    return len(data) > 1 or any(each.dataset.name == FOLDER for each in data.values())


def not_searched(size: int, of: str) -> Note | None:
    """Return a note if near-duplicates are not searched for; None if they are.

    Args:
        size: Side of the stored images in pixels.
        of: Name of the data set, for the note.
    """
    if size >= MIN_SIDE:
        return None
    why = f"images of {size} px have too little detail"
    return note(Code.COPIES_NOT_SEARCHED, of=of, why=why, least=MIN_SIDE)


def equal_files(data: Mapping[str, DataSet]) -> list[list[ImageName]]:
    """Find groups of images with equal bytes, across data sets and within folders of own images.

    Args:
        data: Data sets by name.

    Returns:
        Groups, each in the order of the data sets, then of their manifests.
    """
    if not is_searched(data):
        return []
    folders = {name for name, each in data.items() if each.dataset.name == FOLDER}
    images: list[ImageName] = []
    files = []
    for name, each in data.items():
        for image_id, path in each.manifest.select("image_id", "path").iter_rows():
            images.append((name, image_id))
            files.append(None if path is None else each.dataset.root / path)

    def worth_reading(rows: Sequence[int]) -> bool:
        return images[rows[0]][0] in folders or len({images[row][0] for row in rows}) > 1

    return [[images[row] for row in rows] for rows in same_files(files, worth_reading=worth_reading)]


def equal_pixels(stores: Mapping[str, Store], images: Mapping[str, Sequence[str]]) -> list[list[ImageName]]:
    """Find groups of images with equal stored pixels; constant images (such as black ones) are ignored.

    Args:
        stores: Stores by name, with equal preprocessing.
        images: Ids of images of each data set.
    """
    found: dict[bytes, list[ImageName]] = {}
    for name, image_ids in images.items():
        for digest, image_id in _digests(stores[name], image_ids):
            found.setdefault(digest, []).append((name, image_id))
    return [group for group in found.values() if len(group) > 1]


def pixel_copies(
    held: Mapping[str, Sequence[str]], stores: Mapping[str, Store], pools: Mapping[str, Sequence[str]]
) -> list[Copy]:
    """Find the images of pools that duplicate a held-out image, by pixels or image detail.

    Args:
        held: Held-out images of each data set.
        stores: Stores of the data sets with held-out images and of those in the pools, with equal preprocessing.
        pools: Training images of each data set.
    """
    if not any(held.values()) or not any(pools.values()):
        return []
    first: dict[bytes, ImageName] = {}
    for of_held, image_ids in held.items():
        for digest, image_id in _digests(stores[of_held], image_ids):
            first.setdefault(digest, (of_held, image_id))
    copies = [
        Copy(name, image_id, *first[digest], "pixels")
        for name, image_ids in pools.items()
        for digest, image_id in _digests(stores[name], image_ids)
        if digest in first
    ]
    if stores[next(iter(pools))].recipe.size < MIN_SIDE:
        return copies
    found = {(copy.data, copy.image_id) for copy in copies}
    rest = {name: [each for each in image_ids if (name, each) not in found] for name, image_ids in pools.items()}
    return copies + _near_copies(held, stores, rest)


def counted_once(
    data: Mapping[str, DataSet], pools: Mapping[str, Sequence[str]], groups: Iterable[Sequence[ImageName]]
) -> dict[str, list[str]]:
    """Remove repeated images from pools.

    Only duplicates between data sets, or within a folder of own images, are removed; duplicates within a published data
    set remain. Of equal images the one with a label is selected, then the one with a patient id, then the first.

    Args:
        data: Data sets by name.
        pools: Training images of each data set.
        groups: Groups of equal images.

    Returns:
        The pools, in their order.
    """
    here = {name: set(image_ids) for name, image_ids in pools.items()}
    dropped: set[ImageName] = set()
    marks: dict[str, dict[str, tuple[bool, bool]]] = {}

    def worth(image: ImageName) -> tuple[bool, bool]:
        name, image_id = image
        if name not in marks:
            manifest = data[name].manifest
            marks[name] = {
                each: (not labelled, not known)
                for each, labelled, known in zip(
                    manifest["image_id"], is_labelled(manifest), is_patient_known(manifest), strict=True
                )
            }
        return marks[name][image_id]

    for group in groups:
        members = [each for each in group if each[1] in here.get(each[0], ())]
        if len(members) < 2:
            continue
        selected = min(members, key=worth)
        for name, image_id in members:
            if (name, image_id) != selected and (name != selected[0] or data[name].dataset.name == FOLDER):
                dropped.add((name, image_id))
    return {name: [each for each in image_ids if (name, each) not in dropped] for name, image_ids in pools.items()}


def patients_beside(
    data: Mapping[str, DataSet], before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]
) -> list[str]:
    """List the full names of the patients of removed duplicates: weights trained on the others have seen them too.

    Args:
        data: Data sets by name.
        before: Pools with all images.
        after: Pools of `counted_once`.
    """
    names: dict[str, None] = {}
    for name, image_ids in before.items():
        selected = set(after.get(name, ()))
        gone = [each for each in image_ids if each not in selected]
        if gone:
            names |= dict.fromkeys(data[name].patients(gone))
    return list(names)


def _near_copies(
    held: Mapping[str, Sequence[str]], stores: Mapping[str, Store], pools: Mapping[str, Sequence[str]]
) -> list[Copy]:
    """Find the images of pools that duplicate a held-out image, by image detail."""
    images = [(name, image_id) for name, image_ids in held.items() for image_id in stores[name].readable(image_ids)]
    first_of_pools = len(images)
    images += [(name, image_id) for name, image_ids in pools.items() for image_id in stores[name].readable(image_ids)]
    thumbnails = np.empty((len(images), SIDE, SIDE), dtype=np.uint8)
    for row, (name, image_id) in enumerate(images):
        store = stores[name]
        thumbnails[row] = thumbnail(store.gather(store.rows([image_id]))[0].astype(np.float32))
    found = near_duplicates(thumbnails, workers=os.cpu_count() or 1)
    smallest = min(stores[name].recipe.size for name in {*held, *pools})
    pairs = found.pairs[np.abs(found.correlation) >= duplicate_threshold(smallest)]
    shown = {int(other): int(one) for one, other in pairs if one < first_of_pools <= other}
    for one, other in pairs:  # of equal thumbnails, only the first was compared with the others
        if one in shown and other not in shown and np.array_equal(thumbnails[one], thumbnails[other]):
            shown[int(other)] = shown[int(one)]
    return [Copy(*images[row], *images[shown[row]], "near") for row in sorted(shown)]


def _digests(store: Store, image_ids: Sequence[str]) -> Iterable[tuple[bytes, str]]:
    """Yield a hash of the pixels of each readable image that is not constant."""
    here = store.readable(image_ids)
    for start in range(0, len(here), _AT_A_TIME):
        some = here[start : start + _AT_A_TIME]
        pixels = store.gather(store.rows(some))
        shows = np.ptp(pixels.reshape(len(some), -1), axis=1) > 0
        for image_id, image, detailed in zip(some, pixels, shows, strict=True):
            if detailed:
                yield hashlib.sha256(image.tobytes()).digest(), image_id
