"""Findings: the vocabulary, the names in each data set, and derived findings."""

from hilum.findings.by_collection import SHORT_NAMES, FindingRow, findings_by_collection
from hilum.findings.derived import DERIVED, parts_of
from hilum.findings.native_names import (
    ADDED_COLLECTIONS,
    COLLECTIONS,
    AddedCollection,
    labelled_by,
    labelled_finding,
    labelled_spellings,
    native,
)
from hilum.findings.vocabulary import CHESTXRAY14, CHEXPERT, NO_FINDING, VOCABULARY, bare_name, canonical, is_finding

__all__ = [
    "ADDED_COLLECTIONS",
    "CHESTXRAY14",
    "CHEXPERT",
    "COLLECTIONS",
    "DERIVED",
    "NO_FINDING",
    "SHORT_NAMES",
    "VOCABULARY",
    "AddedCollection",
    "FindingRow",
    "bare_name",
    "canonical",
    "findings_by_collection",
    "is_finding",
    "labelled_by",
    "labelled_finding",
    "labelled_spellings",
    "native",
    "parts_of",
]
