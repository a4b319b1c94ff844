"""Findings that each collection labels, and their names in the collection's own tables.

The layouts are read in `hilum.data.collections`. A finding that a data set does not label is missing from its map, and
null in its manifest.
"""

from collections.abc import Callable, KeysView, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from hilum.errors import HilumError
from hilum.extensions import COLLECTIONS as GROUP
from hilum.extensions import Registry, wrong_kind
from hilum.findings.vocabulary import CHESTXRAY14, CHEXPERT, NO_FINDING, VOCABULARY, bare_name, canonical, spellings

_UNDERSCORED = {"Pleural Effusion": "Effusion", "Pleural Thickening": "Pleural_Thickening"}

_VINBIGDATA = {
    "Aortic Enlargement": "Aortic enlargement",
    "Atelectasis": "Atelectasis",
    "Calcification": "Calcification",
    "Cardiomegaly": "Cardiomegaly",
    "Consolidation": "Consolidation",
    "Interstitial Lung Disease": "ILD",
    "Infiltration": "Infiltration",
    "Lung Opacity": "Lung Opacity",
    "Nodule/Mass": "Nodule/Mass",
    "Other Lesion": "Other lesion",
    "Pleural Effusion": "Pleural effusion",
    "Pleural Thickening": "Pleural thickening",
    "Pneumothorax": "Pneumothorax",
    "Fibrosis": "Pulmonary fibrosis",
    NO_FINDING: "No finding",
}
_VINDR_CXR = {
    **{finding: name for finding, name in _VINBIGDATA.items() if finding != NO_FINDING},
    "Clavicle Fracture": "Clavicle fracture",
    "Edema": "Edema",
    "Emphysema": "Emphysema",
    "Enlarged Pulmonary Artery": "Enlarged PA",
    "Lung Cavity": "Lung cavity",
    "Lung Cyst": "Lung cyst",
    "Mediastinal Shift": "Mediastinal shift",
    "Rib Fracture": "Rib fracture",
    "COPD": "COPD",
    "Lung Tumor": "Lung tumor",
    "Pneumonia": "Pneumonia",
    "Tuberculosis": "Tuberculosis",
    "Other Disease": "Other diseases",
    NO_FINDING: "No finding",
}
_TBX11K = {
    "Tuberculosis": "tb",
    "Active Tuberculosis": "ActiveTuberculosis",
    "Latent Tuberculosis": "ObsoletePulmonaryTuberculosis",
    "Other Disease": "sick",
    NO_FINDING: "health",
}
_KERMANY = {
    "Pneumonia": "PNEUMONIA",
    "Bacterial Pneumonia": "bacteria",
    "Viral Pneumonia": "virus",
    NO_FINDING: "NORMAL",
}


@dataclass(frozen=True)
class AddedCollection:
    """Data set of an installed package, added by an entry point of `hilum.collections`.

    Attributes:
        read: `read(root, *, allow_missing, on_progress)`: reads the data set's folder into a
            `hilum.data.collections.Dataset`, as the modules of `hilum.data.collections` do.
        findings: Labelled findings: name in `VOCABULARY` to the name in the data set's own tables.
        published_ids: True if patient ids are published pseudonyms, as in public data sets; otherwise they may be a
            hospital's ids, and cards hold them hashed with the user's secret salt.
        source: Text for `hilum data where`: `title`, `licence`, `access`, `size`, `where`, `files`, … as in
            `hilum.data.sources.DataSource`; may be empty.
    """

    read: Callable[..., Any]
    findings: Mapping[str, str]
    published_ids: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)


def _collection(name: str, added: object) -> AddedCollection:
    """Check the object of an entry point of `hilum.collections`."""
    if not isinstance(added, AddedCollection):
        raise wrong_kind(GROUP, name, "a hilum.findings.AddedCollection", added)
    if unknown := [finding for finding in added.findings if finding not in VOCABULARY]:
        raise HilumError(
            f"entry point {name} of {GROUP}",
            expected="findings of the vocabulary, by their canonical names",
            found=", ".join(unknown),
            fix="`hilum findings` lists them.",
        )
    return added


ADDED_COLLECTIONS: Registry[AddedCollection] = Registry(GROUP, {}, _collection)
"""Added collections by name."""

_LABELLED: Mapping[str, Mapping[str, str]] = Registry(
    GROUP,
    {
        "chestxray14": {finding: _UNDERSCORED.get(finding, finding) for finding in (*CHESTXRAY14, NO_FINDING)},
        "chexpert": {finding: finding for finding in CHEXPERT},
        "mimic_cxr_jpg": {finding: finding for finding in CHEXPERT},
        "vindr_cxr": _VINDR_CXR,
        "vinbigdata": _VINBIGDATA,
        "padchest": {
            "Atelectasis": "atelectasis",
            "Cardiomegaly": "cardiomegaly",
            "Pleural Effusion": "pleural effusion",
            "Infiltration": "infiltrates",
            "Mass": "mass",
            "Nodule": "nodule",
            "Pneumonia": "pneumonia",
            "Pneumothorax": "pneumothorax",
            "Consolidation": "consolidation",
            "Edema": "pulmonary edema",
            "Emphysema": "emphysema",
            "Fibrosis": "pulmonary fibrosis",
            "Pleural Thickening": "pleural thickening",
            "Hernia": "hiatal hernia",
            "Congestion": "hilar congestion",
            "COPD": "COPD signs",
            "Aortic Elongation": "aortic elongation",
            "Kyphosis": "kyphosis",
            "Scoliosis": "scoliosis",
            "Air Trapping": "air trapping",
            "Bronchiectasis": "bronchiectasis",
            "Chronic Changes": "chronic changes",
            "Lung Cavity": "cavitation",
            "Pacemaker": "pacemaker",
            "Sternotomy": "sternotomy",
            "Tuberculosis": "tuberculosis",
            "Volume Loss": "volume loss",
            NO_FINDING: "normal",
        },
        "uka_cxr": {
            "Cardiomegaly": "cardiomegaly",
            "Congestion": "congestion",
            "Pleural Effusion Right": "pleural_effusion_right",
            "Pleural Effusion Left": "pleural_effusion_left",
            "Pneumonia Right": "pneumonic_infiltrates_right",
            "Pneumonia Left": "pneumonic_infiltrates_left",
            "Atelectasis Right": "atelectasis_right",
            "Atelectasis Left": "atelectasis_left",
            NO_FINDING: "healthy",
        },
        "kermany": _KERMANY,
        "tbx11k": _TBX11K,
        "gb7_flg": {"Pneumonia": "pnevmoniya", NO_FINDING: "norma"},
        "rsna_pneumonia": {"Lung Opacity": "Lung Opacity", "Pneumonia": "Target", NO_FINDING: "Normal"},
        "folder": {},
    },
    lambda name, added: _collection(name, added).findings,
)
COLLECTIONS: KeysView[str] = _LABELLED.keys()
"""Names of the collections that Hilum can read: its own, `folder` (the user's own images), and those of installed
packages."""


def labelled_by(collection: str) -> Mapping[str, str]:
    """Return the findings that a collection labels: canonical name to the name in its own tables.

    Empty for `folder`, whose findings are those of the user's table.

    Raises:
        HilumError: Unknown collection.
    """
    if collection not in _LABELLED:
        raise HilumError(
            "collection", expected=f"one of {', '.join(COLLECTIONS)}", found=repr(collection), fix="Use one."
        )
    return MappingProxyType(dict(_LABELLED[collection]))


def native(finding: str, collection: str) -> str:
    """Return a finding's name in a data set's own tables; the canonical name if the data set does not label it.

    Raises:
        HilumError: Unknown finding or collection.
    """
    return labelled_by(collection).get(canonical(finding), canonical(finding))


@cache
def labelled_spellings(collection: str) -> Mapping[str, str]:
    """Return every spelling, normalised by `bare_name`, of the findings that a collection labels, with canonical names.

    Raises:
        HilumError: Unknown collection.
    """
    labelled = labelled_by(collection)
    known = {spelling: finding for spelling, finding in spellings().items() if finding in labelled}
    return MappingProxyType(known | {bare_name(written): finding for finding, written in labelled.items()})


def labelled_finding(name: str, collection: str) -> str | None:
    """Return the finding that a name in a collection's table means; None if the collection does not label it.

    Args:
        name: Name in the table: the collection's own word, or any spelling that `canonical` accepts.
        collection: Name of the collection.

    Raises:
        HilumError: Unknown collection.
    """
    return labelled_spellings(collection).get(bare_name(name))
