"""Checks of file names and paths: UTF-8, and inside the root."""

import os
from pathlib import Path

NOT_UTF8 = "a name that is not UTF-8: no table can hold it; rename the file or its folder"
"""Reason for the exclusion of a file whose path is not UTF-8."""
NOT_ON_DISK = "not on disk"
"""Reason for the exclusion of an image without a file."""
OUTSIDE = "a path out of the data set's folder"
"""Reason for the exclusion of a file outside of the root."""


def is_utf8(name: str) -> bool:
    """Return true for a name that can be encoded as UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    r"""Return the name, with escapes such as `\xed` for bytes that are not UTF-8."""
    return name if is_utf8(name) else os.fsencode(name).decode(errors="backslashreplace")


def leads_inside(path: Path, root: Path) -> bool:
    """Return true for a path that is below a root after symbolic links are resolved.

    Args:
        path: Path of a file, which need not exist.
        root: Resolved path of the root.
    """
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError, ValueError):  # circular links; an invalid name
        return False
