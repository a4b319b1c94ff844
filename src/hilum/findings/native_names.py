"""Who labels what, under which name: the findings of each collection and the words of its own tables.

The layouts are read in `hilum.data.collections`; here stand only the names. What a data set does not label is absent
from its map, and null in its manifest.
"""

from collections.abc import Mapping
from types import MappingProxyType

from hilum.errors import HilumError
from hilum.findings.vocabulary import CHESTXRAY14, CHEXPERT, NO_FINDING, canonical

_UNDERSCORED = {"Pleural Effusion": "Effusion", "Pleural Thickening": "Pleural_Thickening"}

_LABELLED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "chestxray14": {finding: _UNDERSCORED.get(finding, finding) for finding in (*CHESTXRAY14, NO_FINDING)},
        "chexpert": {finding: finding for finding in CHEXPERT},
        "mimic_cxr_jpg": {finding: finding for finding in CHEXPERT},
        "vindr_cxr": {},
        "vinbigdata": {},
        "padchest": {},
        "uka_cxr": {},
        "kermany": {},
        "tbx11k": {},
        "gb7_flg": {},
        "rsna_pneumonia": {},
        "folder": {},
    }
)
COLLECTIONS: tuple[str, ...] = tuple(_LABELLED)
"""Names of the collections whose native layout Hilum reads; `folder` is anybody's own films."""


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
