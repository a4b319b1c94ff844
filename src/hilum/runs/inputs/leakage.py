"""Data leakage in a run without a study: training patients of the weights, and copies of test images."""

from collections.abc import Mapping, Sequence

from hilum.data.manifest import is_patient_known
from hilum.data.store import NamedData, Store
from hilum.encoders.card import Card
from hilum.errors import HilumErrors
from hilum.evaluation.training_patients import INCLUDE, CheckedImages, exclude_training_patients
from hilum.notes import Code, Note, note
from hilum.runs.pools.copies import Copy, equal_files, is_searched, not_searched, pixel_copies

_SAME = {"bytes": "has the same bytes as", "pixels": "has the same pixels as", "near": "is a near-duplicate of"}


def untrained_images(data: NamedData, test_ids: Sequence[str], card: Card | None, *, include: bool) -> CheckedImages:
    """Select the test images of patients that the weights were not trained on.

    Args:
        data: Data set of the images.
        test_ids: Test images of the split.
        card: Card of the weights; None: random weights.
        include: Also include images of training patients, with a note.

    Raises:
        HilumError: As in `hilum.evaluation.training_patients.exclude_training_patients`.
    """
    images = list(zip(test_ids, data.patients(list(test_ids)), strict=True))
    cards = [] if card is None else [card]
    return exclude_training_patients(cards, data.manifest, images, data.issuer, f"--data {data.name}", include=include)


def check_copies(
    data: NamedData, store: Store, training: Sequence[str], held: Sequence[str], *, include: bool
) -> list[Note]:
    """Search for training images that are copies of validation or test images.

    Args:
        data: The data set.
        store: Store of its images.
        training: Training images.
        held: Validation and test images.
        include: Continue with copies, with a note.

    Returns:
        Limitations of metrics on the test images.

    Raises:
        HilumErrors: There are copies, and `include` is false.
    """
    if not is_searched({data.name: data}):
        return []
    copies = list(_copies(data, store, training, held).values())
    if copies and not include:
        lines = [f"{each.image_id} {_SAME[each.kind]} {each.of_image_id}" for each in copies[:10]]
        raise HilumErrors(
            f"--data {data.name}: training images that are copies of validation or test images",
            lines + ([f"and {len(copies) - 10:,} others"] if len(copies) > 10 else []),
            fix=f"nothing was trained. Remove them, give both images of a pair the same patient id, or add {INCLUDE}",
        )
    notes = [note(Code.COPIES_INCLUDED, images=len(copies))] if copies else []
    if (unknown := not_searched(store.recipe.size, data.name)) is not None:
        notes.append(unknown)
    nameless = set(data.manifest.filter(~is_patient_known(data.manifest))["image_id"]) & {*training, *held}
    if nameless:
        notes.append(note(Code.PATIENTS_UNKNOWN, images=len(nameless)))
    return notes


def _copies(data: NamedData, store: Store, training: Sequence[str], held: Sequence[str]) -> Mapping[str, Copy]:
    """Find the held-out image that each training image is a copy of."""
    found: dict[str, Copy] = {}
    of_training, of_held = set(training), set(held)
    for group in equal_files({data.name: data}):
        names = [image_id for _, image_id in group]
        first = next((name for name in names if name in of_held), None)
        if first is not None:
            found |= {name: Copy(data.name, name, data.name, first, "bytes") for name in names if name in of_training}
    for copy in pixel_copies({data.name: held}, {data.name: store}, {data.name: training}):
        found.setdefault(copy.image_id, copy)
    return found
