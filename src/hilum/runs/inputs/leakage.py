"""Data leakage in a run without a study: test patients in the training of the weights, and copies of test images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hilum.data.manifest import is_patient_known
from hilum.data.store import NamedData, Store
from hilum.encoders.card import Card
from hilum.encoders.statements import find_contamination
from hilum.errors import HilumError, HilumErrors
from hilum.runs.pools.copies import Copy, equal_files, is_searched, not_searched, pixel_copies

_SAME = {"bytes": "has the same bytes as", "pixels": "has the same pixels as", "near": "is a near-duplicate of"}
_INCLUDE = "--include-training-patients"


@dataclass(frozen=True)
class TestImages:
    """Images to evaluate a run on.

    Attributes:
        image_ids: Ids, in order.
        notes: Limitations of metrics on these images, one sentence each.
    """

    image_ids: Sequence[str]
    notes: Sequence[str]


def exclude_training_patients(
    data: NamedData, test_ids: Sequence[str], card: Card | None, *, include: bool
) -> TestImages:
    """Select the test images of patients that the weights were not trained on.

    Args:
        data: Data set of the images.
        test_ids: Test images of the split.
        card: Card of the weights; None: random weights.
        include: Also include images of training patients, with a note.

    Raises:
        HilumError: Without `include`: the training patients of the weights are unknown, published weights were trained
            on test images, or no image remains.
    """
    if card is None:
        return TestImages(test_ids, [])
    exposure = card.ledger.exposure_of(data.patients(list(test_ids)))
    met = {image_id for image_id, known in zip(test_ids, exposure.trained_on, strict=True) if known}
    stated = find_contamination(card.statements, data.issuer, data.manifest, test_ids)
    notes = []
    if stated.certainty == "yes" and not include:
        raise HilumError(
            f"--data {data.name}",
            expected="weights that were not trained on its test images",
            found=stated.message,
            fix=f"Choose other weights or another split, or add {_INCLUDE}.",
        )
    if stated.certainty != "no":
        notes.append(f"were the weights trained on test images? {stated.message}")
    if include and exposure.not_known.any():
        notes.append(f"it is unknown whether the weights were trained on test patients: {exposure.why_not_known}")
    elif not include:
        exposure.refuse_not_known(f"--data {data.name}")
    if met and include:
        notes.append(f"{len(met):,} test images are of patients the weights were trained on: metrics are optimistic")
        met = set()
    elif met:
        notes.append(f"{len(met):,} test images of patients the weights were trained on were excluded")
    for issuer, patients in card.ledger.ids_of_other_issuers(data.patients(list(test_ids))).items():
        notes.append(
            f"are these the same people? {len(patients):,} ids of test patients are also ids of training patients of "
            f"{issuer}. If so, use the same name for this folder: --data {issuer}=…"
        )
    left = [image_id for image_id in test_ids if image_id not in met]
    if not left:
        raise HilumError(
            f"--data {data.name}",
            expected="test images of patients the weights were not trained on",
            found=f"none: all {len(test_ids):,} are of training patients",
            fix=f"Pretrain with the same --split, choose another one, or add {_INCLUDE} to score these images as well.",
        )
    return TestImages(left, notes)


def check_copies(
    data: NamedData, store: Store, training: Sequence[str], held: Sequence[str], *, include: bool
) -> Sequence[str]:
    """Search for training images that are copies of validation or test images.

    Args:
        data: The data set.
        store: Store of its images.
        training: Training images.
        held: Validation and test images.
        include: Continue with copies, with a note.

    Returns:
        Limitations of metrics on the test images, one sentence each.

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
            fix=f"nothing was trained. Remove them, give both images of a pair the same patient id, or add {_INCLUDE}",
        )
    notes = [f"{len(copies):,} training images are copies of validation or test images"] if copies else []
    if (unknown := not_searched(store.recipe.size, data.name)) is not None:
        notes.append(str(unknown))
    nameless = set(data.manifest.filter(~is_patient_known(data.manifest))["image_id"]) & {*training, *held}
    if nameless:
        notes.append(
            f"it is unknown whether training and test images are of the same patients: {len(nameless):,} images have "
            "no patient id"
        )
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
