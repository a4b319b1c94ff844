"""Re-encoded duplicates: training images with the stored pixels of a validation or test image.

They are found in the stores of a study (`hilum.runs.pools.copies`): before the first training, not in the plan.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from hilum.artifacts import fingerprint
from hilum.data.store import Store
from hilum.errors import HilumErrors
from hilum.notes import Note
from hilum.runs.pools.copies import (
    Copy,
    ImageName,
    counted_once,
    equal_pixels,
    is_searched,
    not_searched,
    pixel_copies,
)
from hilum.study.data import PreparedData
from hilum.study.pool import by_part
from hilum.study.prepared import Prepared, PreparedStudy

_SHOWS = {"bytes": "is the file of", "pixels": "has the pixels of", "near": "shows the same as"}


def held_copies(prepared: Prepared, stores: Mapping[str, Store], pools: Mapping[str, Sequence[str]]) -> list[Copy]:
    """Find pretraining images with the pixels of a validation or test image.

    Args:
        prepared: Prepared data of the task.
        stores: Stores of the data sets with held-out images and of those in the pools, with equal preprocessing.
        pools: Pretraining images of each data set.
    """
    held = prepared.all_tasks.held
    if not is_searched({name: prepared.data[name] for name in {*pools, *held}}):
        return []
    return pixel_copies(held, stores, pools)


def unsearched_copies(prepared: Prepared, training: Sequence[str]) -> Note | None:
    """Return a note on kinds of copies that cannot be detected in an arm's pretraining data.

    Args:
        prepared: Prepared data of the task.
        training: Data sets that the arm is pretrained on.

    Returns:
        None if all kinds of copies are searched, or only published data sets are used.
    """
    homes = prepared.labelled.parts or {prepared.labelled.name: prepared.labelled}
    data = {**homes, **{name: prepared.data[name] for name in [*training, *prepared.external]}}
    return not_searched(prepared.recipe.size, prepared.labelled.name) if is_searched(data) else None


def pixels_once(
    prepared: Prepared, stores: Mapping[str, Store], pools: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Remove images with equal pixels from the pools of a pretraining (`hilum.runs.pools.copies.counted_once`)."""
    data = {name: prepared.data[name] for name in pools}
    return counted_once(data, pools, equal_pixels(stores, pools) if is_searched(data) else ())


def refuse_trained_copies(prepared: PreparedStudy, store_of: Callable[[str], Store]) -> None:
    """Refuse a study with labelled training images that show the same as held-out images.

    Training images of a task are compared with its validation, test and external test images, those of supervised
    starts with the held-out images of all tasks. Published data sets alone are not searched.

    Args:
        prepared: Prepared data of the task.
        store_of: Returns the store of a data set.

    Raises:
        HilumErrors: There are such images, and `evaluate.contaminated` is not `mark`.
    """
    if prepared.study.evaluate.contaminated == "mark":
        return
    found: dict[Copy, None] = {}
    for data, training, held in _comparisons(prepared):
        found |= dict.fromkeys(labelled_training_copies(data, store_of, training, held))
    copies = list(found)
    if copies:
        raise HilumErrors(
            "the training images",
            _listed(copies),
            fix="nothing was trained. Remove these images, or give both of each pair one patient id, or set "
            "evaluate.contaminated: mark",
        )


def _listed(copies: Sequence[Copy]) -> list[str]:
    """Describe the first ten copies."""
    texts = [
        f"{copy.data}: {copy.image_id} {_SHOWS[copy.kind]} {copy.of_data}'s {copy.of_image_id}, a held-out image"
        for copy in copies[:10]
    ]
    return texts + ([f"and {len(copies) - 10:,} others"] if len(copies) > 10 else [])


def _comparisons(
    prepared: PreparedStudy,
) -> list[tuple[Mapping[str, PreparedData], dict[str, list[str]], dict[str, list[str]]]]:
    """Return data sets, training images and held-out images of each comparison, merged by held-out images.

    Tasks that differ in findings or label fraction often share a split; its images are compared once.
    """
    compared = [(view.data, *training_and_held_out(view)) for view in prepared.views.values()]
    compared += [
        (start.data, *start_training_and_held_out(start)) for start in prepared.first.all_tasks.supervised.values()
    ]
    joined: dict[str, tuple[Mapping[str, PreparedData], dict[str, list[str]], dict[str, list[str]]]] = {}
    for data, training, held in compared:
        key = fingerprint([sorted(data), held])
        before = joined.get(key, (data, {}, held))[1]
        every = {
            name: list(dict.fromkeys([*before.get(name, []), *training.get(name, [])])) for name in before | training
        }
        joined[key] = data, every, held
    return list(joined.values())


def training_and_held_out(view: Prepared) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return a task's training images, and its validation and test images (external ones included), by data set."""
    task, labelled = view.task, view.study.labelled_data
    apart = [] if task.split.sharing else task.val.image_ids  # images of a shared patient may be alike
    held = {labelled: [*apart, *task.test_ids]}
    for name, image_ids in view.external.items():
        held[name] = [*held.get(name, []), *image_ids]
    return {labelled: list(task.train.image_ids)}, held


def start_training_and_held_out(start: Prepared) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the training images of a supervised start, and the held-out images, by data set; pools by their parts.

    Its validation images, which select the epoch, count as training images.
    """
    training = {start.study.labelled_data: [*start.task.train.image_ids, *start.task.val.image_ids]}
    training = by_part(start.data, training)
    own = {name: set(image_ids) for name, image_ids in training.items()}
    held = {
        name: [each for each in image_ids if each not in own.get(name, ())]
        for name, image_ids in start.all_tasks.held.items()
    }
    return training, held


def copies_between(
    groups: Iterable[Sequence[ImageName]],
    training: Mapping[str, Sequence[str]],
    held: Mapping[str, Sequence[str]],
) -> list[Copy]:
    """Return training images whose file is also that of a held-out image, from groups of images with equal bytes."""
    of_training, of_held = ({name: set(ids) for name, ids in images.items()} for images in (training, held))
    copies = []
    for group in groups:
        first = next((image for image in group if image[1] in of_held.get(image[0], ())), None)
        if first is not None:
            copies += [Copy(*image, *first, "bytes") for image in group if image[1] in of_training.get(image[0], ())]
    return copies


def labelled_training_copies(
    data: Mapping[str, PreparedData],
    store_of: Callable[[str], Store],
    training: Mapping[str, Sequence[str]],
    held: Mapping[str, Sequence[str]],
) -> list[Copy]:
    """Return labelled training images that show the same as a held-out image."""
    names = dict.fromkeys([*training, *held])
    parts = [part for name in names for part in (data[name].parts.values() or [data[name]])]
    if not is_searched({part.name: part for part in parts}):
        return []
    return pixel_copies(held, {name: store_of(name) for name in names}, training)


def without_pixel_copies(
    prepared: Prepared, stores: Mapping[str, Store], pools: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Remove copies of validation and test images from the pools of a pretraining, or refuse them.

    Args:
        prepared: Prepared data.
        stores, pools: As in `held_copies`.

    Returns:
        The pools; with `pretrain.copies: leave_out` without the copies and all other images of their patients.

    Raises:
        HilumErrors: There are copies, and the study neither removes nor marks them.
    """
    copies = held_copies(prepared, stores, pools)
    if copies and prepared.study.pretrain.copies == "leave_out":
        names = {name for copy in copies for name in prepared.data[copy.data].patients([copy.image_id])}
        return {name: _of_others(prepared, name, image_ids, names) for name, image_ids in pools.items()}
    if copies and prepared.study.evaluate.contaminated == "refuse":
        raise HilumErrors(
            "the pretraining images",
            _listed(copies),
            fix="nothing was trained. Remove these images, or set pretrain.copies: leave_out",
        )
    return {name: list(image_ids) for name, image_ids in pools.items()}


def _of_others(prepared: Prepared, name: str, image_ids: Sequence[str], patients: set[str]) -> list[str]:
    of_images = prepared.data[name].patients(list(image_ids))
    return [image_id for image_id, patient in zip(image_ids, of_images, strict=True) if patient not in patients]
