"""Patients under names that hold everywhere, so that weights can say which patients they were trained on.

A number means little without who gave it: patient 7 of one data set is another person than patient 7 of the next. A
patient's full name is `<issuer>:<number>`. The issuer of a public data set is its collection, wherever the files are
and whatever a study calls them; that of anybody's own images is given, or is their name in the study; that of generated
images is their population. A number that already carries a collection's name keeps it: RSNA's images are
ChestX-ray14's, and their patients are found again under that name.

One number is one patient however it is written: 00000013, 13 and 13.0 are the same (`hilum.data.patients.ids`).

An image of one's own that came without a patient id counts as a patient of its own, `<issuer>:?<image>`. The mark says
that this is nobody's id: whether that patient is another one, nobody knows.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from hilum.artifacts import write_json
from hilum.data.patients.ids import canonical_patient_id
from hilum.data.patients.pseudonyms import WITHOUT_ID, is_public
from hilum.findings import COLLECTIONS

GENERATED_MARK = ".hilum-phantom.json"
"""Hidden file that generated images carry beside their native ones: whose population they are."""


def patient_names(patient_ids: Iterable[str], issuer: str) -> list[str]:
    """Full names of patients, in the same order; each number in its canonical spelling.

    A number that already carries a collection's or the issuer's name, "clinic:13", is not given another one.
    """
    known, own = tuple(f"{collection}:" for collection in COLLECTIONS), f"{issuer.casefold()}:"
    numbers = (canonical_patient_id(patient_id) for patient_id in patient_ids)
    return [number if number.startswith(known) else f"{issuer}:{number.removeprefix(own)}" for number in numbers]


def full_names(manifest: pl.DataFrame, issuer: str) -> list[str]:
    """Full names of the patients of all images of a manifest, in its order; marked where an image has no patient id.

    Args:
        manifest: `image_id`, `patient_id`, and `patient_known` where it says whose id is only the image's.
        issuer: of the patients.
    """
    written = manifest["patient_id"].unique()
    spelt = pl.Series(patient_names(written, issuer), dtype=pl.String)
    names = manifest["patient_id"].replace_strict(written, spelt, return_dtype=pl.String).to_list()
    if is_public(issuer):
        return names
    known = manifest["patient_known"] if "patient_known" in manifest.columns else None
    without = manifest["patient_id"] == manifest["image_id"] if known is None else ~known
    return [
        f"{issuer}:{WITHOUT_ID}{name.removeprefix(f'{issuer}:')}" if unnamed else name
        for name, unnamed in zip(names, without, strict=True)
    ]


def issuer_of(root: Path, collection: str, stated: str) -> str:
    """Who gave the patients of a data set their numbers.

    Args:
        root: of the data set.
        collection: it was read as.
        stated: what the user calls the issuer; counts for `folder`, where nothing else could know.
    """
    mark = root / GENERATED_MARK
    if mark.is_file():
        return str(json.loads(mark.read_text(encoding="utf-8"))["population"])
    return stated if collection == "folder" else collection


def mark_generated(root: Path, seed: int) -> None:
    """Leave the mark of generated images: their patients are those of the population of this seed, in any layout."""
    write_json(root / GENERATED_MARK, {"population": f"phantom-s{seed}"})
