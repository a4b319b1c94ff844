"""Duplicates in the pools of a pretraining without a study: repeated images, and copies of excluded images.

Data sets are compared as in a study (`hilum.runs.pools.copies`): by patient ids, bytes of files and stored pixels, and
with excluded images also by image detail. To be safe, all images of a patient are excluded if one of them equals an
excluded image.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hilum.data.manifest import is_patient_known
from hilum.data.store import NamedData, Store
from hilum.errors import HilumError
from hilum.notes import Code, Note, note
from hilum.runs.pools.copies import (
    FOLDER,
    ImageName,
    counted_once,
    equal_files,
    equal_pixels,
    is_searched,
    not_searched,
    patients_beside,
    pixel_copies,
)
from hilum.runs.pools.pretraining_pool import Pool


@dataclass(frozen=True)
class Cleared:
    """Pools without duplicates.

    Attributes:
        pools: Pools of the data sets with remaining images, with notes on excluded images.
        counted_once: Number of images per data set that were excluded as duplicates of other training images.
        left_out: Number of images per data set that were excluded because one image of their patient equals an excluded
            image.
        copied_patients: Full names of the patients of `counted_once`, for the card.
    """

    pools: dict[str, Pool]
    counted_once: dict[str, int]
    left_out: dict[str, int]
    copied_patients: list[str]


def without_copies(data: Mapping[str, NamedData], stores: Mapping[str, Store], pools: Mapping[str, Pool]) -> Cleared:
    """Remove duplicates from pools: copies of excluded images, and all but one of equal images.

    Args:
        data: Data sets by name, in order.
        stores: Store of each, with equal preprocessing.
        pools: Pool of each.

    Raises:
        HilumError: All images of a data set are copies of excluded images.
    """
    if not is_searched(data):
        return Cleared(dict(pools), {}, {}, [])
    files = equal_files(data)
    held = {name: _held(data[name], pools[name]) for name in pools}
    before = {name: list(pool.image_ids) for name, pool in pools.items()}
    shown = {*_equal_to_held(files, held)}
    shown |= {(copy.data, copy.image_id) for copy in pixel_copies(held, stores, before)}
    people = {name for of, image_id in shown for name in data[of].patients([image_id])}
    apart = {name: _of_others(data[name], image_ids, people) for name, image_ids in before.items()}
    once = counted_once(data, apart, files)
    once = counted_once(data, once, equal_pixels(stores, once))
    left_out = {name: len(before[name]) - len(apart[name]) for name in before}
    twice = {name: len(apart[name]) - len(once[name]) for name in apart}
    cleared = {}
    for name, pool in pools.items():
        if not apart[name]:
            raise HilumError(
                f"--data {name}",
                expected="images to train on",
                found="only copies of excluded images",
                fix="Add images, or exclude fewer.",
            )
        notes = list(pool.notes)
        if left_out[name]:
            notes.append(note(Code.EXCLUDED_COPIES, images=left_out[name]))
        if twice[name]:
            notes.append(note(Code.DUPLICATES_ONCE, images=twice[name]))
        notes += _shared_ids(data, pools, name, apart[name])
        if any(held.values()) and (unknown := not_searched(stores[name].recipe.size, "excluded images")):
            notes.append(unknown)
        cleared[name] = replace(pool, image_ids=once[name], notes=notes)
    selected = {name: pool for name, pool in cleared.items() if pool.image_ids}
    gone = [each.about(name) for name, pool in cleared.items() if not pool.image_ids for each in pool.notes]
    gone += [note(Code.ALL_DUPLICATES).about(name) for name in cleared if name not in selected]
    if gone:
        first = next(iter(selected))
        selected[first] = replace(selected[first], notes=[*selected[first].notes, *gone])
    return Cleared(selected, _counts(twice), _counts(left_out), patients_beside(data, apart, once))


def _held(data: NamedData, pool: Pool) -> list[str]:
    image_ids = data.manifest["image_id"].to_list()
    named = zip(image_ids, data.patients(image_ids), strict=True)
    return [image_id for image_id, patient in named if patient in pool.excluded_patients]


def _equal_to_held(groups: Iterable[Sequence[ImageName]], held: Mapping[str, Sequence[str]]) -> Iterable[ImageName]:
    every = {(name, image_id) for name, image_ids in held.items() for image_id in image_ids}
    for group in groups:
        if any(image in every for image in group):
            yield from (image for image in group if image not in every)


def _of_others(data: NamedData, image_ids: Sequence[str], people: set[str]) -> list[str]:
    named = zip(image_ids, data.patients(list(image_ids)), strict=True)
    return [image_id for image_id, patient in named if patient not in people]


def _shared_ids(
    data: Mapping[str, NamedData], pools: Mapping[str, Pool], name: str, training: Sequence[str]
) -> Iterable[Note]:
    """Report patient ids of a folder that are also ids of patients excluded by another folder."""
    own = data[name]
    if own.dataset.name != FOLDER:
        return
    here_known = set(own.manifest.filter(is_patient_known(own.manifest))["image_id"])
    known = [image_id for image_id in training if image_id in here_known]
    here = {patient.removeprefix(f"{own.issuer}:") for patient in own.patients(known)}
    for other, each in data.items():
        if each.dataset.name == FOLDER and each.issuer != own.issuer:
            both = here & {patient.removeprefix(f"{each.issuer}:") for patient in pools[other].excluded_patients}
            if both:
                examples = ", ".join(sorted(both)[:3])
                yield note(Code.SAME_IDS_EXCLUDED, patients=len(both), other=other, examples=examples)


def _counts(images: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in images.items() if count}
