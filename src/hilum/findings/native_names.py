"""Who labels what, under which name: the findings of each collection and the words of its own tables.

The layouts are read in `hilum.data.collections`; here stand only the names. What a data set does not label is absent
from its map, and null in its manifest.
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
    """A data set that an installed package adds, by an entry point of `hilum.collections`.

    Attributes:
        read: `read(root, *, allow_missing, on_progress)`, from the data set's folder to a
            `hilum.data.collections.Collected`, as the modules of `hilum.data.collections` do.
        findings: what it labels: name in `VOCABULARY` to the name in its own tables.
        published_ids: whether patients' ids are published pseudonyms, as those of public data sets; otherwise they may
            be a hospital's, and cards hold them hashed under the user's secret salt.
        source: what `hilum data where` says: `title`, `licence`, `access`, `size`, `where`, `files`, … as in
            `hilum.data.sources.DataSource`; empty where there is nothing to say.
    """

    read: Callable[..., Any]
    findings: Mapping[str, str]
    published_ids: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)


def _collection(name: str, added: object) -> AddedCollection:
    """What an entry point of `hilum.collections` gives."""
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
"""By name, without Hilum's own."""

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
"""Names of the collections whose native layout Hilum reads, and of those that installed packages add; `folder` is
anybody's own images."""


def labelled_by(collection: str) -> Mapping[str, str]:
    """The findings that a collection labels: canonical name to the name in its own tables.

    Empty for `folder`, whose findings are those of the user's table.

    Raises:
        HilumError: no such collection.
    """
    if collection not in _LABELLED:
        raise HilumError(
            "collection", expected=f"one of {', '.join(COLLECTIONS)}", found=repr(collection), fix="Use one."
        )
    return MappingProxyType(dict(_LABELLED[collection]))


def native(finding: str, collection: str) -> str:
    """The name by which a data set's own tables call a canonical finding (the canonical one where it has none).

    Raises:
        HilumError: the finding is not in the vocabulary, or the collection is unknown.
    """
    return labelled_by(collection).get(canonical(finding), canonical(finding))


@cache
def labelled_spellings(collection: str) -> Mapping[str, str]:
    """Every spelling of the findings that a collection labels, as `bare_name` makes it, to the canonical name.

    Raises:
        HilumError: no such collection.
    """
    labelled = labelled_by(collection)
    known = {spelling: finding for spelling, finding in spellings().items() if finding in labelled}
    return MappingProxyType(known | {bare_name(written): finding for finding, written in labelled.items()})


def labelled_finding(name: str, collection: str) -> str | None:
    """The finding that a table of a collection means; None where the collection labels no such finding.

    Args:
        name: as the table writes it: the collection's own word, or any spelling that `canonical` understands.
        collection: whose table it is.

    Raises:
        HilumError: no such collection.
    """
    return labelled_spellings(collection).get(bare_name(name))
