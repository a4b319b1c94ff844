"""Re-encoded copies: images to learn from whose stored pixels are those of a validation or test image.

Files of other bytes may hold the same image: saved again, in another format, or with another header. Their decoded
pixels are equal, and so is what the store keeps of them. Images that were compressed with a loss, resized or brightened
are found by their detail (`hilum.data.duplicates`), in stores of 64 px or more. Stores exist once a study runs, so that
these copies are found before the first pretraining, and not in the plan.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from hilum.data.duplicates import SIDE, near_duplicates, thumbnail
from hilum.data.store import Store
from hilum.errors import HilumErrors
from hilum.study.identity import FOLDER, Copy
from hilum.study.prepared import Prepared

_AT_A_TIME = 512  # images
_SHOWS = {"bytes": "is the file of", "pixels": "has the pixels of", "near": "shows the same as"}


def pixel_copies(prepared: Prepared, stores: Mapping[str, Store], pools: Mapping[str, Sequence[str]]) -> list[Copy]:
    """Find the images of pools whose pixels are those of a validation or test image.

    Images without any detail, black ones for example, are no copies of each other.

    Args:
        prepared: the study's data.
        stores: of the data sets with held-out images and of those in the pools, preprocessed alike.
        pools: images of each data set to learn from.
    """
    held = prepared.all_tasks.held
    names = {*pools, *held}
    if len(names) == 1 and prepared.data[next(iter(names))].collected.name != FOLDER:
        return []  # as with files: a published data set alone is not searched
    first: dict[bytes, tuple[str, str]] = {}
    for of_held, image_ids in held.items():
        for digest, image_id in _digests(stores[of_held], image_ids):
            first.setdefault(digest, (of_held, image_id))
    copies = [
        Copy(name, image_id, *first[digest], "pixels")
        for name, image_ids in pools.items()
        for digest, image_id in _digests(stores[name], image_ids)
        if digest in first
    ]
    if prepared.recipe.size < SIDE:
        return copies
    found = {(copy.data, copy.image_id) for copy in copies}
    rest = {name: [each for each in image_ids if (name, each) not in found] for name, image_ids in pools.items()}
    return copies + _near_copies(held, stores, rest)


def _near_copies(
    held: Mapping[str, Sequence[str]], stores: Mapping[str, Store], pools: Mapping[str, Sequence[str]]
) -> list[Copy]:
    """Images of pools that show a held-out image, by their detail."""
    images = [(name, image_id) for name, image_ids in held.items() for image_id in stores[name].readable(image_ids)]
    first_of_pools = len(images)
    images += [(name, image_id) for name, image_ids in pools.items() for image_id in stores[name].readable(image_ids)]
    thumbnails = np.empty((len(images), SIDE, SIDE), dtype=np.uint8)
    for row, (name, image_id) in enumerate(images):
        store = stores[name]
        thumbnails[row] = thumbnail(store.gather(store.rows([image_id]))[0].astype(np.float32))
    pairs = near_duplicates(thumbnails, workers=os.cpu_count() or 1).pairs
    shown = {int(other): int(one) for one, other in pairs if one < first_of_pools <= other}
    return [Copy(*images[row], *images[shown[row]], "near") for row in sorted(shown)]


def without_pixel_copies(
    prepared: Prepared, stores: Mapping[str, Store], pools: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """The pools of a pretraining without copies of validation and test images, as the study asks for.

    Args:
        prepared: the study's data.
        stores, pools: as in `pixel_copies`.

    Returns:
        The pools: as they are where no copy is in them, or where the study marks contaminated arms; without the copies
        and all images of their patients where it says `pretrain.copies: leave_out`.

    Raises:
        HilumErrors: copies, and the study says nothing of them.
    """
    copies = pixel_copies(prepared, stores, pools)
    if copies and prepared.study.pretrain.copies == "leave_out":
        names = {name for copy in copies for name in prepared.data[copy.data].patients([copy.image_id])}
        return {name: _of_others(prepared, name, image_ids, names) for name, image_ids in pools.items()}
    if copies and prepared.study.evaluate.contaminated == "refuse":
        raise HilumErrors(
            "the images to learn from",
            [
                f"{copy.data}: {copy.image_id} {_SHOWS[copy.kind]} {copy.of_image_id}, which validates or tests"
                for copy in copies[:10]
            ]
            + ([f"and {len(copies) - 10:,} others"] if len(copies) > 10 else []),
            fix="nothing was trained. Take these images out, or set pretrain.copies: leave_out",
        )
    return {name: list(image_ids) for name, image_ids in pools.items()}


def _of_others(prepared: Prepared, name: str, image_ids: Sequence[str], patients: set[str]) -> list[str]:
    of_images = prepared.data[name].patients(list(image_ids))
    return [image_id for image_id, patient in zip(image_ids, of_images, strict=True) if patient not in patients]


def _digests(store: Store, image_ids: Sequence[str]) -> Iterable[tuple[bytes, str]]:
    """A hash of the pixels of each readable image that shows anything."""
    here = store.readable(image_ids)
    for start in range(0, len(here), _AT_A_TIME):
        some = here[start : start + _AT_A_TIME]
        pixels = store.gather(store.rows(some))
        shows = np.ptp(pixels.reshape(len(some), -1), axis=1) > 0
        for image_id, image, detailed in zip(some, pixels, shows, strict=True):
            if detailed:
                yield hashlib.sha256(image.tobytes()).digest(), image_id
