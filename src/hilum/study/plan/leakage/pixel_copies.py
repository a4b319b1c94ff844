"""Re-encoded copies: images to learn from whose stored pixels are those of a validation or test image.

Stores exist once a study runs, so that these copies (`hilum.runs.copies`) are found before the first pretraining, and
not in the plan.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from hilum.artifacts import fingerprint
from hilum.data.store import Store
from hilum.errors import HilumErrors
from hilum.notes import Note
from hilum.runs.copies import (
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
    """Find the images of pools whose pixels are those of a validation or test image.

    Args:
        prepared: the study's data.
        stores: of the data sets with held-out images and of those in the pools, preprocessed alike.
        pools: images of each data set to learn from.
    """
    held = prepared.all_tasks.held
    if not is_searched({name: prepared.data[name] for name in {*pools, *held}}):
        return []
    return pixel_copies(held, stores, pools)


def unsearched_copies(prepared: Prepared, learnt: Sequence[str]) -> Note | None:
    """What is not known of the copies of test images among the images that an arm learns from.

    Args:
        prepared: the study's data.
        learnt: data sets that the arm learns from before it is fine-tuned.

    Returns:
        None where all kinds of copies are looked for, and where published data sets alone are learnt from.
    """
    homes = prepared.labelled.parts or {prepared.labelled.name: prepared.labelled}
    data = {**homes, **{name: prepared.data[name] for name in [*learnt, *prepared.external]}}
    return not_searched(prepared.recipe.size, prepared.labelled.name) if is_searched(data) else None


def pixels_once(
    prepared: Prepared, stores: Mapping[str, Store], pools: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """The pools of a pretraining, in which images of equal pixels count once (`hilum.runs.copies.counted_once`)."""
    data = {name: prepared.data[name] for name in pools}
    return counted_once(data, pools, equal_pixels(stores, pools) if is_searched(data) else ())


def refuse_trained_copies(prepared: PreparedStudy, store_of: Callable[[str], Store]) -> None:
    """Refuse a study in which labels of images are learnt whose pixels, or detail, are those of held-out images.

    Every task's training images are compared with its own validation, test and external test images, and those of
    starts with labels with what any task holds out. Published data sets alone are not searched.

    Args:
        prepared: the study's data.
        store_of: the store of a data set.

    Raises:
        HilumErrors: there are such images, and the study does not mark contaminated arms.
    """
    if prepared.study.evaluate.contaminated == "mark":
        return
    found: dict[Copy, None] = {}
    for data, learnt, held in _comparisons(prepared):
        found |= dict.fromkeys(copies_learnt(data, store_of, learnt, held))
    copies = list(found)
    if copies:
        raise HilumErrors(
            "the training images",
            [
                f"{copy.data}: {copy.image_id} {_SHOWS[copy.kind]} {copy.of_data}'s {copy.of_image_id}, which "
                "validates or tests"
                for copy in copies[:10]
            ]
            + ([f"and {len(copies) - 10:,} others"] if len(copies) > 10 else []),
            fix="nothing was trained. Take these images out, or give both of each pair one patient id, or set "
            "evaluate.contaminated: mark",
        )


def _comparisons(
    prepared: PreparedStudy,
) -> list[tuple[Mapping[str, PreparedData], dict[str, list[str]], dict[str, list[str]]]]:
    """Data, images that labels are learnt of, and what these may not show; once for all that hold out the same images.

    Tasks that differ in their findings or their fraction of labels mostly share a split: images are looked at once.
    """
    asked = [(view.data, *training_and_held_out(view)) for view in prepared.views.values()]
    asked += [(start.data, *of_start(start)) for start in prepared.first.all_tasks.supervised.values()]
    joined: dict[str, tuple[Mapping[str, PreparedData], dict[str, list[str]], dict[str, list[str]]]] = {}
    for data, learnt, held in asked:
        key = fingerprint([sorted(data), held])
        before = joined.get(key, (data, {}, held))[1]
        every = {name: list(dict.fromkeys([*before.get(name, []), *learnt.get(name, [])])) for name in before | learnt}
        joined[key] = data, every, held
    return list(joined.values())


def training_and_held_out(view: Prepared) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """A task's training images, and those that validate or test it, external test sets included; by data set."""
    task, labelled = view.task, view.study.labelled_data
    apart = [] if task.split.sharing else task.val.image_ids  # a shared patient's images may well be alike
    held = {labelled: [*apart, *task.test_ids]}
    for name, image_ids in view.external.items():
        held[name] = [*held.get(name, []), *image_ids]
    return {labelled: list(task.train.image_ids)}, held


def of_start(start: Prepared) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Images that a start with labels learns from, and what these may not show; by data set, pools by their parts.

    Its validation images choose the epoch, so that they count among the former; other tasks' test images they must not
    show, either.
    """
    learnt = {start.study.labelled_data: [*start.task.train.image_ids, *start.task.val.image_ids]}
    learnt = by_part(start.data, learnt)
    own = {name: set(image_ids) for name, image_ids in learnt.items()}
    held = {
        name: [each for each in image_ids if each not in own.get(name, ())]
        for name, image_ids in start.all_tasks.held.items()
    }
    return learnt, held


def copies_between(
    groups: Iterable[Sequence[ImageName]],
    learnt: Mapping[str, Sequence[str]],
    held: Mapping[str, Sequence[str]],
) -> list[Copy]:
    """Of groups of images with the same bytes, those that are learnt from while another one is held out."""
    of_learnt, of_held = ({name: set(ids) for name, ids in images.items()} for images in (learnt, held))
    copies = []
    for group in groups:
        first = next((image for image in group if image[1] in of_held.get(image[0], ())), None)
        if first is not None:
            copies += [Copy(*image, *first, "bytes") for image in group if image[1] in of_learnt.get(image[0], ())]
    return copies


def copies_learnt(
    data: Mapping[str, PreparedData],
    store_of: Callable[[str], Store],
    learnt: Mapping[str, Sequence[str]],
    held: Mapping[str, Sequence[str]],
) -> list[Copy]:
    """Of images that labels are learnt of, those whose pixels, or detail, are those of a held-out image."""
    names = dict.fromkeys([*learnt, *held])
    parts = [part for name in names for part in (data[name].parts.values() or [data[name]])]
    if not is_searched({part.name: part for part in parts}):
        return []
    return pixel_copies(held, {name: store_of(name) for name in names}, learnt)


def without_pixel_copies(
    prepared: Prepared, stores: Mapping[str, Store], pools: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """The pools of a pretraining without copies of validation and test images, as the study asks for.

    Args:
        prepared: the study's data.
        stores, pools: as in `held_copies`.

    Returns:
        The pools: as they are where no copy is in them, or where the study marks contaminated arms; without the copies
        and all images of their patients where it says `pretrain.copies: leave_out`.

    Raises:
        HilumErrors: copies, and the study says nothing of them.
    """
    copies = held_copies(prepared, stores, pools)
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
