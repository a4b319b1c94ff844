"""Copies in the pools of a pretraining outside of a study: the same image reached twice, and images left out elsewhere.

Data sets are compared with each other as a study compares them (`hilum.runs.copies`): by patient ids, by the bytes of
files, by stored pixels, and with what is left out by the detail of images. Nobody is asked here, so that doubt costs
images: every image of a patient of whom one image equals one that is left out is left out too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hilum.data.manifest import is_patient_known
from hilum.data.store import NamedData, Store
from hilum.errors import HilumError
from hilum.runs.copies import (
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
from hilum.runs.pretraining_pool import Pool


@dataclass(frozen=True)
class Cleared:
    """Pools without copies.

    Attributes:
        pools: of the data sets that have images left, with notes on what is not learnt from.
        counted_once: by data set, images left out because equal ones are learnt from.
        left_out: by data set, images left out because one of their patient equals an image that is not learnt from.
        copied_patients: full names of the patients of `counted_once`, for the card.
    """

    pools: dict[str, Pool]
    counted_once: dict[str, int]
    left_out: dict[str, int]
    copied_patients: list[str]


def without_copies(data: Mapping[str, NamedData], stores: Mapping[str, Store], pools: Mapping[str, Pool]) -> Cleared:
    """Take copies out of pools: those of images that are left out, and all but one of equal images.

    Args:
        data: by name, in order.
        stores: of each, preprocessed alike.
        pools: of each.

    Raises:
        HilumError: nothing is left of a data set but copies of images that are left out.
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
                expected="images to learn from",
                found="none but copies of images that are left out",
                fix="Give more images, or exclude less.",
            )
        notes = list(pool.notes)
        if left_out[name]:
            notes.append(
                f"{left_out[name]:,} images are not learnt from: of patients with copies of images that are left out"
            )
        if twice[name]:
            notes.append(f"{twice[name]:,} images equal others that are learnt from, and are counted once")
        notes += _shared_ids(data, pools, name, apart[name])
        if any(held.values()) and (unknown := not_searched(stores[name].recipe.size, "images that are left out")):
            notes.append(str(unknown))
        cleared[name] = replace(pool, image_ids=once[name], notes=notes)
    selected = {name: pool for name, pool in cleared.items() if pool.image_ids}
    gone = [f"{name}: {note}" for name, pool in cleared.items() if not pool.image_ids for note in pool.notes]
    gone += [f"{name}: all of its images are those of other data sets" for name in cleared if name not in selected]
    if gone:
        first = next(iter(selected))
        selected[first] = replace(selected[first], notes=[*selected[first].notes, *gone])
    return Cleared(selected, _counts(twice), _counts(left_out), patients_beside(data, apart, once))


def _held(data: NamedData, pool: Pool) -> list[str]:
    image_ids = data.manifest["image_id"].to_list()
    named = zip(image_ids, data.patients(image_ids), strict=True)
    return [image_id for image_id, patient in named if patient in pool.left_out]


def _equal_to_held(groups: Iterable[Sequence[ImageName]], held: Mapping[str, Sequence[str]]) -> Iterable[ImageName]:
    every = {(name, image_id) for name, image_ids in held.items() for image_id in image_ids}
    for group in groups:
        if any(image in every for image in group):
            yield from (image for image in group if image not in every)


def _of_others(data: NamedData, image_ids: Sequence[str], people: set[str]) -> list[str]:
    named = zip(image_ids, data.patients(list(image_ids)), strict=True)
    return [image_id for image_id, patient in named if patient not in people]


def _shared_ids(
    data: Mapping[str, NamedData], pools: Mapping[str, Pool], name: str, learnt: Sequence[str]
) -> Iterable[str]:
    """What is reported where ids of a folder are ids of patients whom another folder leaves out."""
    own = data[name]
    if own.collected.name != FOLDER:
        return
    here_known = set(own.manifest.filter(is_patient_known(own.manifest))["image_id"])
    known = [image_id for image_id in learnt if image_id in here_known]
    here = {patient.removeprefix(f"{own.issuer}:") for patient in own.patients(known)}
    for other, each in data.items():
        if each.collected.name == FOLDER and each.issuer != own.issuer:
            both = here & {patient.removeprefix(f"{each.issuer}:") for patient in pools[other].left_out}
            if both:
                yield (
                    f"are these the same people? {len(both):,} patient ids are those of patients whom {other} "
                    f"leaves out ({', '.join(sorted(both)[:3])}), and are learnt from"
                )


def _counts(images: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in images.items() if count}
