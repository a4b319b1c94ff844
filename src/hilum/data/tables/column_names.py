"""Columns of users' tables, their alternative names, and words for unknown values.

The same names apply to labels (`hilum ingest folder --labels`), predictions (`hilum evaluate`, `hilum compare`), groups
of patients and lists of training patients, so that all commands accept the same columns.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from hilum.errors import HilumError
from hilum.findings import bare_name
from hilum.notes import Code, Note, note

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
"""Column to its possible names, as normalised by `bare_name`, preferred names first."""

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
"""Cells that mean unknown, in lower case, besides blank ones."""

_LIKE_PATIENTS = (
    *("pid", "mrn", "pat", "patid", "patno", "patnr", "patientno", "patientnr", "patientnumber", "patientname"),
    *("caseid", "case", "person"),
)
_LIKE_SPLITS = ("group", "phase", "cohort", "usage", "dataset", "datasplit", "traintest", "istest", "istrain", "cv")
_LIKE_LABELS = ("label", "labels", "class", "target", "diagnosis", "diagnoses", "finding", "findings", "findinglabels")


def refuse_patterns(path: Path, header: Sequence[str]) -> None:
    """Refuse a column named `*` or `^…$`, which polars interprets as a pattern of names.

    Raises:
        HilumError: The header has such a column.
    """
    patterns = [name for name in header if name == "*" or (name.startswith("^") and name.endswith("$"))]
    if patterns:
        found = ", ".join(map(repr, patterns[:3]))
        raise HilumError(f"{path}, header", expected="plain names of columns", found=found, fix="Rename the column.")


def known_column(name: str) -> str | None:
    """Return the column of `COLUMN_NAMES` with this name; case, blanks, `_` and `-` are ignored."""
    bare = bare_name(name)
    return next((column for column, names in COLUMN_NAMES.items() if bare in names), None)


def columns_called(header: Sequence[str], column: str) -> list[str]:
    """Return the names in a header that mean a column: those of the preferred spelling, usually one or none.

    Args:
        header: Header of a table.
        column: Column of `COLUMN_NAMES`; its own name precedes all other spellings.
    """
    if column in header:
        return [column]
    for spelling in COLUMN_NAMES[column]:
        if named := [name for name in header if bare_name(name) == spelling]:
            return named
    return []


def split_word(written: str) -> str | None:
    """Return the split that a word means: train, val, test, train_val or external; None for other words."""
    return _SPLIT_WORDS.get(bare_name(written))


def likeness(name: str) -> Note | None:
    """Return advice on an unknown column that may be a misnamed one; None for others."""
    bare = bare_name(name)
    if bare in _LIKE_PATIENTS:
        return note(Code.LIKE_PATIENTS, column=name)
    if bare in _LIKE_SPLITS or bare in COLUMN_NAMES["split"]:
        return note(Code.LIKE_SPLIT, column=name)
    if bare in _LIKE_LABELS:
        return note(Code.LIKE_LABELS, column=name)
    return None
