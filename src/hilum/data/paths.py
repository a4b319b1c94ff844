"""Names and places of files: names that no table can hold, and paths that lead out of their root."""

import os
from pathlib import Path

NOT_UTF8 = "a name that is not UTF-8: no table can hold it; rename the file or its folder"
"""Why a file is set aside whose name, or whose folder's name, is no text."""


def is_utf8(name: str) -> bool:
    """Whether a name, as Python gives it, is text that can be written in UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    r"""The name itself where it is text; otherwise with `\xed` and the like for the bytes that are not UTF-8."""
    return name if is_utf8(name) else os.fsencode(name).decode(errors="backslashreplace")


def leads_inside(path: Path, root: Path) -> bool:
    """Whether a path, its links followed, stays below a root.

    Args:
        path: of a file, which need not be there.
        root: resolved.
    """
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError, ValueError):  # links in a circle; a name that cannot be
        return False
