"""Names of patients across data sets, so that cards can list the patients that weights were trained on.

A number is unique only for its issuer: patient 7 of one data set is another person than patient 7 of the next. A
patient's full name is `<issuer>:<number>`. The issuer of a public data set is its collection, whatever its folder or
its name in a study; that of the user's own images is given, or is their name in the study; that of generated images is
their population. A number with a collection's name keeps it: RSNA's images are ChestX-ray14's, and their patients have
that name.

All spellings of a number are one patient: 00000013, 13 and 13.0 are the same (`hilum.data.patients.ids`).

An own image without a patient id counts as its own patient, `<issuer>:?<image>`. The mark "?" means that the patient is
unknown and may be any other.
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
"""Hidden file of generated images with the name of their population."""


def patient_names(patient_ids: Iterable[str], issuer: str) -> list[str]:
    """Return full names of patients, in the same order, with canonical numbers.

    Numbers with a collection's or the issuer's name, "clinic:13", keep it.
    """
    known, own = tuple(f"{collection}:" for collection in COLLECTIONS), f"{issuer.casefold()}:"
    numbers = (canonical_patient_id(patient_id) for patient_id in patient_ids)
    return [number if number.startswith(known) else f"{issuer}:{number.removeprefix(own)}" for number in numbers]


def full_names(manifest: pl.DataFrame, issuer: str) -> list[str]:
    """Return full names of the patients of all images of a manifest, in its order, with "?" for unknown patients.

    Args:
        manifest: `image_id`, `patient_id`, and optionally `patient_known`.
        issuer: Issuer of the patient ids.
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
    """Return the issuer of the patient ids of a data set.

    Args:
        root: Folder of the data set.
        collection: Collection that reads it.
        stated: Issuer given by the user; used for `folder` only.
    """
    mark = root / GENERATED_MARK
    if mark.is_file():
        return str(json.loads(mark.read_text(encoding="utf-8"))["population"])
    return stated if collection == "folder" else collection


def mark_generated(root: Path, seed: int) -> None:
    """Write the mark of generated images: their patients are those of this seed's population, in any layout."""
    write_json(root / GENERATED_MARK, {"population": f"phantom-s{seed}"})
