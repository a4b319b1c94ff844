"""Data set by finding: who labels what under which name, and what follows from it (as in Table 3 of study 4)."""

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
"""Heads of columns, so that all collections stand side by side on a terminal."""


@dataclass(frozen=True)
class FindingRow:
    """One finding across data sets.

    Attributes:
        finding: canonical name.
        native: collection to the name in its own tables, where it labels the finding.
        parts: collection to the findings that make it up, where it labels only these.
    """

    finding: str
    native: Mapping[str, str]
    parts: Mapping[str, tuple[str, ...]]


def who_labels() -> list[FindingRow]:
    """Every finding that some collection labels, or labels the parts of, in the order of the vocabulary."""
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
