"""Checks of a data set before training: leakage, duplicates, conflicting labels, unreadable and atypical images."""

from hilum.data.doctor.checked_dataset import (
    CheckedDataset,
    as_checked_dataset,
    read_ingested,
    with_split,
    with_unique_names,
)
from hilum.data.doctor.examine import Diagnosis, diagnose, measure_all, write_tables
from hilum.data.doctor.issues import SEVERITIES, Issue, Severity
from hilum.data.store import is_ingested

__all__ = [
    "SEVERITIES",
    "CheckedDataset",
    "Diagnosis",
    "Issue",
    "Severity",
    "as_checked_dataset",
    "diagnose",
    "is_ingested",
    "measure_all",
    "read_ingested",
    "with_split",
    "with_unique_names",
    "write_tables",
]
