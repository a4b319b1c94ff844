"""Re-encoded copies: images to learn from whose stored pixels are those of a validation or test image.

Stores exist once a study runs, so that these copies (`hilum.runs.copies`) are found before the first pretraining, and
not in the plan.
"""

from collections.abc import Mapping, Sequence

from hilum.data.store import Store
from hilum.errors import HilumErrors
from hilum.runs.copies import Copy, counted_once, equal_pixels, is_searched, pixel_copies
from hilum.study.prepared import Prepared

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


def pixels_once(
    prepared: Prepared, stores: Mapping[str, Store], pools: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """The pools of a pretraining, in which images of equal pixels count once (`hilum.runs.copies.counted_once`)."""
    data = {name: prepared.data[name] for name in pools}
    return counted_once(data, pools, equal_pixels(stores, pools) if is_searched(data) else ())


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
