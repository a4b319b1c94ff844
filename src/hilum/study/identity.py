"""Patient identities over all data sets of a study, and the images available for pretraining.

Patients are identified by their full names (`hilum.data.patients.names`), and images with equal files are used in
addition: an image without a patient id belongs to the patient of its copy, and a pretraining image that equals a
validation or test image under another patient id is data leakage.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import polars as pl

from hilum.data.manifest import is_patient_known
from hilum.data.splits import Split, held_out_images, held_out_patients
from hilum.runs.pools.copies import FOLDER, Copy, ImageName, equal_files
from hilum.study.file import Study

if TYPE_CHECKING:
    from hilum.study.data import PreparedData


@dataclass(frozen=True)
class SharedIds:
    """Two folders with equal patient ids of unknown issuers: possibly the same patients.

    Attributes:
        data, other: Names of the data sets.
        patient_ids: Ids in both, sorted.
    """

    data: str
    other: str
    patient_ids: Sequence[str]


@dataclass(frozen=True)
class Identity:
    """Patient identities of a study.

    Attributes:
        held_out: Full names of validation and test patients, including those of copies of their images.
        pools: Images of each data set available for pretraining, in the manifest's order.
        without_patient: Images of each data set without a known patient.
        has_ids: Whether any image has a patient id.
        copies: Copies of held-out images; see `Copy`.
        equal: Groups of images with equal files; see `hilum.runs.pools.copies.equal_files`.
        shared_ids: Pairs of folders with equal ids; see `SharedIds`.
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
    """One image with the file of other images, and its patient."""

    data: str
    image_id: str
    name: str
    known: bool


def identify(
    study: Study,
    data: Mapping[str, "PreparedData"],
    split: Split | Sequence[tuple[str, Split]],
    pretraining: Sequence[str] | None = None,
) -> Identity:
    """Identify held-out patients, and the images available for pretraining.

    Files are read only if two data sets, or images of one folder, may have equal files.

    Args:
        study: The study.
        data: Data sets by name.
        split: Split of the task; or splits of all tasks and external test sets, with the names of their data sets.
        pretraining: Data sets used for pretraining; None: those of the study.
    """
    splits = [(study.labelled_data, split)] if isinstance(split, Split) else list(split)
    pretraining = study.pretraining_data if pretraining is None else pretraining
    tested_on = list(dict.fromkeys(name for name, _ in splits))
    names = list(dict.fromkeys([*tested_on, *pretraining]))
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
    """Return `image_id`, `name` (full name of the patient) and `known` (whether it has a patient id), in order."""
    image_ids = data.manifest["image_id"]
    names = pl.Series("name", data.patients(image_ids.to_list()), dtype=pl.String)
    return pl.DataFrame({"image_id": image_ids, "name": names, "known": is_patient_known(data.manifest)})


def _members(images: Mapping[str, pl.DataFrame], groups: Sequence[Sequence[ImageName]]) -> list[list[_Image]]:
    """Return the images of groups, with their patients."""
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
    """Map the names of a patient to one name, if copies of images connect them.

    Only names of images without a patient id are merged with others; two different ids are two patients.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.get(name, name) != name:
            name = parent[name]
        return name

    for members in groups:
        # Of several patients with one image, prefer the held-out one, so that doubtful images are not pretrained on.
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
    """Return pairs of folders with equal patient ids, at least one of them with unknown issuer."""
    found = []
    of_folder = {
        name: set(each.patients(each.manifest.filter(is_patient_known(each.manifest))["image_id"].to_list()))
        for name, each in data.items()
        if each.dataset.name == FOLDER
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
