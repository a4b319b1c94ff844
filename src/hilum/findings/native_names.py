"""Who labels what, under which name: the findings of each collection and the words of its own tables.

The layouts are read in `hilum.data.collections`; here stand only the names. What a data set does not label is absent
from its map, and null in its manifest.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from hilum.errors import HilumError
from hilum.findings.vocabulary import CHESTXRAY14, CHEXPERT, NO_FINDING, bare_name, canonical, spellings

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

_LABELLED: Mapping[str, Mapping[str, str]] = MappingProxyType(
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
    }
)
COLLECTIONS: tuple[str, ...] = tuple(_LABELLED)
"""Names of the collections whose native layout Hilum reads; `folder` is anybody's own images."""


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
