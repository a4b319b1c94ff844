"""Findings: the vocabulary, and each data set's own names for it."""

from hilum.findings.native_names import COLLECTIONS, labelled_by, native
from hilum.findings.vocabulary import CHESTXRAY14, CHEXPERT, NO_FINDING, VOCABULARY, canonical, is_finding

__all__ = [
    "CHESTXRAY14",
    "CHEXPERT",
    "COLLECTIONS",
    "NO_FINDING",
    "VOCABULARY",
    "canonical",
    "is_finding",
    "labelled_by",
    "native",
]
