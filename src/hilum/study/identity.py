"""Who is who in a study: patients over all of its data sets, and the images that pretraining may see.

Patients are known by their full names (`hilum.data.patients.names`). Two things are found beyond these, by the bytes of
the
image files: an image without a patient id belongs to the patient of its copy; and an image to learn from that equals a
validation or test image under the name of another patient is a leak, whatever the tables say.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import polars as pl

from hilum.data.manifest import is_patient_known
from hilum.data.splits import Split, held_out_images, held_out_patients
from hilum.runs.copies import FOLDER, Copy, ImageName, equal_files
from hilum.study.file import Study

if TYPE_CHECKING:
    from hilum.study.data import PreparedData


@dataclass(frozen=True)
class SharedIds:
    """Two folders that name patients by equal ids, and nobody says whether these are the same people.

    Attributes:
        data, other: names of the data sets.
        patient_ids: that both have, sorted.
    """

    data: str
    other: str
    patient_ids: Sequence[str]


@dataclass(frozen=True)
class Identity:
    """Who is who.

    Attributes:
        held_out: full names of the patients who validate or test, copies followed.
        pools: images of each data set that pretraining may see, in the manifest's order.
        without_patient: images of each data set whose patient nobody knows.
        has_ids: whether any image of the data sets that matter came with a patient id.
        copies: of held-out images; see `Copy`.
        equal: groups of images whose files hold the same bytes; see `hilum.runs.copies.equal_files`.
        shared_ids: see `SharedIds`.
    """

    held_out: frozenset[str]
    pools: Mapping[str, list[str]]
    without_patient: Mapping[str, frozenset[str]] = field(default_factory=dict)
    has_ids: bool = True
    copies: Sequence[Copy] = ()
    equal: Sequence[Sequence[ImageName]] = ()
    shared_ids: Sequence[SharedIds] = ()


@dataclass(frozen=True)
class _Image:
    """One image of the data sets that matter: where it is from, and whose it is."""

    data: str
    image_id: str
    name: str
    known: bool


def identify(
    study: Study,
    data: Mapping[str, "PreparedData"],
    split: Split | Sequence[tuple[str, Split]],
    learnt: Sequence[str] | None = None,
) -> Identity:
    """Find out who is held out, who is who, and what is left to pretrain on.

    Files are read only where an arm pretrains, and only as far as two data sets, or images of one folder, may hold the
    same.

    Args:
        study: the study.
        data: its data sets, by name.
        split: of the images of the task; or of all tasks and external test sets, with the name of the data set of each.
        learnt: data sets that some arm has learnt from before it is fine-tuned; those of the study when left out.
    """
    splits = [(study.labelled_data, split)] if isinstance(split, Split) else list(split)
    learnt = study.pretraining_data if learnt is None else learnt
    tested_on = list(dict.fromkeys(name for name, _ in splits))
    names = list(dict.fromkeys([*tested_on, *learnt])) if learnt else tested_on
    images = [image for name in names for image in _images(name, data[name])]
    equal = equal_files({name: data[name] for name in names}) if learnt else []
    row_of = {(image.data, image.image_id): row for row, image in enumerate(images)} if equal else {}
    groups = [[row_of[image] for image in group] for group in equal]

    held_images: dict[str, set[str]] = {name: set() for name in tested_on}
    of_held_patients: dict[str, set[str]] = {name: set() for name in tested_on}
    for name, each in splits:
        manifest, patients = data[name].manifest, held_out_patients(data[name].manifest, each)
        rows = manifest.filter(pl.col("patient_id").is_in(pl.Series(sorted(patients), dtype=pl.String).implode()))
        of_held_patients[name] |= set(rows["image_id"])
        held_images[name] |= held_out_images(each)
    first = {image.name for image in images if image.image_id in of_held_patients.get(image.data, ())}
    people = _joined(images, groups, first)
    held = {people.get(name, name) for name in first}

    def person(image: _Image) -> str:
        return people.get(image.name, image.name)

    def is_held(image: _Image) -> bool:
        return person(image) in held or image.image_id in held_images.get(image.data, ())

    named = {person(image) for image in images if image.known}
    copies = [copy for rows in groups for copy in _copies([images[row] for row in rows], is_held)]
    copied = {(copy.data, copy.image_id) for copy in copies}
    copied_names = {person(image) for image in images if (image.data, image.image_id) in copied}

    def may_pretrain(image: _Image) -> bool:
        if is_held(image):
            return False
        if study.pretrain.copies == "leave_out" and person(image) in copied_names:
            return False
        return not (named and person(image) not in named and study.data[image.data].unknown_patients == "leave_out")

    of_data: dict[str, list[_Image]] = defaultdict(list)
    for image in images:
        of_data[image.data].append(image)
    of_data |= {name: list(_images(name, data[name])) for name in study.data if name not in of_data}
    return Identity(
        held_out=frozenset({image.name for image in images if person(image) in held} | first),
        pools={name: [i.image_id for i in of_data[name] if may_pretrain(i)] for name in study.data},
        without_patient={
            name: frozenset(image.image_id for image in of_data[name] if person(image) not in named) for name in names
        },
        has_ids=bool(named),
        copies=copies,
        equal=equal,
        shared_ids=_shared_ids({name: data[name] for name in names}),
    )


def _images(name: str, data: "PreparedData") -> Iterable[_Image]:
    image_ids = data.manifest["image_id"].to_list()
    known = is_patient_known(data.manifest).to_list()
    for image_id, patient, is_known in zip(image_ids, data.patients(image_ids), known, strict=True):
        yield _Image(name, image_id, patient, is_known)


def _joined(images: Sequence[_Image], groups: Sequence[Sequence[int]], held: set[str]) -> dict[str, str]:
    """One name for all the names of a patient, where copies of images show them to be one.

    Only names of images without a patient id are joined to others: two ids that were given are two patients, until
    somebody says that they are not.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.get(name, name) != name:
            name = parent[name]
        return name

    for rows in groups:
        members = [images[row] for row in rows]
        # Of several patients with one image the held-out one counts, so that no doubt ends in the pool.
        first = min(members, key=lambda image: (not image.known, root(image.name) not in held, image.name))
        for image in members:
            if not image.known and root(image.name) != root(first.name):
                parent[root(image.name)] = root(first.name)
    return {image.name: root(image.name) for image in images if image.name in parent}


def _copies(members: Sequence[_Image], is_held: Callable[[_Image], bool]) -> Iterable[Copy]:
    held = [image for image in members if is_held(image)]
    if not held:
        return
    for image in members:
        if not is_held(image):
            yield Copy(image.data, image.image_id, held[0].data, held[0].image_id, "bytes")


def _shared_ids(data: Mapping[str, "PreparedData"]) -> list[SharedIds]:
    """Pairs of folders with equal patient ids of which one does not say who gave them."""
    found = []
    of_folder = {
        name: set(each.patients(each.manifest.filter(is_patient_known(each.manifest))["image_id"].to_list()))
        for name, each in data.items()
        if each.collected.name == FOLDER
    }
    for one, other in combinations(of_folder, 2):
        issuers = data[one].issuer, data[other].issuer
        if issuers[0] == issuers[1] or all(data[name].issuer_known for name in (one, other)):
            continue
        both = set.intersection(
            *({each.removeprefix(f"{data[name].issuer}:") for each in of_folder[name]} for name in (one, other))
        )
        if both:
            found.append(SharedIds(one, other, sorted(both)))
    return found
