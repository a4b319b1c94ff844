"""The columns that people's own tables have, the names they go by, and the words that stand in them.

The same names hold for labels (`hilum ingest folder --labels`), predictions (`hilum evaluate`, `hilum compare`), groups
of patients and lists of patients trained on, so that a column is never known to one command and unknown to the next.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from hilum.errors import HilumError
from hilum.findings import bare_name

COLUMN_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "image_id": ("imageid", "image", "imageindex"),
        "file": ("path", "filename", "file", "filepath", "imagepath"),
        "patient_id": ("patientid", "patient", "subjectid", "subject"),
        "study_id": ("studyid", "study", "studyinstanceuid"),
        "view": ("view", "viewposition"),
        "age": ("age", "patientage"),
        "sex": ("sex", "gender", "patientsex", "patientgender"),
        "split": ("split", "fold", "set", "partition", "subset"),
    }
)
"""Column to the names that it may have, as `bare_name` makes them, the surest first."""

_SPLIT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("train", "training"), "train"),
        **dict.fromkeys(("val", "valid", "validate", "validation", "dev"), "val"),
        **dict.fromkeys(("test", "testing"), "test"),
        **dict.fromkeys(("trainval", "trainvalidation"), "train_val"),
        "external": "external",
    }
)
UNKNOWN_WORDS = ("na", "n/a", "#n/a", "nan", "null", "none", "unknown", "?")
"""What stands for nothing in a cell, in lower case, beside nothing itself."""

_LIKE_PATIENTS = (
    *("pid", "mrn", "pat", "patid", "patno", "patnr", "patientno", "patientnr", "patientnumber", "patientname"),
    *("caseid", "case", "person"),
)
_LIKE_SPLITS = ("group", "phase", "cohort", "usage", "dataset", "datasplit", "traintest", "istest", "istrain", "cv")
_LIKE_LABELS = ("label", "labels", "class", "target", "diagnosis", "diagnoses", "finding", "findings", "findinglabels")


def refuse_patterns(path: Path, header: Sequence[str]) -> None:
    """Refuse a column named `*` or `^…$`, which polars would take for a pattern of names.

    Raises:
        HilumError: there is one.
    """
    patterns = [name for name in header if name == "*" or (name.startswith("^") and name.endswith("$"))]
    if patterns:
        found = ", ".join(map(repr, patterns[:3]))
        raise HilumError(f"{path}, header", expected="plain names of columns", found=found, fix="Rename the column.")


def known_column(name: str) -> str | None:
    """Which column of `COLUMN_NAMES` goes by this name; case, blanks, `_` and `-` do not matter."""
    bare = bare_name(name)
    return next((column for column, names in COLUMN_NAMES.items() if bare in names), None)


def columns_called(header: Sequence[str], column: str) -> list[str]:
    """The names in a header that mean one column: those of the surest spelling, usually one or none.

    Args:
        header: of a table.
        column: of `COLUMN_NAMES`; its own name stands before every other spelling.
    """
    if column in header:
        return [column]
    for spelling in COLUMN_NAMES[column]:
        if named := [name for name in header if bare_name(name) == spelling]:
            return named
    return []


def split_word(written: str) -> str | None:
    """The split that a word means: train, val, test, train_val or external; None where it means none of these."""
    return _SPLIT_WORDS.get(bare_name(written))


def likeness(name: str) -> str | None:
    """What a column that Hilum does not know seems to be, and what to do if it is; None where it seems nothing."""
    bare = bare_name(name)
    if bare in _LIKE_PATIENTS:
        return f"{name!r} looks like patients: rename it to patient_id, if it is"
    if bare in _LIKE_SPLITS or bare in COLUMN_NAMES["split"]:
        return f"{name!r} looks like a split: rename it to split and write train, val or test, if it is"
    if bare in _LIKE_LABELS:
        return f"{name!r} looks like labels: write one column a finding, with 1 and 0, if it is"
    return None
