"""Test images that a run outside of a study may not be judged on: what its weights, or its training images, show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hilum.data.manifest import is_patient_known
from hilum.data.store import NamedData, Store
from hilum.encoders.card import Card
from hilum.encoders.statements import find_contamination
from hilum.errors import HilumError, HilumErrors
from hilum.runs.copies import Copy, equal_files, is_searched, not_searched, pixel_copies

_SHOWS = {"bytes": "is the file of", "pixels": "has the pixels of", "near": "shows the same as"}
_INCLUDE = "--include-training-patients"


@dataclass(frozen=True)
class TestImages:
    """Images to judge a run on.

    Attributes:
        image_ids: in order.
        notes: what a reader must know of numbers on them, a sentence each.
    """

    image_ids: Sequence[str]
    notes: Sequence[str]


def unexposed(data: NamedData, test_ids: Sequence[str], card: Card | None, *, include: bool) -> TestImages:
    """The test images of patients whom weights have not learnt from.

    Args:
        data: of the images.
        test_ids: of the split.
        card: of the weights; None: of random ones.
        include: also images of patients whom they have learnt from; that is noted then.

    Raises:
        HilumError: it is not known whom the weights have learnt from, they are published ones that were trained on test
            images, or no image is left; and none are to be included.
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
        notes.append(f"whether the weights were trained on test patients is not known: {exposure.why_not_known}")
    elif not include:
        exposure.refuse_not_known(f"--data {data.name}")
    if met and include:
        notes.append(f"{len(met):,} test images are of patients whom the weights were trained on: numbers are too good")
        met = set()
    elif met:
        notes.append(f"{len(met):,} test images of patients whom the weights were trained on were left out")
    for issuer, patients in card.ledger.ids_of_other_issuers(data.patients(list(test_ids))).items():
        notes.append(
            f"are these the same people? {len(patients):,} ids of test patients are ids of patients of {issuer}, whom "
            f"the weights were trained on. If they are, call this folder {issuer}, too: --data {issuer}=…"
        )
    left = [image_id for image_id in test_ids if image_id not in met]
    if not left:
        raise HilumError(
            f"--data {data.name}",
            expected="test images of patients whom the weights were not trained on",
            found=f"none: all {len(test_ids):,} are of such patients",
            fix=f"Pretrain with the same --split, take another, or add {_INCLUDE} to score those images, too.",
        )
    return TestImages(left, notes)


def check_copies(
    data: NamedData, store: Store, learnt: Sequence[str], held: Sequence[str], *, include: bool
) -> Sequence[str]:
    """Look for training images that are copies of validation or test images.

    Args:
        data: a data set.
        store: of its images.
        learnt: images to train on.
        held: images that validate or test.
        include: go on with copies; that is noted then.

    Returns:
        What a reader must know of numbers on the test images, a sentence each.

    Raises:
        HilumErrors: there are copies, and it is not to be gone on with them.
    """
    if not is_searched({data.name: data}):
        return []
    copies = list(_copies(data, store, learnt, held).values())
    if copies and not include:
        lines = [f"{each.image_id} {_SHOWS[each.kind]} {each.of_image_id}" for each in copies[:10]]
        raise HilumErrors(
            f"--data {data.name}: training images that validate or test, too",
            lines + ([f"and {len(copies) - 10:,} others"] if len(copies) > 10 else []),
            fix=f"nothing was trained. Take them out, give both of each pair one patient id, or add {_INCLUDE}",
        )
    notes = [f"{len(copies):,} training images are copies of images that validate or test"] if copies else []
    if (unknown := not_searched(store.recipe.size, data.name)) is not None:
        notes.append(str(unknown))
    nameless = set(data.manifest.filter(~is_patient_known(data.manifest))["image_id"]) & {*learnt, *held}
    if nameless:
        notes.append(
            f"whether training and test images are of the same patients is not known: {len(nameless):,} images have no "
            "patient id"
        )
    return notes


def _copies(data: NamedData, store: Store, learnt: Sequence[str], held: Sequence[str]) -> Mapping[str, Copy]:
    """The copy that each training image is of a held-out image."""
    found: dict[str, Copy] = {}
    of_learnt, of_held = set(learnt), set(held)
    for group in equal_files({data.name: data}):
        names = [image_id for _, image_id in group]
        first = next((name for name in names if name in of_held), None)
        if first is not None:
            found |= {name: Copy(data.name, name, data.name, first, "bytes") for name in names if name in of_learnt}
    for copy in pixel_copies({data.name: held}, {data.name: store}, {data.name: learnt}):
        found.setdefault(copy.image_id, copy)
    return found
