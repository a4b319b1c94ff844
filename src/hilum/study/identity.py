"""Who is who in a study: patients over all of its data sets, and the images that pretraining may see.

Patients are known by their full names (`hilum.data.patients.names`). Two things are found beyond these, by the bytes of
the
image files: an image without a patient id belongs to the patient of its copy; and an image to learn from that equals a
validation or test image under the name of another patient is a leak, whatever the tables say.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
    """One image that is the file of others: where it is from, and whose it is."""

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

    Files are read only as far as two data sets, or images of one folder, may hold the same.

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
    images = {name: _images(data[name]) for name in dict.fromkeys([*names, *study.data])}
    equal = equal_files({name: data[name] for name in names})
    groups = _members(images, equal)

    held_images: dict[str, set[str]] = {name: set() for name in tested_on}
    first: set[str] = set()
    for name, each in splits:
        patients = held_out_patients(data[name].manifest, each)
        of_patients = data[name].manifest["patient_id"].is_in(pl.Series(sorted(patients), dtype=pl.String).implode())
        first |= set(images[name].filter(of_patients)["name"])
        held_images[name] |= held_out_images(each)
    people = _joined(groups, first)
    images = {name: each.with_columns(person=_renamed(each["name"], people)) for name, each in images.items()}
    held = {people.get(name, name) for name in first}

    def is_held(image: _Image) -> bool:
        return people.get(image.name, image.name) in held or image.image_id in held_images.get(image.data, ())

    named = {person for name in names for person in images[name].filter("known")["person"].unique()}
    copies = [copy for members in groups for copy in _copies(members, is_held)]
    copied = {(copy.data, copy.image_id) for copy in copies}
    copied_names = {people.get(i.name, i.name) for group in groups for i in group if (i.data, i.image_id) in copied}

    def pool_of(name: str) -> list[str]:
        gone = _among("person", held) | _among("image_id", held_images.get(name, set()))
        if study.pretrain.copies == "leave_out":
            gone |= _among("person", copied_names)
        if named and study.data[name].unknown_patients == "leave_out":
            gone |= ~_among("person", named)
        return images[name].filter(~gone)["image_id"].to_list()

    return Identity(
        held_out=frozenset({n for name in names for n in images[name].filter(_among("person", held))["name"]} | first),
        pools={name: pool_of(name) for name in study.data},
        without_patient={name: frozenset(images[name].filter(~_among("person", named))["image_id"]) for name in names},
        has_ids=bool(named),
        copies=copies,
        equal=equal,
        shared_ids=_shared_ids({name: data[name] for name in names}),
    )


def _images(data: "PreparedData") -> pl.DataFrame:
    """`image_id`, `name` (full, of the patient), and `known`: whether it came with a patient id; in order."""
    image_ids = data.manifest["image_id"]
    names = pl.Series("name", data.patients(image_ids.to_list()), dtype=pl.String)
    return pl.DataFrame({"image_id": image_ids, "name": names, "known": is_patient_known(data.manifest)})


def _members(images: Mapping[str, pl.DataFrame], groups: Sequence[Sequence[ImageName]]) -> list[list[_Image]]:
    """The images of groups, with whose they are."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for group in groups:
        for name, image_id in group:
            wanted[name].add(image_id)
    found = {
        (name, row[0]): _Image(name, *row)
        for name, image_ids in wanted.items()
        for row in images[name].filter(_among("image_id", image_ids)).iter_rows()
    }
    return [[found[image] for image in group] for group in groups]


def _among(column: str, values: Collection[str]) -> pl.Expr:
    return pl.col(column).is_in(pl.Series(sorted(values), dtype=pl.String).implode())


def _renamed(names: pl.Series, people: Mapping[str, str]) -> pl.Series:
    if not people:
        return names
    return names.replace(list(people), list(people.values()))


def _joined(groups: Sequence[Sequence[_Image]], held: set[str]) -> dict[str, str]:
    """One name for all the names of a patient, where copies of images show them to be one.

    Only names of images without a patient id are joined to others: two ids that were given are two patients, until
    somebody says that they are not.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.get(name, name) != name:
            name = parent[name]
        return name

    for members in groups:
        # Of several patients with one image the held-out one counts, so that no doubt ends in the pool.
        first = min(members, key=lambda image: (not image.known, root(image.name) not in held, image.name))
        for image in members:
            if not image.known and root(image.name) != root(first.name):
                parent[root(image.name)] = root(first.name)
    return {name: root(name) for name in parent}


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
