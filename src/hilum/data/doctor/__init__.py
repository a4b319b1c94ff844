"""The doctor: what is wrong with a data set, reported before anything is trained on it."""

from hilum.data.doctor.examine import Diagnosis, diagnose, measure_all, write_tables
from hilum.data.doctor.examined import Examined, as_examined, is_ingested, named_apart, read_ingested, with_split
from hilum.data.doctor.issues import SEVERITIES, Issue, Severity

__all__ = [
    "SEVERITIES",
    "Diagnosis",
    "Examined",
    "Issue",
    "Severity",
    "as_examined",
    "diagnose",
    "is_ingested",
    "measure_all",
    "named_apart",
    "read_ingested",
    "with_split",
    "write_tables",
]
