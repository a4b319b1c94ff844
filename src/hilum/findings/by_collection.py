"""Findings by data set: labelled findings with native names, and derived ones (as in Table 3 of study 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hilum.findings.derived import parts_of
from hilum.findings.native_names import COLLECTIONS, labelled_by
from hilum.findings.vocabulary import VOCABULARY

SHORT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "chestxray14": "CXR14",
        "chexpert": "CheXp",
        "mimic_cxr_jpg": "MIMIC",
        "vindr_cxr": "VinDr",
        "vinbigdata": "VBD",
        "padchest": "PadCh",
        "uka_cxr": "UKA",
        "kermany": "Kerm",
        "tbx11k": "TBX",
        "gb7_flg": "GB7",
        "rsna_pneumonia": "RSNA",
    }
)
"""Short column heads, so that all collections fit in a terminal."""


@dataclass(frozen=True)
class FindingRow:
    """One finding across data sets.

    Attributes:
        finding: Canonical name.
        native: Collection to the name in its own tables, if it labels the finding.
        parts: Collection to the parts of the finding, if it labels only these.
    """

    finding: str
    native: Mapping[str, str]
    parts: Mapping[str, tuple[str, ...]]


def findings_by_collection() -> list[FindingRow]:
    """Return every finding that some collection labels, or whose parts it labels, in the order of the vocabulary."""
    labelled = {collection: labelled_by(collection) for collection in COLLECTIONS}
    rows = []
    for finding in VOCABULARY:
        names = {collection: own[finding] for collection, own in labelled.items() if finding in own}
        parts = {
            collection: made_of
            for collection, own in labelled.items()
            if finding not in own and (made_of := parts_of(finding, own)) is not None
        }
        if names or parts:
            rows.append(FindingRow(finding, MappingProxyType(names), MappingProxyType(parts)))
    return rows
